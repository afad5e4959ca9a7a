package feed_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/mexc"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/feed/internal/recording"
	"github.com/tickring/tickring/ring"
)

// newVenue makes a dialect for a replay.
func newVenue(venue string, options [][2]string) (feed.Dialect, error) {
	var d interface {
		feed.Dialect
		Set(key, value string) error
	}
	switch venue {
	case "gateio":
		d = gateio.New()
	case "mexc":
		d = mexc.New()
	default:
		return nil, fmt.Errorf("no venue %q", venue)
	}
	for _, o := range options {
		if err := d.Set(o[0], o[1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// stage is a simulated venue and a configuration of a feed of it.
type stage struct {
	sim *sim.Server
	cfg feed.PublisherConfig
}

func newStage(t *testing.T, venue string, options ...[2]string) *stage {
	t.Helper()
	s, err := sim.New(sim.Config{
		Venue: venue, Listen: "127.0.0.1:0", Settle: 20 * time.Millisecond, Rate: 500, Symbols: 10, TLS: true,
	})
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { _ = s.Close() })
	d, err := newVenue(venue, options)
	require.NoError(t, err)
	c := feed.PublisherConfig{
		Anonymous: true, Dialect: d, Options: options, CPU: -1, Slots: 1 << 15, MaxInstruments: 64,
		Symbols:  []feed.Symbol{{Base: "BTC", Quote: "USDT"}, {Base: "ETH", Quote: "USDT"}, {Base: "NO", Quote: "SUCH"}},
		Channels: ring.AllChannels, URLs: []string{s.URL()}, RESTURL: s.RESTURL(), CA: x509.NewCertPool(),
		MetadataInterval: 300 * time.Millisecond, ClockEvery: 300 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	}
	require.True(t, c.CA.AppendCertsFromPEM(s.CAPEM()))
	if venue != "mexc" {
		c.Backfill = 50
	}
	return &stage{sim: s, cfg: c}
}

// published waits until a feed has published so many records more.
func published(t *testing.T, p *feed.Publisher, more uint64) {
	t.Helper()
	until := p.View().LastSequence() + more
	require.Eventually(t, func() bool { return p.View().LastSequence() >= until }, 20*time.Second, 5*time.Millisecond)
}

// trouble drives a feed through everything that a recording must bring back: refused
// symbols, gaps, bad and repeated messages, lost connections, dials that fail, symbols
// that come and go, halts, books that readers ask for.
func trouble(t *testing.T, st *stage, p *feed.Publisher) {
	t.Helper()
	published(t, p, 500)
	for _, f := range []sim.Faults{
		{SkipEvery: 20, DuplicateEvery: 7, ReorderEvery: 11, MalformEvery: 50},
		{DropSockets: true},
		{HTTPStatus: 503},
		{DropAfter: 200, CloseCode: 1001, ClockOffset: -3 * time.Second},
		{RESTStatus: 500, RESTStale: true},
		{ResetMidFrame: true, HaltPairs: []string{"ETH_USDT", "ETHUSDT"}},
		{},
	} {
		require.NoError(t, st.sim.ApplyFaults(f))
		if f.DropSockets || f.HTTPStatus != 0 {
			before := p.View().Counter(ring.CounterConnectFailures)
			require.Eventually(t, func() bool {
				return p.View().Counter(ring.CounterConnectFailures) > before+1
			}, 20*time.Second, 5*time.Millisecond)
			continue
		}
		published(t, p, 400)
	}
	xrp := []feed.Symbol{{Base: "XRP", Quote: "USDT"}}
	require.NoError(t, p.Subscribe(xrp, ring.AllChannels))
	published(t, p, 300)
	require.NoError(t, p.Unsubscribe(xrp, ring.ChannelTrades))
	for range 2 { // the second time it is too soon
		_, err := p.Resend(st.cfg.Symbols)
		require.NoError(t, err)
	}
	published(t, p, 300)
}

// soakTime is how long trouble goes on: a round, or minutes with TICKRING_FULL=1.
func soakTime() time.Duration {
	if os.Getenv("TICKRING_FULL") == "1" {
		return 4 * time.Minute
	}
	return 0
}

// replayed replays files as fast as it goes and demands that nothing differs.
func replayed(t *testing.T, paths ...string) feed.ReplaySummary {
	t.Helper()
	sum, err := feed.Replay(context.Background(), feed.ReplayOptions{Paths: paths, Anonymous: true, NewDialect: newVenue})
	require.NoError(t, err)
	assert.Zero(t, sum.Differences, "first at %s", time.Unix(0, sum.FirstDifferenceNS))
	return sum
}

// A replay publishes the recorded feed's records, bit for bit but for the local times,
// whatever happened to that feed.
func TestReplayIsTheFeed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, venue string
		options     [][2]string
		legs        int
	}{
		{"deltas and REST books of gateio", "gateio", nil, 1},
		{"a stream of gateio that brings its own snapshots", "gateio", [][2]string{{"gateio.book", "obu@50"}}, 1},
		{"whole books of gateio", "gateio", [][2]string{{"gateio.book", "order_book@20"}}, 1},
		{"mexc", "mexc", nil, 1},
		{"two legs", "gateio", nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t, c.venue, c.options...)
			st.cfg.Legs = c.legs
			path := filepath.Join(t.TempDir(), "feed.rec")
			p, r, err := feed.RecordPublisher(context.Background(), st.cfg, feed.RecordOptions{Path: path})
			require.NoError(t, err)
			for end := time.Now().Add(soakTime()); ; {
				if trouble(t, st, p); time.Now().After(end) {
					break
				}
			}
			require.NoError(t, p.Close())
			recorded, err := r.Close()
			require.NoError(t, err)
			require.NotEmpty(t, recorded.Hash)
			assert.Zero(t, recorded.Losses)

			sum := replayed(t, path)
			assert.Equal(t, recorded.Records, sum.Records)
			assert.Equal(t, recorded.Hash, sum.Hash)
			assert.Greater(t, sum.Verified, 2, "the blocks' own hashes")
			assert.Zero(t, sum.Rebuilt)
			t.Logf("%d records, %d frames in, %d out, %d bytes, %d verified", sum.Records, recorded.FramesIn, recorded.FramesOut, recorded.Bytes, sum.Verified)
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.EqualValues(t, recorded.Bytes, info.Size())
		})
	}
}

// named gives a feed a segment of its own directory, so that others can find it.
func (st *stage) named(t *testing.T) *stage {
	t.Helper()
	st.cfg.Anonymous, st.cfg.Dir, st.cfg.Feed = false, t.TempDir(), "live"
	return st
}

// A recording that joins a running feed begins with that feed's state: from its first
// record on it is the feed, books and counters included.
func TestRecordingThatJoinsLateIsTheFeed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		first bool // the feed ends before the recording
	}{{"and leaves early", false}, {"and stays to the end", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t, "gateio").named(t)
			p, err := feed.StartPublisher(st.cfg)
			require.NoError(t, err)
			t.Cleanup(func() { _ = p.Close() })
			published(t, p, 1500)
			path := filepath.Join(t.TempDir(), "late.rec")
			r, err := feed.RecordFeed(context.Background(), st.cfg.Dir, "live", feed.RecordOptions{Path: path})
			require.NoError(t, err)
			_, err = feed.RecordFeed(context.Background(), st.cfg.Dir, "live", feed.RecordOptions{Path: path + "2"})
			require.ErrorContains(t, err, "recorded already")
			trouble(t, st, p)
			if c.first {
				require.NoError(t, p.Close())
				<-r.Done()
			}
			recorded, err := r.Close()
			if c.first {
				require.ErrorIs(t, err, feed.ErrFeedEnded)
			} else {
				require.NoError(t, err)
				published(t, p, 100) // the feed goes on
			}
			require.NotEmpty(t, recorded.Hash)
			require.Greater(t, recorded.Records, uint64(2000))
			sum := replayed(t, path)
			assert.Equal(t, recorded.Records, sum.Records)
			assert.Equal(t, recorded.Hash, sum.Hash)
			assert.Greater(t, sum.Verified, 2)
		})
	}
}

// Parts follow one another without a hole, and each can be replayed alone.
func TestRotatedPartsAreOneRecording(t *testing.T) {
	t.Parallel()
	st := newStage(t, "mexc")
	path := filepath.Join(t.TempDir(), "feed.rec")
	p, r, err := feed.RecordPublisher(context.Background(), st.cfg, feed.RecordOptions{Path: path, RotateEvery: 700 * time.Millisecond})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.Progress().Files) > 3 }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, p.Close())
	recorded, err := r.Close()
	require.NoError(t, err)
	require.Greater(t, len(recorded.Files), 3)

	sum := replayed(t, recorded.Files...)
	assert.Equal(t, recorded.Hash, sum.Hash)
	assert.Equal(t, recorded.Records, sum.Records)
	assert.Equal(t, recorded.PartHashes, sum.PartHashes)
	for i, name := range recorded.Files {
		assert.Equal(t, fmt.Sprintf("%s.%04d", path, i+1), name)
		sum := replayed(t, name)
		assert.Equal(t, recorded.PartHashes[i], sum.Hash, name)
	}
	_, _, err = feed.RecordPublisher(context.Background(), st.cfg, feed.RecordOptions{Path: path, RotateEvery: time.Hour})
	assert.ErrorIs(t, err, feed.ErrRecordingExists)

	// With a part left out the replay says so in the stream, and goes on as recorded.
	sum = replayed(t, recorded.Files[0], recorded.Files[2])
	assert.Equal(t, []string{recorded.PartHashes[0], recorded.PartHashes[2]}, sum.PartHashes)

	partBegunOnly(t, recorded.Files)
}

// partBegunOnly: a recorder that is killed as it begins a part leaves a file with no whole
// block. What the parts before hold is replayed; anywhere but at the end it is an error.
func partBegunOnly(t *testing.T, parts []string) {
	t.Helper()
	const header, some = 64, 100
	before := replayed(t, parts[:len(parts)-1]...)
	last := parts[len(parts)-1]
	whole, err := os.ReadFile(last)
	require.NoError(t, err)
	for size, torn := range map[int]int{0: 0, header / 2: 0, header: 0, header + some: some} {
		require.NoError(t, os.WriteFile(last, whole[:size], 0o600))
		sum := replayed(t, parts...)
		assert.Equal(t, before.Hash, sum.Hash, "%d bytes", size)
		assert.Equal(t, before.PartHashes, sum.PartHashes, "%d bytes", size)
		assert.EqualValues(t, torn, sum.TornBytes, "%d bytes", size)
		for _, wrong := range [][]string{{last}, {last, parts[0]}, {parts[0], last, parts[1]}} {
			_, err := feed.Replay(context.Background(), feed.ReplayOptions{Paths: wrong, Anonymous: true, NewDialect: newVenue})
			assert.ErrorIs(t, err, feed.ErrRecording, "%d bytes", size)
		}
	}
}

// A ring that is full costs the recording, never the feed: the recording says what it
// lost, and what follows is the feed again.
func TestFullRingCostsTheRecordingOnly(t *testing.T) {
	t.Parallel()
	// On a busy machine every block of a recording may have a loss in it, so that none
	// can be verified: then it is done again.
	for range 5 {
		if recordThroughSmallRing(t).Verified > 0 {
			return
		}
	}
	require.Fail(t, "no block between losses was verified")
}

// recordThroughSmallRing records a feed through a ring that is soon full, and replays it.
func recordThroughSmallRing(t *testing.T) feed.ReplaySummary {
	t.Helper()
	st := newStage(t, "gateio")
	path := filepath.Join(t.TempDir(), "feed.rec")
	p, r, err := feed.RecordPublisher(context.Background(), st.cfg, feed.RecordOptions{Path: path, RingBytes: 8 << 10})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return r.Progress().Losses > 3 }, 20*time.Second, 10*time.Millisecond)
	published(t, p, 500)
	require.NoError(t, p.Close())
	recorded, err := r.Close()
	require.NoError(t, err)
	assert.Empty(t, recorded.Hash, "nobody can say what all of it was")
	assert.Positive(t, recorded.LostItems)
	sum := replayed(t, path)
	assert.Equal(t, recorded.Losses, sum.Losses)
	assert.Zero(t, sum.Differences)
	return sum
}

// rewrite copies a recording, with change made to its items one by one: false leaves
// one out.
func rewrite(t *testing.T, from, to string, change func(it *recording.Item) bool) {
	t.Helper()
	f, err := recording.Open(from)
	require.NoError(t, err)
	defer f.Close()
	w, err := recording.Create(recording.Options{Path: to, Force: true})
	require.NoError(t, err)
	for i := range f.Blocks {
		b, items, err := f.ReadBlock(i)
		require.NoError(t, err)
		var out []byte
		for len(items) > 0 {
			it, size, err := recording.Next(items)
			require.NoError(t, err)
			it.Payload = append([]byte(nil), it.Payload...)
			if change(&it) {
				out = recording.Append(out, it)
			}
			items = items[size:]
		}
		require.NoError(t, w.WriteBlock(b, out))
	}
	require.NoError(t, w.Close())
}

// shortRecording is one of a second or so.
func shortRecording(t *testing.T) (path string, sum feed.RecordSummary) {
	t.Helper()
	st := newStage(t, "gateio")
	path = filepath.Join(t.TempDir(), "feed.rec")
	p, r, err := feed.RecordPublisher(context.Background(), st.cfg, feed.RecordOptions{Path: path})
	require.NoError(t, err)
	published(t, p, 800)
	require.NoError(t, p.Close())
	sum, err = r.Close()
	require.NoError(t, err)
	return path, sum
}

// A replay that is not the feed says so: one digit of one message, or a nanosecond
// of the clock, is enough.
func TestReplayFindsWhatIsNotTheFeed(t *testing.T) {
	t.Parallel()
	path, recorded := shortRecording(t)
	changed := path + ".changed"
	for _, c := range []struct {
		name   string
		change func(it *recording.Item) bool
	}{
		{"a digit of a price", func() func(it *recording.Item) bool {
			done := false
			return func(it *recording.Item) bool {
				if at := bytes.Index(it.Payload, []byte(`"b":"`)); !done && it.Kind == recording.KindMessage && at >= 0 {
					it.Payload[at+5] ^= 1
					done = true
				}
				return true
			}
		}()},
		{"a message left out", func() func(it *recording.Item) bool {
			n := 0
			return func(it *recording.Item) bool {
				if it.Kind == recording.KindMessage {
					n++
				}
				return n != 300 || it.Kind != recording.KindMessage
			}
		}()},
		{"a clock that is a nanosecond late", func() func(it *recording.Item) bool {
			n := 0
			return func(it *recording.Item) bool {
				if it.Kind == recording.KindClock {
					if n++; n >= 50 {
						it.Value++
					}
				}
				return true
			}
		}()},
	} {
		t.Run(c.name, func(t *testing.T) {
			rewrite(t, path, changed, c.change)
			sum, err := feed.Replay(context.Background(), feed.ReplayOptions{Paths: []string{changed}, Anonymous: true, NewDialect: newVenue})
			require.NoError(t, err)
			assert.Positive(t, sum.Differences)
			assert.NotEqual(t, recorded.Hash, sum.Hash)
		})
	}
	rewrite(t, path, changed, func(*recording.Item) bool { return true })
	assert.Equal(t, recorded.Hash, replayed(t, changed).Hash, "the copy itself changes nothing")
}

// Whatever stands in a recording, a replay ends with an error or says what differs. It
// never crashes.
func TestReplayOfNonsenseEnds(t *testing.T) {
	t.Parallel()
	path, _ := shortRecording(t)
	changed := path + ".changed"
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		rewrite(t, path, changed, func(it *recording.Item) bool {
			switch random.IntN(40) {
			case 0:
				it.Kind = recording.Kind(1 + random.IntN(40))
			case 1:
				it.A, it.B = uint8(random.Uint32()), uint16(random.Uint32())
			case 2:
				it.Value = int64(random.Uint64())
			case 3:
				return it.Kind == recording.KindConfig
			case 4:
				if n := len(it.Payload); n > 0 && it.Kind != recording.KindConfig {
					it.Payload[random.IntN(n)] ^= uint8(1 + random.IntN(255))
				}
			}
			return true
		})
		sum, err := feed.Replay(context.Background(), feed.ReplayOptions{Paths: []string{changed}, Anonymous: true, NewDialect: newVenue})
		if err == nil {
			assert.Positive(t, sum.Differences, "seed %d", seed)
		}
	}
}
