package readers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// The protocol of the drivers themselves.
func TestDriversKeepTheProtocol(t *testing.T) {
	r := newRig(t)
	for _, p := range r.drivers {
		p.send("hello")
		reply := p.receive("hello", replyWithin+slack)
		require.NoError(t, p.err)
		require.Len(t, reply, 1, p.name)
		assert.Regexp(t, `^READER name=\S+ format_hash=0x[0-9a-f]{16}$`, reply[0], p.name)
		assert.True(t, strings.HasSuffix(reply[0], hex16(ring.FormatHash)), "%s is of another build: %s", p.name, reply[0])
	}
	for _, c := range []string{"next 1", "head 1", "segment", "position", "lag", "stats", "join", "close", "instruments", "state 0",
		"board 0 TRADE", "book 0", "find X", "fresh 0 1", "age 0 1", "reattach", "drain 1", "seek oldest", "counter 1", "connection 0",
		"filter * *", "until EMPTY 1"} {
		r.ask(c, "NO_READER")
	}
	r.ask("poll 1", "NO_POLLER")
	r.ask("frobnicate 1 2 3", "UNSUPPORTED")
	s := write(t, t.TempDir(), layout("protocol", turns))
	r.ask("open " + s.path())
	r.ask("next 0")
	r.ask("close", "DETACHED")
	r.ask("position", "NO_READER")
	r.ask("open "+s.path()+".not", "ERROR NO_FEED")
	r.ask("position", "NO_READER")
}

func hex16(v uint64) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 16)
	for i := range b {
		b[i] = digits[v>>(60-4*i)&15]
	}
	return string(b)
}

// A clean stop: what was published is drained first, then CLOSED, and it stays.
func TestCloseIsSaidAfterTheLastRecord(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("close", turns))
	r.beat = s.beat
	r.ask("open " + s.path())
	s.quotes(3)
	s.w.CloseSegment()
	r.ask("next 3")
	r.ask("next 1", "CLOSED")
	r.ask("until EMPTY 1000", "CLOSED")
	r.ask("segment")
	r.ask("reattach", "SAME")
	r.ask("open "+s.path(), "OPENED generation=1 next=1")
	r.ask("drain 1000")
	require.NoError(t, os.Remove(s.path()))
	r.ask("reattach", "SAME")
	r.ask("next 1", "CLOSED")
}

// A publisher that starts again: the old segment is drained, the name leads to the new
// one, and counters go on.
func TestSupersededReadersFindTheNextGeneration(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t)
	old := write(t, dir, layout("life", turns))
	r.beat = old.beat
	r.ask("attach "+dir+" life", "OPENED generation=1 next=1")
	r.ask("reattach", "SAME")
	old.quotes(2)
	r.ask("next 1")
	old.end() // without CLOSED: the publisher was killed
	next := write(t, dir, layout("life", turns))
	r.beat = next.beat
	next.quotes(20)
	r.ask("next 1")
	r.ask("next 1", "SUPERSEDED")
	r.ask("segment")
	r.ask("reattach", "REATTACHED generation=2 next=6")
	r.ask("next 1")
	r.ask("stats", "STATS records=3 lost=0 overruns=0 skipped_depth=0")
	r.ask("reattach", "SAME")
}

// A reader that waits for a feed gets it when it comes, and an error when it does not.
func TestReadersWaitForAFeed(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t)
	r.ask("await "+dir+" later 50", "ERROR NO_FEED")
	r.ask("await "+dir+" a/b 2000", "ERROR NAME")
	replies := r.start("await "+dir+" later 20000", 20*time.Second+slack)
	s := write(t, dir, layout("later", turns))
	s.beat()
	r.compare("await", replies(), []string{"OPENED generation=1 next=1"})
	r.beat = s.beat
	r.ask("await "+dir+" later 0", "OPENED generation=1 next=1")
}

// STALE comes when the heartbeat stands still, on the reader's own clock, and goes with
// its next beat. Records are read meanwhile.
func TestStaleComesAndGoes(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("stale", turns))
	r.ask("open " + s.path())
	s.beat()
	r.ask("next 1", "EMPTY")
	r.within(replyWithin, "until STALE 10000", "STALE")
	r.ask("next 1", "STALE")
	s.quotes(1)
	r.ask("until EMPTY 5000")
	r.ask("next 1", "STALE")
	s.beat()
	r.ask("until EMPTY 5000", "EMPTY")
	r.ask("until RECORD 50", "TIMEOUT")
}

// A writer that died in the middle of a record, of a board entry and of a book leaves
// readers that go on, say STALE, and find its successor.
func TestWriterKilledWithinARecord(t *testing.T) {
	dir := t.TempDir()
	killedWriter(t, dir)
	r := newRig(t)
	r.ask("attach "+dir+" killed", "OPENED generation=1 next=1")
	assert.Len(t, r.ask("next 10"), 6, "five records and EMPTY: the sixth has no commit")
	r.ask("board 0 BOOK_TICKER", "BUSY")
	r.ask("book 0", "BUSY")
	r.ask("seek latest", "POSITION next=6")
	r.within(replyWithin, "until STALE 10000", "STALE")
	r.ask("fresh 0 3600000000000", "FRESH 0")
	s := write(t, dir, layout("killed", turns))
	r.beat = s.beat
	r.ask("until STALE 5000", "SUPERSEDED")
	r.ask("reattach", "REATTACHED generation=2 next=1")
	s.quotes(1)
	r.ask("next 2")
}

// Each condition of fresh_within alone takes it away.
func TestFreshWithin(t *testing.T) {
	const hour = "3600000000000"
	r := newRig(t)
	s := write(t, t.TempDir(), layout("fresh", turns))
	r.beat = s.beat
	heard := func(ago time.Duration) {
		s.w.SetConnection(1, &ring.ConnectionRow{State: ring.ConnectionUp, LastReceiveNS: time.Now().Add(-ago).UnixNano()})
	}
	r.ask("open " + s.path())
	r.ask("fresh 0 "+hour, "FRESH 0")
	heard(0)
	s.w.SetInstrumentConnection(0, 1)
	r.ask("fresh 0 "+hour, "FRESH 0")
	for bits := range ring.StateBit(64) {
		s.w.SetState(0, bits, 7)
		want := "FRESH 0"
		if bits == ring.BitSubscribed {
			want = "FRESH 1"
		}
		r.ask("fresh 0 "+hour, want)
	}
	s.w.SetState(0, ring.BitSubscribed, 7)
	r.ask("fresh 0 1", "FRESH 0")
	r.ask("fresh 0 0", "FRESH 0")
	r.ask("fresh 0 -1", "FRESH 0")
	r.ask("fresh 1 "+hour, "FRESH 0")
	r.ask("fresh 70000 "+hour, "FRESH 0")
	heard(2 * time.Hour)
	r.ask("fresh 0 "+hour, "FRESH 0")
	r.ask("fresh 0 9"+hour, "FRESH 1")
	heard(-2 * time.Hour) // in the future
	r.ask("fresh 0 "+hour, "FRESH 0")
	heard(0)
	s.w.SetInstrumentConnection(0, ring.NoConnection)
	r.ask("fresh 0 "+hour, "FRESH 0")
	s.w.SetInstrumentConnection(0, 1)
	r.ask("fresh 0 "+hour, "FRESH 1")
	r.beat = nil
	r.within(replyWithin, "until STALE 10000", "STALE")
	r.ask("fresh 0 "+hour, "FRESH 0")
	s.beat()
	r.ask("until EMPTY 5000", "EMPTY")
	r.ask("fresh 0 "+hour, "FRESH 1")
	s.w.CloseSegment()
	r.ask("fresh 0 "+hour, "FRESH 0")
	for _, source := range []ring.Source{ring.SourceSimulated, ring.SourceReplay} {
		cfg := layout("other", turns)
		cfg.Source = source
		o := write(t, t.TempDir(), cfg)
		o.w.SetConnection(1, &ring.ConnectionRow{LastReceiveNS: time.Now().UnixNano()})
		o.w.SetInstrumentConnection(0, 1)
		o.w.SetState(0, ring.BitSubscribed, 7)
		r.beat = o.beat
		r.ask("open " + o.path())
		r.ask("fresh 0 "+hour, "FRESH 0")
	}
}

// The age of a quote is that of the newest book ticker, however fresh the rest is.
func TestQuoteAge(t *testing.T) {
	r := newRig(t)
	s := write(t, t.TempDir(), layout("age", turns))
	r.beat = s.beat
	r.ask("open " + s.path())
	r.ask("age 0 1000", "AGE none")
	s.w.Seen(0, ring.KindTrade, time.Now().UnixNano())
	r.ask("age 0 1000", "AGE none")
	s.w.Seen(0, ring.KindBookTicker, time.Now().Add(-time.Hour).UnixNano())
	r.ask("age 0 3599000000000", "AGE beyond")
	r.ask("age 0 7200000000000", "AGE within")
	s.w.Seen(0, ring.KindBookTicker, time.Now().Add(time.Hour).UnixNano())
	r.ask("age 0 0", "AGE within")
	r.ask("age 1 1000", "AGE none")
	r.ask("age 70000 1000", "AGE none")
}

// The poller merges by publish time, lets no feed starve another, and says of each feed
// what becomes of it.
func TestPollerMergesOnOneClock(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t)
	a, b := write(t, dir, layout("a", 4096)), write(t, dir, layout("b", 4096))
	c := write(t, dir, layout("c", turns))
	r.beat = func() { a.beat(); b.beat(); c.beat() }
	paths := a.path() + " " + b.path() + " " + c.path()
	r.ask("poller "+a.path()+" "+b.path()+".not", "ERROR NO_FEED")
	r.ask("poll 1", "NO_POLLER")
	r.ask("poller "+paths, "POLLER feeds=3")
	r.ask("poll 1", "EMPTY")
	for i := range 30 {
		s := []*script{a, b, c}[i*i%7%3]
		s.clock = epoch + int64(i)*500
		s.quotes(1)
	}
	r.ask("poll 100")
	for _, s := range []*script{c, a, b} { // equal times: in the order of opening
		s.clock = 2 * epoch
		s.frame(quote(1), quote(2))
	}
	r.ask("poll 4")
	r.ask("poll 100")
	a.clock, b.clock = 3*epoch, 3*epoch/2*2+1 // a's are all older than b's next ones
	for range 3000 {
		a.clock -= 1000
		a.quotes(1)
	}
	b.quotes(3)
	lines := r.ask("poll 2100")
	turn := 0
	for turn < len(lines) && strings.HasPrefix(lines[turn], "FEED 0 ") {
		turn++
	}
	assert.Equal(t, 1024, turn)
	if assert.Less(t, turn, len(lines)) {
		assert.True(t, strings.HasPrefix(lines[turn], "FEED 1 "), "a feed of constant time starves the others")
	}
	r.ask("poll 5000")
	c.quotes(50)
	r.ask("poll 100") // an overrun of c alone
	b.w.CloseSegment()
	a.quotes(1)
	r.ask("poll 100")
	r.ask("poll 100", "EMPTY")
	put32(c.seg.Bytes(), atState, 9)
	a.quotes(1)
	r.ask("poll 100")
}

// damaged writes bytes as a file.
func damaged(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}
