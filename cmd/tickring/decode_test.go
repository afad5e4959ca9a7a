package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shared is the folder of shared fixtures, "" where there is none.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TICKRING_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	if _, err := os.Stat(dir); err != nil {
		fmt.Println("SKIP: no shared fixtures; set TICKRING_SHARED")
		return ""
	}
	return dir
}

// expectation is a line of the fixtures' expected.jsonl, all values as text.
type expectation struct {
	Line     int         `json:"line"`
	I        int         `json:"i"`
	Kind     string      `json:"kind"`
	Control  string      `json:"control"`
	Symbol   string      `json:"symbol"`
	TS       string      `json:"ts_ns"`
	Send     string      `json:"send_ts_ns"`
	Price    string      `json:"price"`
	Quantity string      `json:"qty"`
	Side     string      `json:"side"`
	TradeID  string      `json:"trade_id"`
	BidPrice string      `json:"bid_px"`
	BidQty   string      `json:"bid_qty"`
	AskPrice string      `json:"ask_px"`
	AskQty   string      `json:"ask_qty"`
	Update   string      `json:"update_id"`
	First    string      `json:"first_update_id"`
	Last     string      `json:"last"`
	High     string      `json:"high"`
	Low      string      `json:"low"`
	Base     string      `json:"base_vol"`
	Quote    string      `json:"quote_vol"`
	Bids     [][2]string `json:"bids"`
	Asks     [][2]string `json:"asks"`
}

// text is nil for an absent value, as JSON's null is.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func number(s string) any {
	if s == "" {
		return nil
	}
	return json.Number(s)
}

func levels(side [][2]string) []any {
	out := []any{}
	for _, l := range side {
		out = append(out, []any{l[0], l[1]})
	}
	return out
}

// asDecoded is what decode has to print of an expectation.
func (e *expectation) asDecoded(file string) map[string]any {
	out := map[string]any{"file": file, "line": json.Number(strconv.Itoa(e.Line)), "i": json.Number(strconv.Itoa(e.I))}
	if e.Kind == "control" {
		out["control"] = e.Control
		return out
	}
	flags := []any{"FIRST", "LAST"}
	if e.Kind == "book_snapshot" {
		flags = append(flags, "SNAPSHOT")
	}
	out["venue"], out["symbol"], out["flags"] = "gateio", e.Symbol, flags
	out["event_time_ns"], out["venue_sequence"] = number(e.TS), number(e.Update)
	switch e.Kind {
	case "trade":
		out["kind"], out["price"], out["quantity"], out["send_time_ns"] = "trade", e.Price, e.Quantity, number(e.Send)
		out["trade_id"], out["aggressor"] = e.TradeID, e.Side
		out["index"], out["count"] = json.Number("0"), json.Number("1")
	case "book_ticker":
		out["kind"], out["send_time_ns"] = "book_ticker", number(e.Send)
		out["bid_price"], out["bid_quantity"] = text(e.BidPrice), text(e.BidQty)
		out["ask_price"], out["ask_quantity"] = text(e.AskPrice), text(e.AskQty)
	case "book_delta", "book_snapshot":
		out["kind"], out["first_sequence"] = "depth", number(e.First)
		out["bids"], out["asks"] = levels(e.Bids), levels(e.Asks)
	case "ticker":
		out["kind"], out["last"], out["bid"], out["ask"] = "ticker", text(e.Last), text(e.BidPrice), text(e.AskPrice)
		out["open"], out["high"], out["low"], out["window_end_ns"] = nil, text(e.High), text(e.Low), nil
		out["base_volume"], out["quote_volume"] = text(e.Base), text(e.Quote)
	}
	return out
}

func object(t *testing.T, line string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var out map[string]any
	require.NoError(t, d.Decode(&out), line)
	return out
}

// Intent: decode prints of every published fixture frame what the fixtures say it
// holds: every value, none more, in order.
func TestDecodeFixtures(t *testing.T) {
	dir := shared(t)
	if dir == "" {
		return
	}
	dir = filepath.Join(dir, "fixtures", "gateio")
	content, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
	require.NoError(t, err)
	code, stdout, stderr := run(t, "decode", "--venue", "gateio", filepath.Join(dir, "frames.jsonl"))
	require.Zero(t, code, stderr)
	got, want := linesOf(stdout), linesOf(string(content))
	require.Len(t, got, len(want))
	for n, line := range want {
		var e expectation
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		is := object(t, got[n])
		if e.Kind == "malformed" {
			assert.NotEmpty(t, is["malformed"])
			delete(is, "malformed")
			is["kind"] = "malformed"
			assert.Equal(t, map[string]any{"file": "frames.jsonl", "line": json.Number(strconv.Itoa(e.Line)),
				"i": json.Number("0"), "kind": "malformed"}, is)
			continue
		}
		assert.Equal(t, e.asDecoded("frames.jsonl"), is, "expected line %d", n+1)
	}
}

// Intent: the same frames give the same lines from every kind of file, and one
// frame that is refused ends nothing.
func TestDecodeEveryKindOfFile(t *testing.T) {
	frames := []string{
		`{"time":1,"time_ms":1001,"channel":"spot.book_ticker","event":"update","result":` +
			`{"t":1000,"u":7,"s":"BTC_USDT","b":"1.50","B":"2","a":"1.6","A":"3"}}`,
		`{"time":1,"channel":"spot.book_ticker","event":"update","result":{"t":1000`,
		`{"time":1,"channel":"spot.pong","event":"","result":null}`,
		`{"time":1,"time_ms":1002,"channel":"spot.book_ticker","event":"update","result":` +
			`{"t":1001,"u":8,"s":"ETH_USDT","b":"1.50","B":"2","a":"1.6","A":"3"}}`,
	}
	want := []string{
		`"line":1,"i":0,"kind":"book_ticker","venue":"gateio","symbol":"BTC/USDT","flags":["FIRST","LAST"],` +
			`"event_time_ns":1000000000,"venue_sequence":7,"bid_price":"1.5","bid_quantity":"2","ask_price":"1.6",` +
			`"ask_quantity":"3","send_time_ns":1001000000}`,
		`"line":2,"i":0,"malformed":"`,
		`"line":3,"i":0,"control":"pong"}`,
		`"line":4,"i":0,"kind":"book_ticker","venue":"gateio","symbol":"ETH/USDT","flags":["FIRST","LAST"],` +
			`"event_time_ns":1001000000,"venue_sequence":8,`,
	}
	dir := t.TempDir()
	lines := []byte(strings.Join(frames, "\n") + "\n")
	var zst bytes.Buffer
	w, err := zstd.NewWriter(&zst)
	require.NoError(t, err)
	_, err = w.Write(lines)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	var lpf []byte
	for _, f := range frames {
		lpf = append(binary.BigEndian.AppendUint32(lpf, uint32(len(f))), f...)
	}
	files := map[string][]byte{"a.jsonl": lines, "a.jsonl.zst": zst.Bytes(), "a.lpf": lpf, "a.bin": []byte(frames[0])}
	for name, content := range files {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(path, content, 0o644))
			code, stdout, stderr := run(t, "decode", "--venue", "gateio", path)
			assert.Zero(t, code, stderr)
			got := linesOf(stdout)
			expected := want
			if name == "a.bin" {
				expected = want[:1]
			}
			require.Len(t, got, len(expected))
			for i := range got {
				assert.True(t, strings.HasPrefix(got[i], `{"file":"`+name+`",`+expected[i]), got[i])
			}
		})
	}
}
