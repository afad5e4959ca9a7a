package ring

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A small model checker. One thread stores, one loads; each may carry out its
// operations in any order that its own fences, releases, acquires and the
// coherence of a single location leave open, and the two meet in every way. It
// is the relaxed model of C11 and of ARMv8 for one writer and one reader; with
// inOrder it is x86, where neither stores nor loads pass one another.

type order uint8

const (
	relaxed order = iota
	release       // of a store: all before it stays before it
	acquire       // of a load: all behind it stays behind it
	fence         // no access: nothing of its thread passes it
)

// access is a store of value to loc, a load of loc, or a fence. In a program of
// loads value is unused.
type access struct {
	loc   uint8
	value int8
	order order
}

const (
	modelLocations = 3
	modelLoads     = 5
)

// modelState is everything that decides what may happen next.
type modelState struct {
	stored, loaded uint32 // sets of operations done
	memory         [modelLocations]int8
	seen           [modelLoads]int8 // by load, in program order
}

// predecessors gives, for each operation, the set that must be done before it.
func predecessors(program []access, inOrder bool) []uint32 {
	before := make([]uint32, len(program))
	for j, b := range program {
		for i, a := range program[:j] {
			if inOrder || a.order == fence || b.order == fence || a.loc == b.loc || b.order == release || a.order == acquire {
				before[j] |= 1 << i
			}
		}
	}
	return before
}

// explore visits every state that the two programs can reach and returns what
// the loads can have seen once all are done, with the writer anywhere (dead, for
// instance).
func explore(stores, loads []access, inOrder bool) (outcomes map[[modelLoads]int8]bool, states int) {
	outcomes = map[[modelLoads]int8]bool{}
	beforeStore, beforeLoad := predecessors(stores, inOrder), predecessors(loads, inOrder)
	visited := map[modelState]bool{}
	stack := []modelState{{}}
	push := func(s modelState) {
		if !visited[s] {
			visited[s] = true
			stack = append(stack, s)
		}
	}
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if s.loaded == 1<<len(loads)-1 {
			outcomes[s.seen] = true
			continue
		}
		for i, a := range stores {
			if s.stored&(1<<i) == 0 && s.stored&beforeStore[i] == beforeStore[i] {
				push(s.store(i, a))
			}
		}
		for i, a := range loads {
			if s.loaded&(1<<i) == 0 && s.loaded&beforeLoad[i] == beforeLoad[i] {
				push(s.load(i, a))
			}
		}
	}
	return outcomes, len(visited)
}

func (s modelState) store(i int, a access) modelState {
	s.stored |= 1 << i
	if a.order != fence {
		s.memory[a.loc] = a.value
	}
	return s
}

func (s modelState) load(i int, a access) modelState {
	s.loaded |= 1 << i
	if a.order != fence {
		s.seen[i] = s.memory[a.loc]
	}
	return s
}

// Locations of a slot of two payload words.
const (
	locCommit = iota
	locFirst
	locSecond
)

// perRecord repeats the stores of one record for three laps of one slot: value
// 0 stands for the payload n, 1 for the even mark 2n, -1 for the odd one.
func perRecord(stores ...access) []access {
	var program []access
	for n := int8(1); n <= 3; n++ {
		for _, a := range stores {
			switch a.value {
			case 0:
				a.value = n
			case 1:
				a.value = 2 * n
			case -1:
				a.value = 2*n - 1
			}
			program = append(program, a)
		}
	}
	return program
}

// verdict names what a reader of record n makes of what it saw: loads 0 and the
// last are the marks, those between, fences aside, the payload.
func verdict(seen []int8, n int8, recheck bool) string {
	first, last := seen[0], seen[len(seen)-1]
	switch {
	case first < 2*n:
		return "nothing yet"
	case first > 2*n:
		return "lapped"
	case recheck && last != first:
		return "rejected"
	case seen[1] == n && seen[2] == n:
		return "whole"
	}
	return "TORN"
}

// The programs under test.
var (
	markStore   = access{locCommit, -1, relaxed}
	fenceHere   = access{order: fence}
	firstStore  = access{locFirst, 0, relaxed}
	secondStore = access{locSecond, 0, relaxed}
	evenStore   = access{locCommit, 1, release}

	markLoad   = access{loc: locCommit, order: acquire}
	firstLoad  = access{loc: locFirst}
	secondLoad = access{loc: locSecond}
	secondLook = access{loc: locCommit}
)

func with(a access, o order) access { a.order = o; return a }

// The protocol of a slot hands out whole records only, under every order that
// the machine allows; each way of writing it wrongly is caught.
func TestModelOfTheSlot(t *testing.T) {
	writer := []access{markStore, fenceHere, firstStore, secondStore, evenStore}
	reader := []access{markLoad, firstLoad, secondLoad, fenceHere, secondLook}
	plainWriter := []access{markStore, firstStore, secondStore, with(evenStore, relaxed)}
	plainReader := []access{with(markLoad, relaxed), firstLoad, secondLoad, secondLook}
	strongWriter := []access{with(markStore, release), with(firstStore, release), with(secondStore, release), evenStore}
	strongReader := []access{markLoad, with(firstLoad, acquire), with(secondLoad, acquire), with(secondLook, acquire)}
	right := []string{"lapped", "nothing yet", "rejected", "whole"}
	torn := append([]string{"TORN"}, right...)
	for _, c := range []struct {
		name           string
		writer, reader []access
		inOrder        bool
		noRecheck      bool
		want           []string
	}{
		{"fences: C, Rust, and the arm64 publish", writer, reader, false, false, right},
		{"the arm64 publish with Go's reader", writer, strongReader, false, false, right},
		{"every word atomic: the generic publish", strongWriter, strongReader, false, false, right},
		{"the generic publish with a C reader", strongWriter, reader, false, false, right},
		{"plain moves on x86: the amd64 publish", plainWriter, plainReader, true, false, right},

		{"no mark", []access{firstStore, secondStore, evenStore}, reader, false, false, torn},
		{"no mark on x86", []access{firstStore, secondStore, with(evenStore, relaxed)}, plainReader, true, false, torn},
		{"the mark behind the payload on x86", []access{firstStore, secondStore, markStore, with(evenStore, relaxed)}, plainReader, true, false, torn},
		{"plain moves on a machine that reorders", plainWriter, plainReader, false, false, torn},
		{"a release store for the mark in place of the fence behind it", []access{with(markStore, release), firstStore, secondStore, evenStore}, reader, false, false, torn},
		{"an acquire load for the second look in place of the fence before it", writer, []access{markLoad, firstLoad, secondLoad, with(secondLook, acquire)}, false, false, torn},
		{"a commit that is no release", []access{markStore, fenceHere, firstStore, secondStore, with(evenStore, relaxed)}, reader, false, false, torn},
		{"a first look that is no acquire", writer, []access{with(markLoad, relaxed), firstLoad, secondLoad, fenceHere, secondLook}, false, false, torn},
		{"no second look on x86", plainWriter, plainReader, true, true, []string{"TORN", "lapped", "nothing yet", "whole"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			outcomes, states := explore(perRecord(c.writer...), c.reader, c.inOrder)
			got := map[string]bool{}
			for seen := range outcomes {
				for n := int8(1); n <= 2; n++ {
					got[verdict(seen[:len(c.reader)], n, !c.noRecheck)] = true
				}
			}
			assert.ElementsMatch(t, c.want, keysOf(got))
			t.Logf("%d states, %d outcomes of the loads", states, len(outcomes))
		})
	}
}

func keysOf(set map[string]bool) []string {
	var keys []string
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// anyOutcome says that some run of the two programs ends in what bad names.
func anyOutcome(t *testing.T, stores, loads []access, bad func(seen [modelLoads]int8) bool) bool {
	outcomes, states := explore(stores, loads, false)
	t.Logf("%d states", states)
	for seen := range outcomes {
		if bad(seen) {
			return true
		}
	}
	return false
}

// A joiner that takes the watermark first finds every record up to it on the
// board; in any other order it can miss one.
func TestModelOfTheJoin(t *testing.T) {
	const ring, board, watermark = 0, 1, 2
	stores := []access{{ring, 1, release}, {board, 1, release}, {watermark, 1, release}}
	loads := []access{{loc: watermark, order: acquire}, {loc: board, order: acquire}}
	missed := func(seen [modelLoads]int8) bool { return seen[0] == 1 && seen[1] == 0 }
	assert.False(t, anyOutcome(t, stores, loads, missed))
	early := []access{stores[0], stores[2], stores[1]}
	assert.True(t, anyOutcome(t, early, loads, missed), "a watermark ahead of the board")
	late := []access{loads[1], loads[0]}
	assert.True(t, anyOutcome(t, stores, late, func(seen [modelLoads]int8) bool { return seen[1] == 1 && seen[0] == 0 }),
		"a watermark taken behind the board")
	plain := []access{stores[0], stores[1], with(stores[2], relaxed)}
	assert.True(t, anyOutcome(t, plain, loads, missed), "a watermark that is no release")
}

// CLOSED is believed only after a second look at the slot: a record stored before
// it is then seen.
func TestModelOfTheEnd(t *testing.T) {
	const commit, state = 0, 1
	stores := []access{{commit, 2, release}, {state, 1, release}}
	loads := []access{{loc: commit, order: acquire}, {loc: state, order: acquire}, {loc: commit, order: acquire}}
	assert.False(t, anyOutcome(t, stores, loads, func(seen [modelLoads]int8) bool {
		return seen[0] < 2 && seen[1] == 1 && seen[2] < 2
	}))
	assert.True(t, anyOutcome(t, stores, loads[:2], func(seen [modelLoads]int8) bool {
		return seen[0] < 2 && seen[1] == 1
	}), "without the second look the last record is lost")
}
