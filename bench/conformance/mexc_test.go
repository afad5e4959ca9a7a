package conformance

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mexcConnection is how many streams the venue takes on one connection.
const mexcConnection = 30

// Every MEXC spot recording comes out of the Go and of the C reader as it went in,
// in every channel that it holds.
func TestMEXCRecordings(t *testing.T) {
	for _, p := range recordings("mexc") {
		name := strings.TrimSuffix(filepath.Base(p), ".jsonl.zst")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mexcConforms(t, p, messages(t, p))
		})
	}
	t.Run("fixture/frames", func(t *testing.T) {
		t.Parallel()
		paths, _ := filepath.Glob(sharedFile("fixtures/mexc/frames/*.bin"))
		var list []message
		for _, p := range paths {
			data, err := os.ReadFile(p)
			require.NoError(t, err)
			list = append(list, message{binary: true, data: data})
		}
		if len(list) > 0 {
			mexcConforms(t, capture(t, list), list)
		}
	})
	t.Run("fixture/replay_synth_basic", func(t *testing.T) {
		t.Parallel()
		if p := sharedFile("fixtures/mexc/replay_synth_basic/frames.lpf"); exists(p) {
			list := prefixedMessages(t, p)
			mexcConforms(t, capture(t, list), list)
		}
	})
}

// The project's own pushes conform too: candles and a closed channel among them,
// which the publisher gets and ignores, and more streams than one connection takes.
func TestMEXCOwnFrames(t *testing.T) {
	t.Parallel()
	list := mexcPushes(t, "../../exchanges/mexc/testdata/pushes.jsonl")
	candles := 0
	for _, m := range list {
		w, ok := readWire(m.data)
		require.True(t, ok)
		if len(w.texts[308]) > 0 {
			candles++
			list = append(list, message{binary: true, data: withoutChannel(t, m.data)})
		}
	}
	require.NotZero(t, candles)
	mexcConforms(t, capture(t, list), list)
}

// A quote with an empty side, and one equal to its predecessor, are in the venue's
// published frames, so the model must have seen both.
func TestMEXCModelSeesWhatIsSpecial(t *testing.T) {
	list := mexcPushes(t, "../../exchanges/mexc/testdata/pushes.jsonl")
	x := newExpectation()
	for _, m := range append(list, list[0], list[0]) {
		for _, add := range mexcModel(m.data).add {
			add(x)
		}
	}
	var texts []string
	for _, kind := range []string{"book_ticker", "trade", "ticker", "depth"} {
		for _, e := range x.events[kind] {
			texts = append(texts, e.text)
		}
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{
		"book_ticker XEN/USDT seq=77 t=1790281243451000000 send=1790281243451000000 bid=null null ask=0.00000006 125000000 repeat=false",
		"bid=84270 0.006387 ask=84270.01 5.42169969 repeat=true",
		"id=731901896985399298X0_731901896985399299X12 t=1790281246177000000 send=1790281246250000000 price=84270 quantity=0.00019169 side=buy 1 of 3",
		"id=B-77/a t=1790281246177000000 send=1790281246250000000 price=84269.5 quantity=1 side=unknown 2 of 3",
		"depth BTC/USDT first=null seq=82164155643 t=1790281247251000000 snapshot=true bids=84270x0.006387,84267.03x0.002348,",
		"ticker USDC/USDT t=1790222106064000000 prices=[1.0001 null null 1.00024 0.99989] open=null volumes=[117741814.97 117749638.58042] rounded=false",
		"volumes=[4638390.17 12345678901234567900] rounded=true",
	} {
		assert.Contains(t, all, want)
	}
}

// mexcConforms drives one recording as often as it takes to have every channel in
// it asked for once: a run takes one value of each option.
func mexcConforms(t *testing.T, path string, list []message) {
	values := map[string][]string{}
	for _, m := range list {
		option, value, _ := mexcStream(mexcModel(m.data).channel)
		if m.binary && option != "" && !slices.Contains(values[option], value) {
			values[option] = append(values[option], value)
		}
	}
	runs := 1
	for _, all := range values {
		slices.Sort(all)
		runs = max(runs, len(all))
	}
	for i := range runs {
		chosen := map[string]string{}
		for option, all := range values {
			chosen[option] = all[min(i, len(all)-1)]
		}
		t.Run(fmt.Sprintf("run %d", i+1), func(t *testing.T) { drive(t, path, mexcPlan(list, chosen)) })
	}
}

// mexcPlan is the run of a recording with one value of each option.
func mexcPlan(list []message, chosen map[string]string) *plan {
	p := &plan{venue: "mexc", want: newExpectation(), countsMessages: true}
	for _, option := range slices.Sorted(maps.Keys(chosen)) {
		p.settings = append(p.settings, option+"="+chosen[option])
	}
	known := map[string]bool{}
	var everybodys []mexcVerdict // of messages that name no stream, which every client gets
	for _, m := range list {
		if !m.binary {
			p.want.counts["control"]++
			continue
		}
		seen := mexcModel(m.data)
		option, value, pair := mexcStream(seen.channel)
		if symbol, ok := mexcSymbol(pair); ok && option != "" {
			known[symbol] = true
		}
		switch {
		case option != "" && chosen[option] == value:
			p.take(seen, option+":"+value, 1)
		case option != "":
			p.want.counts["other_setting"]++
		case value != "":
			p.want.counts["ignored"]++
		default:
			everybodys = append(everybodys, seen.verdict)
		}
	}
	p.symbols = sorted(known)
	p.connections = (4*len(known) + mexcConnection - 1) / mexcConnection
	for _, verdict := range everybodys {
		p.take(&mexcSeen{verdict: verdict}, "unnamed", p.connections)
	}
	return p
}

// take expects what a message yields that so many clients get.
func (p *plan) take(seen *mexcSeen, channel string, clients int) {
	switch seen.verdict {
	case mexcMalformed:
		p.want.malformed += clients
		channel = "malformed"
	case mexcIgnored:
		p.want.ignored += clients
		channel = "ignored"
	}
	p.want.counts[channel]++
	for _, add := range seen.add {
		add(p.want)
	}
}

// A seeded synthetic session, recorded by a client of its own, comes out as it
// went in.
func TestMEXCSyntheticSession(t *testing.T) {
	cases := []struct {
		name        string
		quote, book string
	}{
		{"windows", "aggre.bookTicker.v3.api.pb@10ms@%s", "aggre.depth.v3.api.pb@100ms@%s"},
		{"changes and whole books", "bookTicker.batch.v3.api.pb@%s", "limit.depth.v3.api.pb@%s@20"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			list := recordSynthetic(t, "mexc", []string{mexcRequest(c.quote, c.book, "aggre.deals.v3.api.pb@10ms@%s",
				"miniTicker.v3.api.pb@%s@24H", "kline.v3.api.pb@%s@Min1")}, 3000)
			mexcConforms(t, capture(t, list), list)
		})
	}
}

// mexcRequest asks for streams of six pairs: with five streams each, as many as a
// connection takes.
func mexcRequest(streams ...string) string {
	var names []string
	for _, pair := range []string{"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT"} {
		for _, stream := range streams {
			names = append(names, `"spot@public.`+fmt.Sprintf(stream, pair)+`"`)
		}
	}
	return `{"method":"SUBSCRIPTION","params":[` + strings.Join(names, ",") + `]}`
}
