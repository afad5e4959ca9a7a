package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shortPairs leave a machine that runs other tests beside this one time for the storms.
const shortPairs = 24

// A short run over all venues finds nothing to complain of: every storm settles,
// the accounts agree, nothing is lost or left behind, and recovery keeps the limit.
func TestShortSoak(t *testing.T) {
	var out bytes.Buffer
	r, err := run(options{length: 6 * time.Second, venue: allVenues, pairs: shortPairs, out: &out})
	t.Logf("\n%s%s", &out, r)
	require.NoError(t, err)
	assert.True(t, r.good())
	assert.Greater(t, r.faults, 10)
}
