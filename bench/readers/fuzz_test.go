package readers

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

const (
	fuzzShort, fuzzFull = 300, 10_000
	// envSeed repeats a run: its seed is printed with each failure.
	envSeed = "TICKRING_SEED"
	// maxFailures ends a run that has shown enough.
	maxFailures = 5
)

// questions are asked of every mutated segment: all that a reader can be asked.
const questions = `segment
instruments
find BTC/USDT
find ETH_USDT
next 40
stats
lag
head 20
seek oldest
next 40
seek latest
next 2
board 0 BOOK_TICKER
board 0 TRADE
board 1 TICKER
board 1 STATUS
board 3 STATUS
book 0
book 1
state 0
state 1
state 3
connection 0
connection 255
counter 5
fresh 0 3600000000000
age 0 3600000000000
filter TRADE,DEPTH BTC/USDT
seek oldest
next 40
join
stats
reattach
drain 0
position`

// values are what a mutation stores where not a random one.
var values = []uint64{0, 1, 2, 127, 128, 255, 256, 1 << 15, 1<<16 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 40, 1<<62 - 1, 1 << 62,
	1<<62 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// mutate damages a copy of a segment, at places that matter more often than at others.
func mutate(random *rand.Rand, good []byte) []byte {
	b := append([]byte(nil), good...)
	for range 1 + random.IntN(3) {
		word := values[random.IntN(len(values))]
		if random.IntN(3) == 0 {
			word = random.Uint64()
		}
		switch random.IntN(10) {
		case 0:
			put64(b, random.IntN(448/8)*8, word) // the constant part and the directory
		case 1:
			put32(b, random.IntN(448/4)*4, uint32(word))
		case 2:
			put64(b, atState+random.IntN(1024/128)*128+random.IntN(2)*8, word) // the words that move
		case 3:
			put64(b, section(good, ring.SectionRing)+random.IntN(turns)*ring.RecordSize, word) // a mark
		case 4:
			at := section(good, ring.SectionRing) + random.IntN(turns)*ring.RecordSize
			b[at+8+random.IntN(120)] = byte(word)
		case 5:
			put64(b, section(good, ring.SectionBoard)+random.IntN(4*2*ring.RecordSize/8)*8, word)
		case 6:
			put64(b, section(good, ring.SectionBooks)+random.IntN(2*(ring.BookHeaderSize+6*ring.LevelSize)/8)*8, word)
		case 7:
			put64(b, section(good, ring.SectionInstruments)+random.IntN(4*ring.InstrumentSize/8)*8, word)
		case 8:
			put64(b, section(good, ring.SectionInstrumentStates)+random.IntN(4*ring.InstrumentStateSize/8)*8, word)
		case 9:
			b[random.IntN(len(b))] ^= byte(1 << random.IntN(8))
		}
	}
	switch random.IntN(20) {
	case 0:
		b = b[:random.IntN(len(b))]
	case 1:
		b = append(b, make([]byte, random.IntN(8192))...)
	}
	return b
}

// seedOf is the environment's, or a new one.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(envSeed)
	if text == "" {
		return uint64(time.Now().UnixNano())
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return seed
}

// rich is a valid segment that has something in every section.
func rich(t *testing.T) *script {
	t.Helper()
	s := write(t, t.TempDir(), layout("fuzz", turns))
	for i := range 5 {
		n := uint64(i)
		s.frame(quote(n), of(1, trade(n)), depth(n, ring.FlagFirst), depth(n, ring.FlagLast), fill(ring.KindTicker, n),
			of(1, status(ring.StatusGap, "gap")), fill(ring.KindPerpetual, n))
	}
	b := ring.NewBook(3)
	b.Header.BidCount, b.Header.AskCount, b.Header.Flags = 3, 2, uint16(ring.BookValid)
	for id := range uint16(2) {
		s.w.WriteBook(id, b)
		s.w.SetState(id, ring.BitSubscribed, 1)
		s.w.SetInstrumentConnection(id, 0)
		s.w.Seen(id, ring.KindBookTicker, time.Now().UnixNano())
	}
	s.w.SetConnection(0, &ring.ConnectionRow{State: ring.ConnectionUp, LastReceiveNS: time.Now().UnixNano()})
	s.w.SetEndpoint(0, "venue.example:443")
	return s
}

// Mutated segments: every reader opens them or says why not, answers every question in
// time, and answers as the others do.
func TestMutatedSegmentsAreSurvived(t *testing.T) {
	count := fuzzShort
	if os.Getenv("TICKRING_FULL") == "1" {
		count = fuzzFull
	}
	seed := seedOf(t)
	good := rich(t).copyOf()
	dir := shared(t)
	r := newRig(t)
	opened, failures := 0, 0
	for i := range count {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		path := filepath.Join(dir, "fuzz")
		require.NoError(t, os.WriteFile(path, mutate(random, good), 0o600))
		logs := r.batch("open " + path + "\n" + questions + "\npoller " + path + " " + path + "\npoll 50\nclose")
		if strings.HasPrefix(logs[0], "OPENED") {
			opened++
		}
		if !r.same(logs, fmt.Sprintf("%s=%d, segment %d", envSeed, seed, i)) {
			failures++
		}
		if failures == maxFailures {
			t.Fatal("enough failures")
		}
	}
	for i := 1; i < len(r.drivers) && !t.Failed(); i++ {
		t.Logf("%s: %d mutated segments, %d opened, every answer as %s's", r.drivers[i].name, count, opened, r.drivers[0].name)
	}
	require.Greater(t, opened, count/4, "most mutations must get beyond the header")
}

// batch asks many questions in one go and gives each driver's log.
func (r *rig) batch(commands string) []string {
	list := strings.Split(commands, "\n")
	logs := make([]string, len(r.drivers))
	done := make(chan int)
	for i, p := range r.drivers {
		go func() {
			defer func() { done <- i }()
			p.send(commands)
			var b strings.Builder
			for _, c := range list {
				for _, l := range p.receive(c, replyWithin+slack) {
					b.WriteString(steady(l) + "\n")
				}
			}
			logs[i] = b.String()
		}()
	}
	for range r.drivers {
		<-done
	}
	return logs
}

// steady takes out of a line what depends on the machine, for nobody moves the
// heartbeat here, and where a poller's feed stands after an overrun, which the Go reader
// does not tell.
func steady(l string) string {
	switch {
	case l == "STALE":
		return "EMPTY"
	case strings.HasPrefix(l, "FRESH "):
		return "FRESH"
	case strings.HasPrefix(l, "FEED ") && strings.Contains(l, " OVERRUN "):
		l, _, _ = strings.Cut(l, " next=")
	}
	return l
}

// same reports drivers that died or differ from the first, and starts those that died
// anew.
func (r *rig) same(logs []string, where string) bool {
	r.t.Helper()
	good := true
	for i, p := range r.drivers {
		switch {
		case p.err != nil:
			r.t.Errorf("%s: %v", where, p.err)
			_ = p.end() // told
			r.drivers[i] = startDriver(r.t, p.candidate)
			good = false
		case p.lacks == nil && logs[i] != logs[0]:
			r.t.Errorf("%s: %s differs from %s:\n%s", where, p.name, r.drivers[0].name, firstDifference(logs[i], logs[0]))
			good = false
		}
	}
	return good
}

func firstDifference(have, want string) string {
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			w := "nothing"
			if i < len(b) {
				w = b[i]
			}
			return fmt.Sprintf("line %d\nhave\n  %s\nwant\n  %s", i, a[i], w)
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}
