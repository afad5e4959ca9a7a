package jsonl

import (
	"strconv"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// Frames writes what a dialect made of the frames of one file. It is owned by one
// thread.
type Frames struct {
	file  []byte // {"file":…,"line":
	venue []byte // ,"venue":…,"symbol":
}

// NewFrames makes the writer for a file and a venue, both by name.
func NewFrames(file, venue string) *Frames {
	head := append([]byte(nil), `{"file":`...)
	head = append(AppendString(head, file), `,"line":`...)
	mid := append([]byte(nil), `,"venue":`...)
	mid = append(AppendString(mid, venue), `,"symbol":`...)
	return &Frames{file: head, venue: mid}
}

func (f *Frames) appendHead(dst []byte, line, i int) []byte {
	dst = append(dst, f.file...)
	dst = strconv.AppendInt(dst, int64(line), 10)
	dst = append(dst, `,"i":`...)
	return strconv.AppendInt(dst, int64(i), 10)
}

// AppendControl appends the line of a frame that holds no data; what is ack,
// error, pong, system, ignored or unknown. line counts from 1.
func (f *Frames) AppendControl(dst []byte, line int, what string) []byte {
	dst = f.appendHead(dst, line, 0)
	dst = append(dst, `,"control":`...)
	dst = AppendString(dst, what)
	return append(dst, '}', '\n')
}

// AppendMalformed appends the line of a frame that the decoder refused.
func (f *Frames) AppendMalformed(dst []byte, line int, why string) []byte {
	dst = f.appendHead(dst, line, 0)
	dst = append(dst, `,"malformed":`...)
	dst = AppendString(dst, why)
	return append(dst, '}', '\n')
}

// AppendItem appends the line of item i of the batch of the frame in a line.
// symbol is BASE/QUOTE. An item is a whole event, so its flags hold FIRST and
// LAST.
func (f *Frames) AppendItem(dst []byte, line, i int, symbol string, b *exchanges.Batch) []byte {
	it := &b.Items[i]
	dst = f.appendHead(dst, line, i)
	dst = append(dst, `,"kind":"`...)
	dst = append(dst, KindName(it.Kind)...)
	dst = append(dst, '"')
	dst = append(dst, f.venue...)
	dst = AppendString(dst, symbol)
	dst = append(dst, `,"flags":`...)
	dst = appendFlags(dst, it.Flags|ring.FlagFirst|ring.FlagLast)
	dst = append(dst, `,"event_time_ns":`...)
	dst = appendTime(dst, it.EventTimeNS)
	dst = append(dst, `,"venue_sequence":`...)
	dst = appendID(dst, it.Sequence)
	switch it.Kind {
	case ring.KindBookTicker:
		dst = appendItemBookTicker(dst, it)
	case ring.KindTrade:
		dst = appendItemTrade(dst, it)
	case ring.KindDepth:
		dst = appendItemDepth(dst, it, b)
	case ring.KindTicker:
		dst = appendItemTicker(dst, it)
	case ring.KindPerpetual:
		dst = appendItemPerpetual(dst, it)
	}
	return append(dst, '}', '\n')
}

func appendValue(dst []byte, key string, d exchanges.Decimal) []byte {
	dst = append(dst, key...)
	return appendDecimal(dst, d.Mantissa, d.Exponent)
}

func appendItemBookTicker(dst []byte, it *exchanges.Item) []byte {
	dst = appendValue(dst, `,"bid_price":`, it.Prices[exchanges.BidPrice])
	dst = appendValue(dst, `,"bid_quantity":`, it.Quantities[exchanges.BidQty])
	dst = appendValue(dst, `,"ask_price":`, it.Prices[exchanges.AskPrice])
	dst = appendValue(dst, `,"ask_quantity":`, it.Quantities[exchanges.AskQty])
	dst = append(dst, `,"send_time_ns":`...)
	return appendTime(dst, it.SendTimeNS)
}

func appendItemTrade(dst []byte, it *exchanges.Item) []byte {
	dst = appendValue(dst, `,"price":`, it.Prices[exchanges.TradePrice])
	dst = appendValue(dst, `,"quantity":`, it.Quantities[exchanges.TradeQty])
	dst = append(dst, `,"trade_id":`...)
	id := tradeID{
		format: it.IDFormat, first: it.TradeID, second: it.SecondID,
		suffix1: it.IDSuffix1, suffix2: it.IDSuffix2,
		text: it.Text[:min(int(it.TextLength), len(it.Text))],
	}
	dst = appendTradeID(dst, &id)
	dst = appendTaker(dst, it.Aggressor, it.Index, it.Count)
	dst = append(dst, `,"send_time_ns":`...)
	return appendTime(dst, it.SendTimeNS)
}

func appendItemDepth(dst []byte, it *exchanges.Item, b *exchanges.Batch) []byte {
	dst = append(dst, `,"first_sequence":`...)
	dst = appendID(dst, it.FirstSequence)
	dst = append(dst, `,"bids":`...)
	dst = appendItemLevels(dst, b.Bids(it))
	dst = append(dst, `,"asks":`...)
	return appendItemLevels(dst, b.Asks(it))
}

func appendItemLevels(dst []byte, levels []exchanges.Level) []byte {
	dst = append(dst, '[')
	for i := range levels {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, "[", levels[i].Price)
		dst = appendValue(dst, ",", levels[i].Quantity)
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

func appendItemTicker(dst []byte, it *exchanges.Item) []byte {
	for i, key := range tickerKeys {
		dst = appendValue(dst, key, it.Prices[i])
	}
	dst = appendValue(dst, `,"base_volume":`, it.Quantities[exchanges.BaseVolume])
	dst = appendValue(dst, `,"quote_volume":`, it.Quantities[exchanges.QuoteVolume])
	dst = append(dst, `,"window_end_ns":`...)
	return appendTime(dst, it.WindowEndNS)
}

func appendItemPerpetual(dst []byte, it *exchanges.Item) []byte {
	dst = appendValue(dst, `,"mark_price":`, it.Prices[exchanges.MarkPrice])
	dst = appendValue(dst, `,"index_price":`, it.Prices[exchanges.IndexPrice])
	dst = appendValue(dst, `,"funding_rate":`, it.Quantities[exchanges.FundingRate])
	dst = append(dst, `,"funding_time_ns":`...)
	dst = appendTime(dst, it.WindowEndNS)
	dst = appendValue(dst, `,"open_interest":`, it.Quantities[exchanges.OpenInterest])
	dst = append(dst, `,"send_time_ns":`...)
	return appendTime(dst, it.SendTimeNS)
}
