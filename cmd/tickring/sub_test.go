package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// startFeed starts a publisher of BTC/USDT's book ticker against an address and
// waits until it can be controlled.
func startFeed(t *testing.T, dir, url string, args ...string) *process {
	t.Helper()
	p := start(t, append([]string{"run", "--venue", "gateio", "--symbols", "BTC/USDT", "--channels", "book_ticker",
		"--url", url, "--dir", dir, "--feed", "f", "--source", "simulated"}, args...)...)
	eventually(t, "the publisher listens", func() bool {
		_, err := os.Lstat(feed.ControlPath(dir, "f"))
		return err == nil
	})
	return p
}

func statOf(t *testing.T, dir string) (s feedStat) {
	t.Helper()
	code, stdout, stderr := run(t, "stat", "f", "--dir", dir, "--json")
	require.Zero(t, code, stderr)
	require.NoError(t, json.Unmarshal([]byte(stdout), &s))
	return s
}

// Intent: sub and unsub change a running feed, say what the venue answered, and
// stat shows it, in the segment's words where the publisher has died.
func TestSubAndUnsub(t *testing.T) {
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "500", "--symbols", "5")
	publisher := startFeed(t, dir, at[0])
	eventually(t, "the venue is connected", func() bool { return len(statOf(t, dir).Instruments[0].Acknowledged) == 1 })

	code, stdout, stderr := run(t, "sub", "f", "--dir", dir, "--symbols", "ETH/USDT,BTC/USDT", "--channels", "book_ticker,trades")
	require.Zero(t, code, stderr)
	assert.Equal(t, []string{
		"ETH/USDT  book_ticker  acknowledged", "ETH/USDT  trades       acknowledged",
		"BTC/USDT  book_ticker  acknowledged", "BTC/USDT  trades       acknowledged",
	}, linesOf(stdout))
	code, stdout, stderr = run(t, "tail", "f", "--dir", dir, "--json", "--follow", "--symbol", "ETH/USDT", "--kind", "trade", "--limit", "3")
	assert.Zero(t, code, stderr)
	assert.Len(t, linesOf(stdout), 3)

	code, stdout, stderr = run(t, "sub", "f", "--dir", dir, "--symbols", "NOPE/USDT", "--channels", "trades", "--json")
	assert.Equal(t, 1, code)
	assert.Equal(t, "tickring: feed \"f\": 1 channels refused, 0 not answered within 2s: "+
		"NOPE/USDT trades refused: unknown currency pair: NOPE_USDT\n", stderr)
	var outcome changeOutcome
	require.NoError(t, json.Unmarshal([]byte(stdout), &outcome))
	assert.Equal(t, [3]int{0, 1, 0}, [3]int{outcome.Done, outcome.Refused, outcome.Unanswered})
	assert.Equal(t, "unknown currency pair: NOPE_USDT", outcome.Channels[0].Text)

	code, stdout, stderr = run(t, "unsub", "f", "--dir", dir, "--symbols", "BTC/USDT", "--channels", "book_ticker")
	assert.Zero(t, code, stderr)
	assert.Equal(t, "BTC/USDT  book_ticker  idle\n", stdout)
	code, _, stderr = run(t, "unsub", "f", "--dir", dir, "--symbols", "DOGE/USDT")
	assert.Equal(t, 1, code)
	assert.Equal(t, "tickring: unsubscribe DOGE/USDT: not subscribed\n", stderr)

	assertSubscriptions(t, dir)
	publisher.signal(syscall.SIGKILL)
	publisher.wait()
	s := statOf(t, dir)
	assert.False(t, s.Control)
	assert.Nil(t, s.Performance)
	assert.Equal(t, []string{"TRADES"}, s.Instruments[2].Refused)
	assert.Empty(t, s.Instruments[2].Refusals)
	code, _, stderr = run(t, "sub", "f", "--dir", dir, "--symbols", "ETH/USDT")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "no publisher answers")
}

// assertSubscriptions holds stat against what TestSubAndUnsub asked for.
func assertSubscriptions(t *testing.T, dir string) {
	t.Helper()
	var s feedStat
	eventually(t, "counters are flushed", func() bool {
		s = statOf(t, dir)
		return s.Control && s.Performance.MessagesPerSecond > 0 && s.Counters["refusals"] == 1
	})
	require.Len(t, s.Instruments, 3)
	assert.Equal(t, []string{"TRADES"}, s.Instruments[0].Acknowledged)
	assert.Equal(t, []string{"BOOK_TICKER", "TRADES"}, s.Instruments[1].Acknowledged)
	assert.Equal(t, map[string]string{"TRADES": "unknown currency pair: NOPE_USDT"}, s.Instruments[2].Refusals)
	assert.Equal(t, 2, s.Performance.ActiveSymbols)
	assert.Positive(t, s.Performance.Samples)
	assert.Positive(t, s.Performance.AvgMicros)
	assert.LessOrEqual(t, s.Performance.P50Micros, s.Performance.P99Micros)
	assert.Less(t, s.Performance.SubscriptionSuccessRate, 1.0)
	code, forPeople, stderr := run(t, "stat", "f", "--dir", dir)
	require.Zero(t, code, stderr)
	assert.Regexp(t, `(?m)^0 +BTC/USDT .* TRADES +TRADES +-$`, forPeople)
	assert.Regexp(t, `(?m)^2 +NOPE/USDT .* TRADES +- +TRADES: unknown currency pair: NOPE_USDT$`, forPeople)
	assert.Regexp(t, `(?m)^subscriptions +2 symbols active, \d+\.\d% of requests accepted$`, forPeople)
}

// Intent: a request while the venue cannot be reached is kept; the wait for an
// answer ends in time and says so; without a wait it is no failure.
func TestSubWithoutAVenue(t *testing.T) {
	dir := t.TempDir()
	publisher := startFeed(t, dir, "ws://127.0.0.1:1/")
	began := time.Now()
	code, stdout, stderr := run(t, "sub", "f", "--dir", dir, "--symbols", "ETH/USDT", "--channels", "ticker", "--wait", "100ms")
	assert.Equal(t, 1, code)
	assert.Less(t, time.Since(began), 3*time.Second)
	assert.Equal(t, "ETH/USDT  ticker  wanted\n", stdout)
	assert.Contains(t, stderr, "1 not answered within 100ms: ETH/USDT ticker wanted")
	code, stdout, stderr = run(t, "sub", "f", "--dir", dir, "--symbols", "SOL/USDT", "--channels", "ticker", "--wait", "0")
	assert.Zero(t, code, stderr)
	assert.Equal(t, "SOL/USDT  ticker  wanted\n", stdout)
	code, stdout, stderr = run(t, "sub", "f", "--dir", dir, "--symbols", "sol/usdt")
	assert.Equal(t, 2, code, "the venue has no such spelling")
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "upper")

	publisher.signal(syscall.SIGSTOP)
	began = time.Now()
	assert.False(t, statOf(t, dir).Control)
	assert.Less(t, time.Since(began), 3*time.Second)
	publisher.signal(syscall.SIGCONT)
	publisher.signal(syscall.SIGTERM)
	assert.Zero(t, publisher.wait())
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, ".f.lock")}, left)
}

// Intent: messages that could not be decoded are shown as they came, for people and
// for programs; a scenario file and a flag of the simulator both make some.
func TestBadFrames(t *testing.T) {
	scenario := filepath.Join(t.TempDir(), "s.toml")
	require.NoError(t, os.WriteFile(scenario, []byte("[[step]]\nfault = \"malformed\"\nevery = 3\n"), 0o644))
	for _, c := range []struct{ name, flag, value string }{
		{"by a flag", "--fault", "malformed,every=3"},
		{"by a scenario file", "--scenario", scenario},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, at := startSim(t, "--rate", "200", "--symbols", "5", c.flag, c.value)
			startFeed(t, dir, at[0])
			var lines []string
			eventually(t, "bad frames are kept", func() bool {
				code, stdout, stderr := run(t, "stat", "f", "--dir", dir, "--bad-frames", "--json")
				require.Zero(t, code, stderr)
				lines = linesOf(stdout)
				return len(lines) >= 3
			})
			for _, line := range lines {
				var f badFrameLine
				require.NoError(t, json.Unmarshal([]byte(line), &f))
				require.NotNil(t, f.Text)
				assert.Len(t, *f.Text, f.SizeBytes)
				assert.True(t, strings.HasPrefix(*f.Text, `{"time":`), *f.Text)
				assert.NotEmpty(t, f.Reason)
			}
			code, stdout, stderr := run(t, "stat", "f", "--dir", dir, "--bad-frames")
			require.Zero(t, code, stderr)
			assert.Regexp(t, `^\d{4}-\d\d-\d\dT\S+Z  connection 0  \w+  \d+ bytes  "\{\\"time\\":`, linesOf(stdout)[0])
		})
	}
}

// Intent: a binary message is shown in base64, and no message can drive a terminal.
func TestBadFrameForms(t *testing.T) {
	f := feed.ControlBadFrame{Bytes: []byte{0xff, 0x1b, '['}, SizeBytes: 3, Reason: "X"}
	line, err := json.Marshal(badFrameOf(f))
	require.NoError(t, err)
	assert.Contains(t, string(line), `"text":null,"b64":"/xtb"`)
	assert.Contains(t, badFrameText(f), `3 bytes  "\xff\x1b["`)
	f.Bytes = []byte(strings.Repeat("a", 4096))
	assert.LessOrEqual(t, len(badFrameText(f)), 300)
}

// Intent: MEXC's data, refusals and limits go through run, sub and stat as Gate.io's
// do, over several connections.
func TestSubOfMEXC(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "urls")
	start(t, "sim", "--venue", "mexc", "--settle", "50ms", "--rate", "500", "--symbols", "20", "--url-file", file)
	var at []string
	eventually(t, "the simulator says where it is", func() bool {
		content, err := os.ReadFile(file)
		at = linesOf(string(content))
		return err == nil
	})
	start(t, "run", "--venue", "mexc", "--symbols", "BTC/USDT", "--channels", "book_ticker", "--url", at[0], "--rest-url", at[1],
		"--dir", dir, "--feed", "f", "--source", "simulated")
	eventually(t, "the publisher listens", func() bool {
		_, err := os.Lstat(feed.ControlPath(dir, "f"))
		return err == nil
	})
	code, stdout, stderr := run(t, "sub", "f", "--dir", dir, "--symbols", "BTC/USDT,ETH/USDT,SOL/USDT,XRP/USDT,DOGE/USDT,ADA/USDT,BNB/USDT,TRX/USDT,LTC/USDT")
	require.Zero(t, code, stdout+stderr)
	assert.Equal(t, 36, strings.Count(stdout, "acknowledged"))
	code, stdout, _ = run(t, "sub", "f", "--dir", dir, "--symbols", "NOPE/USDT", "--channels", "trades")
	assert.Equal(t, 1, code)
	assert.Regexp(t, `^NOPE/USDT +trades +refused: \S`, stdout)
	s := statOf(t, dir)
	assert.GreaterOrEqual(t, len(s.Connections), 2, "30 streams a connection")
	code, stdout, stderr = run(t, "tail", "f", "--dir", dir, "--json", "--follow", "--symbol", "LTC/USDT", "--kind", "book_ticker", "--limit", "2")
	assert.Zero(t, code, stderr)
	assert.Len(t, linesOf(stdout), 2)
}

// Intent: scales chosen on the command line hold from the first record.
func TestRunWithExponents(t *testing.T) {
	dir := t.TempDir()
	_, at := startSim(t, "--rate", "500", "--symbols", "5")
	startFeed(t, dir, at[0], "--set", "exponents.BTC/USDT=-7:-9")
	code, stdout, stderr := run(t, "tail", "f", "--dir", dir, "--follow", "--from", "oldest", "--kind", "book_ticker", "--limit", "1")
	require.Zero(t, code, stderr)
	require.NotEmpty(t, stdout)
	m, err := shm.Open(dir, "f")
	require.NoError(t, err)
	defer func() { assert.NoError(t, m.Close()) }()
	reader := ring.NewReader(m.View())
	reader.Seek(1)
	var record ring.Record
	for record.Kind != ring.KindBookTicker {
		require.Equal(t, ring.AnswerRecord, reader.Next(&record))
	}
	assert.Equal(t, [2]int8{-7, -9}, [2]int8{record.PriceExponent, record.QuantityExponent})
}

// Intent: ls --json holds every feed of a directory, and says of a file that is
// none what is wrong.
func TestLsJSON(t *testing.T) {
	dir := t.TempDir()
	code, stdout, _ := run(t, "ls", "--dir", dir, "--json")
	assert.Zero(t, code)
	assert.Equal(t, "[]\n", stdout)
	p := publish(t, dir, 16)
	p.trade(0)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken"), make([]byte, 8192), 0o644))
	code, stdout, stderr := run(t, "ls", "--dir", dir, "--json")
	require.Zero(t, code, stderr)
	var rows []feedRow
	require.NoError(t, json.Unmarshal([]byte(stdout), &rows))
	require.Len(t, rows, 2)
	assert.Equal(t, "DAMAGED", rows[0].State)
	assert.Nil(t, rows[0].Generation)
	require.NotNil(t, rows[0].Error)
	assert.Contains(t, *rows[0].Error, "not ready")
	assert.Equal(t, "f", rows[1].Feed)
	assert.EqualValues(t, 1, *rows[1].Watermark)
	assert.EqualValues(t, os.Getpid(), *rows[1].OwnerPID)
	assert.Equal(t, 2, *rows[1].Instruments)
	assert.Equal(t, "SIMULATED", *rows[1].Source)
	assert.Nil(t, rows[1].Error)
	p.close()
	_, stdout, _ = run(t, "ls", "--dir", dir, "--json")
	assert.True(t, strings.Contains(stdout, `"state":"CLOSED"`), stdout)
}

// Intent: percentiles of latencies are those of the samples, and nothing is made
// of none.
func TestLatencyOf(t *testing.T) {
	assert.Equal(t, latencyStat{}, latencyOf(nil))
	assert.Equal(t, latencyStat{Samples: 1, AvgMicros: 2, P50Micros: 2, P99Micros: 2, MaxMicros: 2}, latencyOf([]int64{2000}))
	var hundred []int64
	for n := range int64(100) {
		hundred = append(hundred, (100-n)*1000)
	}
	assert.Equal(t, latencyStat{Samples: 100, AvgMicros: 50.5, P50Micros: 50, P99Micros: 99, MaxMicros: 100}, latencyOf(hundred))
}

// Intent: channels refused for one reason are named together with it.
func TestRefusedText(t *testing.T) {
	for _, c := range []struct {
		name     string
		refused  []string
		refusals map[string]string
		text     string
	}{
		{"none", nil, nil, "-"},
		{"the reason is not known", []string{"TRADES", "TICKER"}, nil, "TRADES,TICKER"},
		{"one reason", []string{"TRADES", "TICKER"}, map[string]string{"TRADES": "no\n pair", "TICKER": "no\n pair"}, "TRADES,TICKER: no pair"},
		{"two reasons", []string{"TRADES", "TICKER"}, map[string]string{"TRADES": "a", "TICKER": "b"}, "TRADES: a; TICKER: b"},
		{"one of two is known", []string{"TRADES", "TICKER"}, map[string]string{"TICKER": "b"}, "TRADES; TICKER: b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := instrumentStat{Refused: c.refused, Refusals: c.refusals}
			assert.Equal(t, c.text, i.refusedText())
		})
	}
}
