package gateiofutures

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tickring/tickring/exchanges"
)

var errNoContracts = errors.New("no contract in it")

// contractInfo is one contract of the REST answer.
type contractInfo struct {
	Name           string `json:"name"`
	Multiplier     string `json:"quanto_multiplier"`
	PriceStep      string `json:"order_price_round"`
	DecimalSizes   bool   `json:"enable_decimal"`
	Status         string `json:"status"`
	LeavingForGood bool   `json:"in_delisting"`
}

// MetadataPath is the REST path, behind DefaultRESTURL, of all contracts.
func (d *Dialect) MetadataPath() string { return "/futures/" + d.settle + "/contracts" }

// ParseMetadata reads the answer of MetadataPath, or of the path of one contract.
// Contracts whose name is no BASE_QUOTE, or which the instrument table has no room
// for, are left out. The error says what the body is not. Not for the hot thread.
func (d *Dialect) ParseMetadata(body []byte) ([]exchanges.InstrumentInfo, error) {
	var contracts []contractInfo
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '{' {
		contracts = make([]contractInfo, 1)
		if err := json.Unmarshal(trimmed, &contracts[0]); err != nil {
			return nil, fmt.Errorf("parse contract: %w", err)
		}
	} else if err := json.Unmarshal(body, &contracts); err != nil {
		return nil, fmt.Errorf("parse contracts: %w", err)
	}
	infos := make([]exchanges.InstrumentInfo, 0, len(contracts))
	for i := range contracts {
		c := &contracts[i]
		base, quote, ok := d.ParseNative(c.Name)
		if !ok || len(c.Name) > exchanges.MaxSymbolBytes {
			continue
		}
		infos = append(infos, exchanges.InstrumentInfo{
			Native: c.Name, Base: base, Quote: quote,
			Tick: step(c.PriceStep), Lot: c.lot(), Multiplier: c.multiplier(), Halted: c.halted(),
		})
	}
	if len(infos) == 0 {
		return nil, fmt.Errorf("parse contracts: %w", errNoContracts)
	}
	return infos, nil
}

// lot is one contract, unless the venue trades fractions of it: their step it does not
// publish.
func (c *contractInfo) lot() exchanges.Decimal {
	if c.DecimalSizes {
		return exchanges.AbsentDecimal
	}
	return exchanges.Decimal{Mantissa: 1}
}

// multiplier is zero on inverse contracts, whose face is in the quote currency.
func (c *contractInfo) multiplier() exchanges.Decimal {
	if m := step(c.Multiplier); !m.IsAbsent() {
		return m
	}
	return exchanges.Decimal{}
}

// halted: a contract that is being delisted still trades until it is delisted. Answers
// of before status came tell in_delisting alone.
func (c *contractInfo) halted() bool {
	switch c.Status {
	case "trading", "delisting":
		return false
	case "":
		return c.LeavingForGood
	}
	return true
}

// step is an increment above zero as the venue writes it, absent when it is none.
func step(text string) exchanges.Decimal {
	d, ok := exchanges.ParseDecimal([]byte(text))
	if !ok || d.Mantissa <= 0 {
		return exchanges.AbsentDecimal
	}
	return d
}
