package feed

import (
	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// publishPerpetual publishes mark, index, funding and open interest. Mark and index
// are finer than the tick of orders (BTC_USDT of Gate.io: 0.01 and 0.1), so they have
// an exponent of their own, never above the instrument's: for them the instrument's
// would be widened, and its book be made again, for digits that no order has.
func (h *hot) publishPerpetual(c *conn, in *instrument, it *exchanges.Item) {
	r := h.head(in, it)
	p := r.Perpetual()
	if !h.scaleMark(in, it.Prices[:2], &r.PriceExponent, &p.MarkPrice, &p.IndexPrice) {
		h.doesNotFit(c, in)
		return
	}
	rate, interest := it.Quantities[exchanges.FundingRate], it.Quantities[exchanges.OpenInterest]
	p.FundingRate, p.FundingExponent = rate.Mantissa, rate.Exponent
	p.OpenInterest, p.OpenInterestExponent = interest.Mantissa, interest.Exponent
	r.QuantityExponent = interest.Exponent
	p.FundingTimeNS, p.SendTimeNS = it.WindowEndNS, it.SendTimeNS
	p.BookEpoch, p.Connection = in.epoch, c.row
	if it.Flags&ring.FlagRounded != 0 {
		h.w.Counters[ring.CounterRounded]++
	}
	h.w.Publish(r)
	h.w.Counters[ring.CounterPerpetuals]++
}

// scaleMark brings mark and index to one exponent, which only ever falls; what does not
// fit it stands alone at its own. False when no exponent holds both.
func (h *hot) scaleMark(in *instrument, ds []exchanges.Decimal, exponent *int8, mark, index *int64) bool {
	e := min(in.mark, in.price.exponent, widest(ds))
	var ok1, ok2 bool
	for try := range 2 {
		if try == 1 {
			e = h.oddScale(ds)
		}
		*mark, ok1 = scaleTo(ds[0], e)
		*index, ok2 = scaleTo(ds[1], e)
		if ok1 && ok2 {
			if try == 0 {
				in.mark = e
			}
			*exponent = e
			return true
		}
	}
	return false
}

// multiplierOf is a contract's multiplier as the instrument table has it.
func multiplierOf(d exchanges.Decimal) (mantissa int64, exponent int8) {
	if d.Mantissa == 0 {
		return ring.Absent, 0
	}
	return d.Mantissa, d.Exponent
}

var textMultiplier = []byte("multiplier changed")

// multiplierTold brings a multiplier that was not known, or that has changed, into the
// instrument table and says so in the stream. The frame is open.
func (h *hot) multiplierTold(in *instrument, info *exchanges.InstrumentInfo) {
	if info == nil || info.Multiplier == in.multiplier {
		return
	}
	in.multiplier = info.Multiplier
	mantissa, exponent := multiplierOf(info.Multiplier)
	h.w.SetMultiplier(in.id, mantissa, exponent)
	h.instrumentStatus(in, ring.StatusInstrumentChanged, ring.ReasonNone, textMultiplier)
}
