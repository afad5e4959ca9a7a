package gateio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tickring/tickring/exchanges"
)

// maxPrecision bounds the decimals that metadata may claim; more than an int64
// has digits for is of no use.
const maxPrecision = 18

var errNoPairs = errors.New("no pair in it")

// pairInfo is one pair of the REST answer.
type pairInfo struct {
	ID              string `json:"id"`
	Base            string `json:"base"`
	Quote           string `json:"quote"`
	Precision       *int   `json:"precision"`
	AmountPrecision *int   `json:"amount_precision"`
	TradeStatus     string `json:"trade_status"`
}

// MetadataPath is the REST path, behind DefaultRESTURL, of all pairs.
func (d *Dialect) MetadataPath() string { return "/spot/currency_pairs" }

// ParseMetadata reads the answer of MetadataPath, or of the path of one pair.
// Pairs without id, base or quote, and with names that the instrument table has
// no room for, are left out. The error says what the body is not. Not for the hot thread.
func (d *Dialect) ParseMetadata(body []byte) ([]exchanges.InstrumentInfo, error) {
	var pairs []pairInfo
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '{' {
		pairs = make([]pairInfo, 1)
		if err := json.Unmarshal(trimmed, &pairs[0]); err != nil {
			return nil, fmt.Errorf("parse currency pair: %w", err)
		}
	} else if err := json.Unmarshal(body, &pairs); err != nil {
		return nil, fmt.Errorf("parse currency pairs: %w", err)
	}
	infos := make([]exchanges.InstrumentInfo, 0, len(pairs))
	for _, p := range pairs {
		if p.ID == "" || p.Base == "" || p.Quote == "" || len(p.ID) > exchanges.MaxSymbolBytes {
			continue
		}
		infos = append(infos, exchanges.InstrumentInfo{
			Native: p.ID, Base: p.Base, Quote: p.Quote,
			Tick: step(p.Precision), Lot: step(p.AmountPrecision),
			Halted: p.TradeStatus == "untradable",
		})
	}
	if len(infos) == 0 {
		return nil, fmt.Errorf("parse currency pairs: %w", errNoPairs)
	}
	return infos, nil
}

// step is the smallest step with so many decimals.
func step(decimals *int) exchanges.Decimal {
	if decimals == nil || *decimals < 0 || *decimals > maxPrecision {
		return exchanges.AbsentDecimal
	}
	return exchanges.Decimal{Mantissa: 1, Exponent: int8(-*decimals)}
}
