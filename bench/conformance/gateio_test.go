package conformance

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

// gateioBooks are the settings of the order book channel, with the channel each
// takes.
var gateioBooks = []struct{ channel, option string }{
	{"spot.order_book_update", "order_book_update@100ms"},
	{"spot.order_book", "order_book@20"},
	{"spot.obu", "obu@400"},
	{"spot.obu", "obu@50"},
}

// Every Gate.io spot v4 recording comes out of the Go and of the C reader as it
// went in.
func TestGateioRecordings(t *testing.T) {
	for _, p := range recordings("gateio") {
		name := filepath.Base(p)
		if strings.HasPrefix(name, "futures-") || strings.HasPrefix(name, "spot-v3-obsolete-") {
			continue
		}
		t.Run(strings.TrimSuffix(name, ".jsonl.zst"), func(t *testing.T) {
			t.Parallel()
			gateioConforms(t, p, messages(t, p))
		})
	}
	fixtures := []string{
		sharedFile("fixtures/gateio/frames.jsonl"),
		sharedFile("fixtures/gateio/replay_obu_synth_basic/frames.jsonl"),
	}
	updates, _ := filepath.Glob(sharedFile("fixtures/gateio/replay_2021/*.updates.jsonl"))
	for _, p := range append(fixtures, updates...) {
		if !exists(p) {
			continue
		}
		t.Run("fixture/"+strings.TrimSuffix(filepath.Base(filepath.Dir(p))+"/"+filepath.Base(p), ".jsonl"), func(t *testing.T) {
			t.Parallel()
			list := textMessages(t, p)
			gateioConforms(t, capture(t, list), list)
		})
	}
}

// The project's own frames, written from the fact sheet, conform too.
func TestGateioOwnFrames(t *testing.T) {
	t.Parallel()
	list := textMessages(t, "../../exchanges/gateio/testdata/frames.jsonl")
	gateioConforms(t, capture(t, list), list)
}

// gateioConforms drives one recording, once for each setting of the order book that
// it has data of.
func gateioConforms(t *testing.T, path string, list []message) {
	channels := map[string]int{}
	for _, m := range list {
		var e envelope
		if json.Unmarshal(m.data, &e) == nil {
			channels[e.Channel]++
		}
	}
	ran := false
	for _, b := range gateioBooks {
		if channels[b.channel] > 0 && (b.channel != "spot.obu" || hasDepth(list, b.option)) {
			ran = true
			t.Run(b.option, func(t *testing.T) { drive(t, path, gateioPlan(list, b.channel, b.option)) })
		}
	}
	if !ran {
		drive(t, path, gateioPlan(list, "spot.order_book_update", "order_book_update@100ms"))
	}
}

// hasDepth says whether obu data of the option's depth are there.
func hasDepth(list []message, option string) bool {
	suffix := "." + strings.TrimPrefix(option, "obu@") + `"`
	for _, m := range list {
		f := string(m.data)
		if strings.Contains(f, `"spot.obu"`) && strings.Contains(f, `"result"`) && strings.Contains(f, suffix) && !strings.Contains(f, `"payload"`) {
			return true
		}
	}
	return false
}

// ofDepth says whether a book message is of the depth that the option asks for;
// messages that do not say theirs are of any.
func ofDepth(channel, frame, option string) bool {
	_, depth, _ := strings.Cut(option, "@")
	switch channel {
	case "spot.obu":
		return strings.Contains(frame, "."+depth+`"`)
	case "spot.order_book":
		return strings.Contains(frame, `"l":"`+depth+`"`) || !strings.Contains(frame, `"l":"`)
	}
	return true
}

// gateioPlan is the run of a recording with one setting of the order book.
func gateioPlan(list []message, book, option string) *plan {
	p := &plan{venue: "gateio", connections: 1, settings: []string{"gateio.book=" + option}, want: newExpectation()}
	taken := map[string]bool{"spot.book_ticker": true, "spot.trades": true, "spot.tickers": true, book: true}
	known := map[string]bool{}
	for _, m := range list {
		seen := gateioModel(m.data)
		switch {
		case seen.add == nil || !taken[seen.channel]:
			p.want.counts["ignored"]++
			continue
		case !ofDepth(seen.channel, string(m.data), option):
			p.want.counts["other_depth"]++
			continue
		}
		known[seen.symbol] = true
		seen.add(p.want)
		p.want.counts[seen.channel]++
	}
	p.symbols = sorted(known)
	return p
}

func sorted(set map[string]bool) []string {
	var out []string
	for s := range set {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}

// A seeded synthetic session, recorded by a client of its own, comes out as it
// went in: for machines without recordings.
func TestGateioSyntheticSession(t *testing.T) {
	for _, b := range gateioBooks[:3] {
		t.Run(b.option, func(t *testing.T) {
			list := recordSynthetic(t, "gateio", gateioRequests(b.channel, b.option), 4000)
			drive(t, capture(t, list), gateioPlan(list, b.channel, b.option))
		})
	}
}

func gateioRequests(book, option string) []string {
	pairs := []string{"BTC_USDT", "ETH_USDT", "SOL_USDT"}
	_, depth, _ := strings.Cut(option, "@")
	var out []string
	add := func(channel string, payload ...string) {
		text, _ := json.Marshal(payload)
		out = append(out, fmt.Sprintf(`{"time":%d,"channel":%q,"event":"subscribe","payload":%s}`, time.Now().Unix(), channel, text))
	}
	for _, c := range []string{"spot.book_ticker", "spot.trades", "spot.tickers"} {
		add(c, pairs...)
	}
	for _, p := range pairs {
		switch book {
		case "spot.obu":
			add(book, "ob."+p+"."+depth)
		case "spot.order_book":
			add(book, p, depth, "100ms")
		default:
			add(book, p, depth)
		}
	}
	return out
}
