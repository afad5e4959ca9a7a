package exchanges

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tickring/tickring/ring"
)

// ErrSnapshot is wrapped by every error about a REST book.
var ErrSnapshot = errors.New("book snapshot")

// AddSnapshot adds a REST book as one depth item: update id, event time (Unix ns or
// ring.Absent), and levels as the venue wrote them, price and quantity each. Nothing
// is added when a level is none. Any thread.
func (b *Batch) AddSnapshot(id uint64, eventTimeNS int64, bids, asks [][]string) error {
	if id == 0 {
		return fmt.Errorf("%w: no update id", ErrSnapshot)
	}
	if len(bids)+len(asks) > MaxLevels {
		return fmt.Errorf("%w: %d levels, the limit is %d", ErrSnapshot, len(bids)+len(asks), MaxLevels)
	}
	b.Reset()
	for _, side := range [2][][]string{bids, asks} {
		for _, l := range side {
			level, err := snapshotLevel(l)
			if err != nil {
				b.Reset()
				return err
			}
			b.Levels = append(b.Levels, level)
		}
	}
	it := b.Add(ring.KindDepth)
	it.Rule, it.Flags, it.Sequence, it.EventTimeNS = RuleREST, ring.FlagSnapshot, id, eventTimeNS
	it.BidsTo = int32(len(bids))
	it.AsksFrom, it.AsksTo = it.BidsTo, int32(len(bids)+len(asks))
	return nil
}

func snapshotLevel(l []string) (Level, error) {
	if len(l) < 2 {
		return Level{}, fmt.Errorf("%w: a level without price or quantity", ErrSnapshot)
	}
	price, ok1 := ParseDecimal([]byte(l[0]))
	quantity, ok2 := ParseDecimal([]byte(l[1]))
	if !ok1 || !ok2 || price.Mantissa < 0 || quantity.Mantissa < 0 {
		return Level{}, fmt.Errorf("%w: level %q x %q is no number", ErrSnapshot, l[0], l[1])
	}
	return Level{Price: price, Quantity: quantity}, nil
}

// ReadSnapshot reads a REST book of JSON into shape, which has the venue's keys.
func ReadSnapshot(body []byte, shape any) error {
	if err := json.Unmarshal(body, shape); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return nil
}
