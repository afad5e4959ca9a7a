package sim

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Decimals are written without an exponent and without zeros at the end.
func TestAppendDecimal(t *testing.T) {
	for want, in := range map[string][2]int64{
		"0": {0, 8}, "7": {7, 0}, "77474": {774740, 1}, "0.1": {1, 1}, "0.000021": {21, 6},
		"0.00000644": {644, 8}, "1000": {1000, 0}, "118.91": {11891, 2}, "9223372036854775807": {1<<63 - 1, 0},
		"0.9223372036854775807": {1<<63 - 1, 19},
	} {
		assert.Equal(t, want, string(appendDecimal(nil, in[0], int(in[1]))))
	}
}

// Many steps leave every book whole: sorted, uncrossed, deep, near its start;
// the quote is reported changed when it did and only then.
func TestStepsKeepTheBooksWhole(t *testing.T) {
	t.Parallel()
	m := newMarket(3, 30, "_")
	quotes, trades := 0, 0
	const steps = 100_000
	for i := range steps {
		p := m.pairs[i%len(m.pairs)]
		id, bid, ask := p.id, p.bids.best(), p.asks.best()
		changed := m.step(p, int64(i), false)
		moved := bid != p.bids.best() || ask != p.asks.best()
		if p.id <= id || changed != moved || p.bids.best().ticks >= p.asks.best().ticks {
			require.Fail(t, "broken step", "step %d of %s: id %d after %d, quote changed %v", i, p.name, p.id, id, changed)
		}
		trades += len(m.trades)
		if changed {
			quotes++
		}
		if i%1000 < len(m.pairs) {
			requireWhole(t, p)
		}
	}
	assert.InDelta(t, framesOfStep(kindQuotes), float64(quotes)/steps*(1-quietBursts), 0.05)
	assert.InDelta(t, framesOfStep(kindTrades), float64(trades)/steps*(1-quietBursts), 0.03)
}

// A quiet step moves the id and neither the quote nor the 100 best levels.
func TestQuietSteps(t *testing.T) {
	m := newMarket(3, 1, "_")
	p := m.pairs[0]
	top := append([]level(nil), p.bids.top(100)...)
	for i := range 2000 {
		id := p.id
		require.False(t, m.step(p, int64(i), true))
		require.Greater(t, p.id, id)
		require.Empty(t, m.trades)
		require.Equal(t, top, p.bids.top(100))
	}
}

func requireWhole(t *testing.T, p *pair) {
	t.Helper()
	for _, side := range []*ladder{&p.bids, &p.asks} {
		require.GreaterOrEqual(t, len(side.levels), 400, p.name)
		require.LessOrEqual(t, len(side.levels), mostLevels)
		for i, l := range side.levels {
			sorted := i == 0 || side.sign*side.levels[i-1].ticks < side.sign*l.ticks
			if l.lots < 1 || l.ticks < 1 || !sorted {
				require.Fail(t, "broken side", "%s level %d: %v", p.name, i, side.levels)
			}
		}
	}
	require.InEpsilon(t, p.startTicks, p.last, 0.5, p.name)
	require.GreaterOrEqual(t, p.high, p.last)
	require.LessOrEqual(t, p.low, p.last)
	require.Positive(t, p.quoteUnits)
}

// A diff applied to the old side gives the new side, for sides of every kind.
func TestDiffLevels(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	side := func(sign int64) ladder {
		l := ladder{sign: sign}
		for range rng.IntN(12) {
			l.set(1+rng.Int64N(15), 1+rng.Int64N(3))
		}
		return l
	}
	for i := range 5000 {
		sign := int64(1 - 2*(i%2))
		old, now := side(sign), side(sign)
		got := ladder{sign: sign, levels: append([]level(nil), old.levels...)}
		diff := diffLevels(nil, old.levels, now.levels, sign)
		seen := map[int64]bool{}
		for _, d := range diff {
			require.False(t, seen[d.ticks])
			seen[d.ticks] = true
			before, there := old.find(d.ticks)
			require.False(t, there && old.levels[before].lots == d.lots, "nothing unchanged is told")
			got.set(d.ticks, d.lots)
		}
		require.Equal(t, len(now.levels), len(got.levels))
		for j := range now.levels {
			require.Equal(t, now.levels[j], got.levels[j])
		}
	}
}

// The order in which diffs stand is not the order of price.
func TestAppendUnordered(t *testing.T) {
	p := newMarket(1, 1, "_").pairs[0]
	levels := []level{{10, 1}, {20, 2}, {30, 3}}
	assert.Equal(t, `[["1","0.000001"],["2","0.000002"],["3","0.000003"]]`, string(p.appendUnordered(nil, levels, 0)))
	assert.Equal(t, `x[["2","0.000002"],["3","0.000003"],["1","0.000001"]]`, string(p.appendUnordered([]byte("x"), levels, 4)))
	assert.Equal(t, `[]`, string(p.appendUnordered(nil, nil, 4)))
}

// A client that takes a book between two messages and applies the next one has the
// best levels and no others, whatever came, went or changed back in between.
func TestWindowsServeABookTakenBetweenMessages(t *testing.T) {
	const depth = 20
	m := newMarket(11, 1, "_")
	p := m.pairs[0]
	var w window
	w.restart(&p.bids, depth)
	kept := 0
	for range 4000 {
		var taken ladder
		steps := 1 + m.rng.IntN(12)
		for at := range steps {
			m.step(p, int64(at), false)
			w.follow(&p.bids, depth)
			if at == steps/2 {
				taken = ladder{sign: -1, levels: append([]level(nil), p.bids.top(depth)...)}
			}
		}
		net := ladder{sign: -1, levels: append([]level(nil), taken.levels...)}
		for _, l := range diffLevels(nil, w.sent, p.bids.top(depth), -1) {
			net.set(l.ticks, l.lots)
		}
		if len(net.levels) != depth {
			kept++
		}
		seen := map[int64]bool{}
		for _, l := range w.diff(nil, &p.bids, depth) {
			require.False(t, seen[l.ticks], "a price is told once")
			seen[l.ticks] = true
			taken.set(l.ticks, l.lots)
		}
		require.Equal(t, p.bids.top(depth), taken.levels)
		w.restart(&p.bids, depth)
	}
	assert.Greater(t, kept, 100, "the net difference alone does not do")
}

func BenchmarkStepWithQuote(b *testing.B) {
	m := newMarket(1, 100, "_")
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for i := range b.N {
		p := m.pairs[i%100]
		if m.step(p, int64(i), false) {
			buf = appendBookTicker(buf[:0], p, 1_790_134_391_753, 1_790_134_391_757)
		}
	}
}

func BenchmarkDiffWindow(b *testing.B) {
	for _, depth := range []int{20, 100, 400} {
		b.Run(strconv.Itoa(depth), func(b *testing.B) {
			p := newMarket(1, 1, "_").pairs[0]
			old := append([]level(nil), p.bids.top(depth)...)
			var out []level
			b.ReportAllocs()
			for range b.N {
				out = diffLevels(out[:0], old, p.bids.top(depth), -1)
			}
		})
	}
}
