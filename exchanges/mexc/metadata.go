package mexc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tickring/tickring/exchanges"
)

// maxPrecision bounds the decimals that a pair may have; the venue's largest is 18.
const maxPrecision = 30

var errNoPairs = errors.New("no pair in it")

// exchangeInfo is the answer of /api/v3/exchangeInfo.
type exchangeInfo struct {
	Symbols []pairInfo `json:"symbols"`
}

// pairInfo is one pair of it. The tick is not given as such: it is one in the last
// of the price's decimals.
type pairInfo struct {
	Symbol             string          `json:"symbol"`
	Status             json.RawMessage `json:"status"`
	BaseAsset          string          `json:"baseAsset"`
	QuoteAsset         string          `json:"quoteAsset"`
	QuotePrecision     *int            `json:"quotePrecision"`
	BaseAssetPrecision *int            `json:"baseAssetPrecision"`
}

// MetadataPath is the REST path, behind DefaultRESTURL, of all pairs.
func (d *Dialect) MetadataPath() string { return "/api/v3/exchangeInfo" }

// ParseMetadata reads the answer of MetadataPath, for all pairs or some, or the
// entry of one pair alone. Pairs without symbol, base or quote, and with names
// that the instrument table has no room for, are left out. The error says what the
// body is not. Not for the hot thread.
func (d *Dialect) ParseMetadata(body []byte) ([]exchanges.InstrumentInfo, error) {
	var info exchangeInfo
	if err := json.Unmarshal(body, &info); err != nil {
		return nil, fmt.Errorf("parse exchange info: %w", err)
	}
	if info.Symbols == nil {
		var one pairInfo
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, fmt.Errorf("parse pair: %w", err)
		}
		info.Symbols = []pairInfo{one}
	}
	infos := make([]exchanges.InstrumentInfo, 0, len(info.Symbols))
	for _, p := range info.Symbols {
		if p.Symbol == "" || p.BaseAsset == "" || p.QuoteAsset == "" || len(p.Symbol) > exchanges.MaxSymbolBytes {
			continue
		}
		infos = append(infos, exchanges.InstrumentInfo{
			Native: p.Symbol, Base: p.BaseAsset, Quote: p.QuoteAsset,
			Tick: step(p.QuotePrecision), Lot: step(p.BaseAssetPrecision),
			Halted: !isTrading(p.Status),
		})
	}
	if len(infos) == 0 {
		return nil, fmt.Errorf("parse exchange info: %w", errNoPairs)
	}
	return infos, nil
}

// isTrading reads the status: 1 is online, 2 paused, 3 offline; until August 2024
// the word ENABLED stood for the first. A pair that trading is not allowed on may
// still have market data, and is not halted for that; nor is one of which nothing is said.
func isTrading(status json.RawMessage) bool {
	switch string(bytes.Trim(status, `"`)) {
	case "1", "ENABLED", "", "null":
		return true
	}
	return false
}

// step is the smallest step with so many decimals.
func step(decimals *int) exchanges.Decimal {
	if decimals == nil || *decimals < 0 || *decimals > maxPrecision {
		return exchanges.AbsentDecimal
	}
	return exchanges.Decimal{Mantissa: 1, Exponent: int8(-*decimals)}
}
