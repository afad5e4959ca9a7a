package sim

import (
	"math/rand/v2"
	"strings"
)

// Shape of the market. The shares are of 1000 steps of a pair.
const (
	shareTrade = 180 // a taker hits the best levels
	shareTop   = 370 // the best price or its amount changes
	shareNear  = 150 // a change within 20 levels
	shareMid   = 100 // a change within 100 levels
	shareDeep  = 60  // a change anywhere; the rest moves the id and leaves no trace

	quietDeep = 150 // of a quiet step: a change below 100 levels; the rest leaves no trace

	wantLevels = 440     // a side is refilled below this: more than the 400 of the deepest channel
	mostLevels = 480     // and cut above
	wideSpread = 6       // ticks; wider is closed before anything else
	burstMean  = 8       // steps of a burst of one pair
	quoteRoom  = 1 << 62 // quote volume above this is halved
)

// trade is one execution.
type trade struct {
	id          uint64
	buy         bool // side of the taker
	ticks, lots int64
	atNS        int64 // market time
}

// pair is one listed pair: its book and its statistics.
type pair struct {
	pairSpec
	base       string
	quote      string
	index      int
	weight     float64 // share of the activity, relative
	id         uint64  // book update id
	bids, asks ladder
	changedNS  int64 // market time of id
	tradeID    uint64
	recent     []trade // the last executions, for REST

	last, open, high, low int64
	baseLots, quoteUnits  int64 // volumes; quote in 10^-(priceDecimals+amountDecimals)
}

// market is a set of pairs and a seeded hand that moves them. It knows no clock:
// the caller gives the time of each step. Not safe for concurrent use.
type market struct {
	rng    *rand.Rand
	pairs  []*pair
	byName map[string]*pair
	trades []trade // of the last step
}

// newMarket lists pairs whose names have the separator between base and quote.
func newMarket(seed uint64, symbols int, separator string) *market {
	m := &market{rng: rand.New(rand.NewPCG(seed, 0x7469636b)), byName: map[string]*pair{}}
	for i := range symbols {
		p := m.list(i, separator)
		m.pairs = append(m.pairs, p)
		m.byName[p.name] = p
	}
	return m
}

// list makes a pair with a full book.
func (m *market) list(i int, separator string) *pair {
	p := &pair{pairSpec: namedSpec(i), index: i, weight: 1 / (2 + float64(i)*0.5)}
	p.base, p.quote, _ = strings.Cut(p.name, "_")
	p.name = p.base + separator + p.quote
	p.id, p.tradeID = p.firstID, p.firstTradeID
	p.bids.sign, p.asks.sign = -1, 1
	p.bids.levels = make([]level, 0, mostLevels+8)
	p.asks.levels = make([]level, 0, mostLevels+8)
	mid := p.startTicks
	p.bids.levels = append(p.bids.levels, level{mid, m.amount(p)})
	p.asks.levels = append(p.asks.levels, level{mid + 1 + m.rng.Int64N(3), m.amount(p)})
	m.refill(p, &p.bids)
	m.refill(p, &p.asks)
	p.last, p.high, p.low = mid, mid, mid
	p.open = mid - mid/50 + m.rng.Int64N(mid/25)
	p.high, p.low = max(p.high, p.open), min(p.low, p.open)
	p.baseLots = p.typicalLots * (1000 + m.rng.Int64N(4000))
	p.quoteUnits = p.baseLots * mid
	return p
}

// amount draws the amount of an order: mostly small, some round.
func (m *market) amount(p *pair) int64 {
	lots := 1 + m.rng.Int64N(p.typicalLots)*(1+m.rng.Int64N(16))/8
	if m.rng.IntN(3) > 0 {
		return lots
	}
	for unit := int64(1000); unit >= 10; unit /= 10 {
		if lots > 10*unit {
			return lots - lots%unit
		}
	}
	return lots
}

// refill adds levels at the far end of a side up to wantLevels, and cuts it down
// to mostLevels. Bids stop at one tick.
func (m *market) refill(p *pair, l *ladder) {
	for len(l.levels) < wantLevels {
		next := l.levels[len(l.levels)-1].ticks + l.sign*(1+m.rng.Int64N(3))
		if next < 1 {
			return
		}
		l.levels = append(l.levels, level{next, m.amount(p)})
	}
	if len(l.levels) > mostLevels {
		l.levels = l.levels[:mostLevels]
	}
}

// step moves a pair at market time now and reports whether its quote changed. The
// trades of the step are in m.trades until the next.
//
// A quiet step happens out of sight of most channels: it is what makes diffs that
// only move the id.
func (m *market) step(p *pair, now int64, quiet bool) (quoteChanged bool) {
	m.trades = m.trades[:0]
	p.bids.forget()
	p.asks.forget()
	bid, ask := p.bids.best(), p.asks.best()
	p.id++
	p.changedNS = now
	switch r := m.rng.IntN(1000); {
	case quiet && r < quietDeep:
		m.moveDepth(p, 100, mostLevels)
	case quiet:
		p.id += m.rng.Uint64N(2)
	case r < shareTrade:
		m.hit(p, now)
	case r < shareTrade+shareTop:
		m.moveTop(p)
	case r < shareTrade+shareTop+shareNear:
		m.moveDepth(p, 1, 20)
	case r < shareTrade+shareTop+shareNear+shareMid:
		m.moveDepth(p, 20, 100)
	case r < shareTrade+shareTop+shareNear+shareMid+shareDeep:
		m.moveDepth(p, 100, mostLevels)
	default:
		p.id += m.rng.Uint64N(2)
	}
	m.refill(p, &p.bids)
	m.refill(p, &p.asks)
	return bid != p.bids.best() || ask != p.asks.best()
}

// upward draws a direction that leads back to where the pair started.
func (m *market) upward(p *pair) bool {
	drift := float64(p.startTicks-p.bids.best().ticks) / float64(p.startTicks) * 20
	return m.rng.Float64() < 0.5+max(-0.4, min(0.4, drift))
}

// hit lets a taker trade with up to three best levels. Executions of one order
// carry times some microseconds apart.
func (m *market) hit(p *pair, now int64) {
	buy := m.upward(p)
	side := &p.bids
	if buy {
		side = &p.asks
	}
	levels := 1
	if m.rng.IntN(10) == 0 {
		levels += 1 + m.rng.IntN(2)
	}
	for i := range levels {
		best := side.best()
		lots := best.lots
		if i == levels-1 && lots > 1 && m.rng.IntN(5) > 0 {
			lots = 1 + m.rng.Int64N(lots-1)
		}
		side.set(best.ticks, best.lots-lots)
		p.tradeID++
		at := now - now%1000 + int64(i)*1000*(1+m.rng.Int64N(20))
		m.trades = append(m.trades, trade{p.tradeID, buy, best.ticks, lots, at})
		p.count(best.ticks, lots)
	}
}

// count takes an execution into the day's statistics.
func (p *pair) count(ticks, lots int64) {
	p.last = ticks
	p.high, p.low = max(p.high, ticks), min(p.low, ticks)
	p.baseLots += lots
	p.quoteUnits += ticks * lots
	if p.quoteUnits > quoteRoom {
		p.baseLots, p.quoteUnits = p.baseLots/2, p.quoteUnits/2
	}
}

// moveTop changes the amount at a best price, betters it, or takes it away.
func (m *market) moveTop(p *pair) {
	up := m.upward(p)
	spread := p.asks.best().ticks - p.bids.best().ticks
	switch r := m.rng.IntN(10); {
	case spread > 1 && (spread > wideSpread || r < 3):
		side := &p.asks // a lower ask
		if up {
			side = &p.bids
		}
		side.set(side.best().ticks-side.sign*(1+m.rng.Int64N(min(spread-1, 3))), m.amount(p))
	case spread <= wideSpread && r < 5:
		side := &p.bids // the bid goes
		if up {
			side = &p.asks
		}
		side.set(side.best().ticks, 0)
	default:
		side := &p.bids
		if m.rng.IntN(2) == 0 {
			side = &p.asks
		}
		side.set(side.best().ticks, m.otherAmount(p, side.best().lots))
	}
}

// moveDepth changes, removes or inserts a level between places from and to.
func (m *market) moveDepth(p *pair, from, to int) {
	side := &p.bids
	if m.rng.IntN(2) == 0 {
		side = &p.asks
	}
	to = min(to, len(side.levels)-1)
	if to <= from {
		return
	}
	at := from + m.rng.IntN(to-from)
	here, next := side.levels[at], side.levels[at+1]
	gap := (next.ticks - here.ticks) * side.sign
	switch r := m.rng.IntN(10); {
	case r < 3:
		side.set(here.ticks, 0)
	case r < 6 && gap > 1:
		side.set(here.ticks+side.sign*(1+m.rng.Int64N(gap-1)), m.amount(p))
	default:
		side.set(here.ticks, m.otherAmount(p, here.lots))
	}
}

// otherAmount draws an amount that is not lots.
func (m *market) otherAmount(p *pair, lots int64) int64 {
	if n := m.amount(p); n != lots {
		return n
	}
	return lots + 1
}
