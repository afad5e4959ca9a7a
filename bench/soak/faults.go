package main

import (
	"slices"
	"strings"
	"time"

	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// class says which faults may be played together: any number of those of data, and
// one other beside them.
type class uint8

const (
	classLink class = iota
	classData
)

// fault is one way of a venue to misbehave, or of a user to be restless. It is on
// for a time of the world's choice: set changes the venue's faults, begin acts when
// it starts and end when it is over; each may be nil.
type fault struct {
	name  string
	class class
	// least and most time it is on.
	least, most time.Duration
	set         func(w *world, f *sim.Faults)
	begin       func(w *world)
	end         func(w *world)
	// cut: connections are lost when it begins, and the venue accepts at once.
	// back: they are lost, and the venue accepts again when it ends.
	cut, back bool
}

const ms = time.Millisecond

// every is all faults of a storm's choice.
func every() []fault {
	return slices.Concat(linkFaults(), answerFaults(), restFaults(), dataFaults(), users())
}

// between draws a number from least to most.
func (w *world) between(least, most int) int { return least + w.random.IntN(most-least+1) }

func linkFaults() []fault {
	drop := func(w *world) { w.sim.DropAll() }
	return []fault{
		{name: "drop_socket", least: 1 * ms, most: 50 * ms, begin: drop, cut: true},
		{name: "drop_sockets", least: 100 * ms, most: 800 * ms, set: func(_ *world, f *sim.Faults) { f.DropSockets = true }, back: true},
		{name: "refuse_connects", least: 100 * ms, most: 1500 * ms, begin: func(w *world) {
			if err := w.sim.Pause(false); err != nil {
				w.mismatch(err.Error())
			}
			w.sim.DropAll()
		}, end: func(w *world) {
			if err := w.sim.Pause(true); err != nil {
				w.mismatch(err.Error())
			}
		}, back: true},
		{name: "silent", least: 100 * ms, most: 2500 * ms, set: func(_ *world, f *sim.Faults) { f.Silent = true }},
		{name: "pings_only", least: 100 * ms, most: 2500 * ms, set: func(_ *world, f *sim.Faults) { f.PingsOnly = true }},
		{name: "half_open", least: 100 * ms, most: 2500 * ms, set: func(_ *world, f *sim.Faults) { f.HalfOpen = true }},
		{name: "reset_mid_frame", least: 1 * ms, most: 50 * ms, begin: func(w *world) { w.sim.ResetMidFrameAll() }},
		{name: "resets_mid_frame", least: 50 * ms, most: 500 * ms, set: func(_ *world, f *sim.Faults) { f.ResetMidFrame = true }},
		{name: "slow_tls", least: 100 * ms, most: 800 * ms, begin: drop, set: func(w *world, f *sim.Faults) {
			f.TLSDelay, f.TrickleBytes = time.Duration(w.between(10, 100))*ms, w.between(200, 5000)
		}},
		{name: "oversize", least: 1 * ms, most: 50 * ms, begin: func(w *world) { w.sim.SendOversizeAll(oversizeBytes) }},
		{name: "close", least: 1 * ms, most: 50 * ms, cut: true, begin: func(w *world) { w.sim.CloseAll(w.code(), "soak") }},
		{name: "closes", least: 50 * ms, most: 500 * ms, set: func(w *world, f *sim.Faults) {
			f.CloseCode, f.DropAfter = w.code(), w.between(20, 200)
		}},
		{name: "connection_life", least: 300 * ms, most: 1500 * ms, set: func(w *world, f *sim.Faults) {
			f.ConnectionLife = time.Duration(w.between(100, 1000)) * ms
		}},
	}
}

// oversizeBytes is above what the session takes as one message.
const oversizeBytes = 8<<20 + 1

// closeCodes are all that a server may send.
var closeCodes = []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999}

// code draws a close code; none comes again before all have been.
func (w *world) code() int {
	if len(w.codes) == 0 {
		w.codes = slices.Clone(closeCodes)
		w.random.Shuffle(len(w.codes), func(i, j int) { w.codes[i], w.codes[j] = w.codes[j], w.codes[i] })
	}
	code := w.codes[0]
	w.codes = w.codes[1:]
	return code
}

// answerFaults are of requests and of the handshake's answer. Connections are cut,
// so that there is something to ask for.
func answerFaults() []fault {
	drop := func(w *world) { w.sim.DropAll() }
	return []fault{
		{name: "ack_late", least: 200 * ms, most: 1500 * ms, begin: drop, set: func(w *world, f *sim.Faults) {
			f.AckDelay = time.Duration(w.between(50, 1000)) * ms
		}},
		{name: "ack_lost", least: 200 * ms, most: 2500 * ms, begin: drop, set: func(_ *world, f *sim.Faults) { f.LoseAcks = true }},
		{name: "request_lost", least: 200 * ms, most: 2500 * ms, begin: drop, set: func(_ *world, f *sim.Faults) { f.NoAcks = true }},
		{name: "ack_refused", least: 300 * ms, most: 800 * ms, begin: drop, set: func(w *world, f *sim.Faults) {
			for range w.between(1, 5) {
				f.RefusePairs = append(f.RefusePairs, w.native[w.random.IntN(len(w.native))])
			}
		}, end: (*world).wantAll},
		{name: "http_status", least: 50 * ms, most: 300 * ms, begin: drop, set: func(w *world, f *sim.Faults) {
			f.HTTPStatus = []int{301, 403, 404, 418, 429, 451, 500, 503}[w.random.IntN(8)]
		}},
	}
}

// askAgain subscribes everything once more: what was refused is asked for again.
func (w *world) askAgain() {
	if err := w.pub.Subscribe(w.symbols, ring.AllChannels); err != nil {
		w.mismatch("subscribe: " + err.Error())
	}
}

func restFaults() []fault {
	status := func(code int) func(w *world, f *sim.Faults) {
		return func(w *world, f *sim.Faults) {
			// Without a Retry-After the host is left alone for a minute: too long for a
			// short run.
			least := 1
			if w.long {
				least = 0
			}
			f.RESTStatus, f.RetryAfter = code, time.Duration(w.between(least, 1))*time.Second
		}
	}
	return []fault{
		{name: "rest_429", least: 300 * ms, most: 1000 * ms, set: status(429)},
		{name: "rest_418", least: 300 * ms, most: 1000 * ms, set: status(418)},
		{name: "rest_stale", least: 300 * ms, most: 1000 * ms, set: func(_ *world, f *sim.Faults) { f.RESTStale = true }},
		{name: "rest_late", least: 300 * ms, most: 1000 * ms, set: func(w *world, f *sim.Faults) {
			f.RESTDelay = time.Duration(w.between(100, 800)) * ms
		}},
		{name: "halt", least: 500 * ms, most: 1000 * ms, set: func(w *world, f *sim.Faults) {
			f.HaltPairs = []string{w.native[w.random.IntN(len(w.native))]}
		}},
	}
}

// busiestPairs are at the head of a venue's list: of those deltas come all the time.
const busiestPairs = 8

func dataFaults() []fault {
	return []fault{
		{name: "duplicate", class: classData, least: 200 * ms, most: 800 * ms, set: func(w *world, f *sim.Faults) { f.DuplicateEvery = w.between(2, 20) }},
		{name: "reorder", class: classData, least: 200 * ms, most: 800 * ms, set: func(w *world, f *sim.Faults) { f.ReorderEvery = w.between(2, 20) }},
		{name: "skip_deltas", class: classData, least: 200 * ms, most: 800 * ms, set: func(w *world, f *sim.Faults) {
			f.SkipEvery, f.SkipPair = w.between(2, 20), w.native[w.random.IntN(busiestPairs)]
		}},
		{name: "malformed", class: classData, least: 200 * ms, most: 800 * ms, set: func(w *world, f *sim.Faults) { f.MalformEvery = w.between(50, 200) }},
	}
}

// users are changes of mind while the feed runs, with and without a connection.
func users() []fault {
	return []fault{
		{name: "unsubscribe", least: 50 * ms, most: 500 * ms, begin: func(w *world) { w.changeMind(false) }, end: (*world).wantAll},
		{name: "unsubscribe_while_away", least: 100 * ms, most: 800 * ms, begin: func(w *world) {
			w.sim.DropAll()
			w.changeMind(false)
		}, set: func(_ *world, f *sim.Faults) { f.DropSockets = true }, end: (*world).wantAll},
		{name: "unsubscribe_unheard", least: 50 * ms, most: 500 * ms, begin: func(w *world) { w.changeMind(false) },
			set: func(_ *world, f *sim.Faults) { f.NoAcks = true }},
		{name: "stay_unsubscribed", least: 50 * ms, most: 500 * ms, begin: func(w *world) { w.changeMind(true) }},
	}
}

// changeMind unsubscribes some channels of some instruments; for long: of one only,
// until the next storm that subscribes all.
func (w *world) changeMind(long bool) {
	count := w.between(1, 30)
	if long {
		count = 1
	}
	for range count {
		i := w.random.IntN(len(w.symbols))
		ch := ring.Channel(1 + w.random.IntN(int(ring.AllChannels)))
		w.unwant(i, ch)
	}
}

func (w *world) unwant(i int, ch ring.Channel) {
	for k, c := range channels {
		if ch&c != 0 {
			w.ledger.forget(i, k)
		}
	}
	if err := w.pub.Unsubscribe([]feed.Symbol{w.symbols[i]}, ch); err != nil {
		w.mismatch("unsubscribe: " + err.Error())
	}
	w.wanted[i] &^= ch
}

// wantAll subscribes everything again.
func (w *world) wantAll() {
	for i := range w.symbols {
		w.wanted[i] = ring.AllChannels
	}
	w.askAgain()
}

// storm plays faults side by side and waits until all is as it should be.
func (w *world) play(faults []fault) {
	var names []string
	var knobs sim.Faults
	on := time.Duration(0)
	pure := true
	for _, f := range faults {
		names = append(names, f.name)
		if f.set != nil {
			f.set(w, &knobs)
		}
		on = max(on, f.least+time.Duration(w.random.Int64N(int64(f.most-f.least+1))))
		pure = pure && f.class == classData
	}
	w.begin(strings.Join(names, " "))
	w.faults += len(faults)
	before := w.marks()
	w.strike(faults, knobs, on)
	if !w.settle() {
		return
	}
	w.awaitRecovery()
	w.compareBooks(false)
	if !w.settle() { // what a fault withheld shows with the next delta of a quiet pair
		return
	}
	w.account()
	if pure && w.set.book != bookStream {
		w.compareMarks(before)
	}
}

// strike turns the faults on and off again.
func (w *world) strike(faults []fault, knobs sim.Faults, on time.Duration) {
	for _, f := range faults {
		if f.cut {
			w.ledger.awaitFirst()
		}
	}
	if err := w.sim.ApplyFaults(knobs); err != nil {
		w.mismatch(err.Error())
	}
	for _, f := range faults {
		if f.begin != nil {
			f.begin(w)
		}
	}
	time.Sleep(on)
	for _, f := range faults {
		if f.back {
			w.ledger.awaitFirst()
		}
	}
	began := time.Now()
	if err := w.sim.ApplyFaults(sim.Faults{}); err != nil {
		w.mismatch(err.Error())
	}
	for _, f := range faults {
		if f.end != nil {
			f.end(w)
		}
		if f.name == "http_status" && w.settle() {
			w.refused = append(w.refused, time.Since(began))
		}
	}
}

// awaitRecovery wants the first record of a connection that came back.
func (w *world) awaitRecovery() {
	for began := time.Now(); !w.ledger.recovered(); time.Sleep(look) {
		if time.Since(began) > settleLimit {
			w.mismatch("no record over a new connection")
			return
		}
	}
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	all := w.ledger.recoveries
	if len(all) > w.recovered && all[len(all)-1] > recoveryGoal {
		w.say("%s %s: first record after %d ms", w.set.venue, w.storm, all[len(all)-1].Milliseconds())
	}
	w.recovered = len(all)
}

// decodeMarks are counts that must move together in a storm of data.
type decodeMarks struct {
	changes, malformed, errors, ignored uint64
}

// marks takes the counts.
func (w *world) marks() decodeMarks {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return decodeMarks{
		changes: w.ledger.changes, malformed: w.sim.Stats().Malformed, errors: w.ledger.bad,
		ignored: w.pub.View().Counter(ring.CounterIgnored),
	}
}

// compareMarks wants one DECODE_ERROR for each malformed message, unless a
// connection was lost or replaced meanwhile. Half of a protobuf message may be a whole
// one, of a window in which nothing happened: such are ignored.
func (w *world) compareMarks(before decodeMarks) {
	time.Sleep(2 * time.Duration(ring.HeartbeatIntervalNS)) // counters are written at each beat
	now := w.marks()
	if now.changes != before.changes {
		return
	}
	if sent, said := now.malformed-before.malformed, now.errors-before.errors; said > sent || sent-said > w.set.halves*(now.ignored-before.ignored) {
		w.mismatch(plural(said, "DECODE_ERROR") + " for " + plural(sent, "malformed message"))
	}
}
