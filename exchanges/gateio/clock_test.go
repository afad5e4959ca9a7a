package gateio

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
)

// The venue's time comes from REST and from pongs; what has none says so.
func TestVenueTime(t *testing.T) {
	ns, err := New().ParseTime([]byte(`{"server_time":1597026383085}`))
	require.NoError(t, err)
	assert.Equal(t, int64(1597026383085)*1e6, ns)
	for _, body := range []string{`{}`, `{"server_time":0}`, `{"server_time":-1}`, `<html>`, `{"server_time":99999999999999999}`} {
		_, err := New().ParseTime([]byte(body))
		assert.Error(t, err, body)
	}
	var b exchanges.Batch
	symbols := exchanges.NewSymbolTable()
	v := New().Decode([]byte(`{"time":1597026383,"time_ms":1597026383085,"channel":"spot.pong","event":"","result":null}`), symbols, &b)
	assert.Equal(t, exchanges.ClassPong, v.Class)
	assert.Equal(t, int64(1597026383085)*1e6, v.TimeNS)
	v = New().Decode([]byte(`{"time":1597026383,"channel":"spot.pong","event":"","result":null}`), symbols, &b)
	assert.Equal(t, exchanges.ClassPong, v.Class)
	assert.Zero(t, v.TimeNS, "whole seconds measure nothing")
}
