package feed_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// A segment's file that is truncated from outside under load ends its feed with an
// error that says so, not the program; the next publisher of the feed goes on with
// the next generation.
func TestTruncatedSegmentEndsTheFeedAlone(t *testing.T) {
	for _, c := range []struct {
		name string
		size int64
		wait feed.WaitMode
	}{
		{"behind its header", ring.HeaderSize, feed.WaitAdaptive}, {"to nothing", 0, feed.WaitAdaptive},
		{"in busy mode", ring.HeaderSize, feed.WaitBusy},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startSim(t, sim.Config{Rate: 2000, Symbols: 10, Settle: 20 * time.Millisecond})
			dir := t.TempDir()
			p := startFeed(t, s, func(f *feed.PublisherConfig) { f.Dir, f.Wait = dir, c.wait })
			require.Eventually(t, func() bool { return p.View().LastSequence() > 100 }, 5*time.Second, time.Millisecond)
			require.NoError(t, os.Truncate(filepath.Join(dir, "gateio"), c.size))
			select {
			case <-p.Done():
			case <-time.After(5 * time.Second):
				require.Fail(t, "the feed goes on without its memory")
			}
			require.ErrorIs(t, p.Err(), shm.ErrTruncatedUnderUs)
			require.NoError(t, p.Close())

			next := startFeed(t, s, func(c *feed.PublisherConfig) { c.Dir = dir })
			assert.Equal(t, uint64(2), next.View().Generation())
			require.Eventually(t, func() bool { return next.View().LastSequence() > 100 }, 5*time.Second, time.Millisecond)
		})
	}
}
