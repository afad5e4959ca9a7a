package sim

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func scenarioPath(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// A scenario file is read whole: every fault with its parameters.
func TestLoadScenario(t *testing.T) {
	s, err := LoadScenario(scenarioPath(t, `
repeat = "1m"
step = [
  {at = "0s", fault = "drop_socket"},
  {at = "1s", fault = "drop_socket", for = "1s"},
  {at = "2s", fault = "silent", for = "500ms"},
  {at = "3s", fault = "pings_only", for = "1s"},
  {at = "4s", fault = "half_open", for = "1s"},
  {at = "5s", fault = "ack_late", for = "1s", delay = "300ms"},
  {at = "6s", fault = "ack_lost", for = "1s"},
  {at = "7s", fault = "request_lost", for = "1s"},
  {at = "8s", fault = "ack_refused", for = "1s", pairs = ["BTC_USDT"], text = "no"},
  {at = "9s", fault = "ack_refused", for = "1s"},
  {at = "10s", fault = "reset_mid_frame"},
  {at = "11s", fault = "slow_tls", for = "1s", delay = "200ms", bytes = 10},
  {at = "12s", fault = "slow_tls", for = "1s", bytes = 10},
  {at = "13s", fault = "duplicate", for = "1s", every = 3},
  {at = "14s", fault = "reorder", for = "1s", every = 3},
  {at = "15s", fault = "skip_deltas", for = "1s", every = 3, pair = "BTC_USDT"},
  {at = "16s", fault = "malformed", for = "1s", every = 3},
  {at = "17s", fault = "oversize", bytes = 11534336},
  {at = "18s", fault = "close", code = 1012, text = "restart"},
  {at = "19s", fault = "connection_life", for = "1s", delay = "2s"},
  {at = "20s", fault = "refuse_connects", for = "1s"},
  {at = "21s", fault = "http_status", for = "1s", status = 403},
  {at = "22s", fault = "rest_status", for = "1s", status = 429, delay = "2s"},
  {at = "23s", fault = "rest_status", for = "1s", status = 418},
  {at = "24s", fault = "rest_stale", for = "1s"},
  {at = "25s", fault = "rest_late", for = "1s", delay = "2s"},
  {at = "26s", fault = "halt", for = "1s", pairs = ["BTC_USDT"]},
  {at = "27s", fault = "clock_offset", for = "1s", delay = "-5s"},
]`))
	require.NoError(t, err)
	assert.Equal(t, time.Minute, s.Repeat)
	require.Len(t, s.Steps, 28)
	assert.Equal(t, Step{At: 5 * time.Second, For: time.Second, Fault: "ack_late", Delay: 300 * time.Millisecond}, s.Steps[5])
	seen := map[string]bool{}
	for _, step := range s.Steps {
		seen[step.Fault] = true
	}
	assert.Len(t, seen, len(ScenarioFaults()), "every fault is in this test")
}

// A scenario that cannot be played is refused in one line that says where and what
// is allowed.
func TestScenarioErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"an unknown fault":            {`step = [{at = "1s", fault = "earthquake"}]`, `step 1: fault "earthquake": want one of ack_late, `},
		"an unknown key":              {"step = [{at = \"1s\", fault = \"silent\", speed = 3}]", "line 1: unknown key speed"},
		"a bad duration":              {`step = [{at = "soon", fault = "silent"}]`, "line 1: "},
		"no TOML":                     {`step = [`, "line 1: "},
		"no step":                     {`repeat = "1s"`, "no step in it"},
		"a parameter of another":      {`step = [{fault = "silent", every = 3}]`, "step 1: silent: takes no every"},
		"a parameter that is missing": {`step = [{fault = "silent"}, {fault = "duplicate"}]`, "step 2: duplicate: wants every"},
		"a duration of a moment":      {`step = [{fault = "oversize", bytes = 1, for = "1s"}]`, "oversize: takes no for"},
		"a value out of range":        {`step = [{fault = "close", code = 5}]`, "fault close code 5: want 1000 to 4999"},
		"a negative time":             {`step = [{at = "-1s", fault = "silent"}]`, "silent: at and for want 0 or more"},
		"a negative repetition":       {"repeat = \"-1s\"\nstep = [{fault = \"silent\"}]", "repeat wants 0 or more"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := LoadScenario(scenarioPath(t, test.text))
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := LoadScenario(filepath.Join(t.TempDir(), "none.toml"))
	assert.ErrorContains(t, err, "no such file")
	_, err = New(Config{Venue: venueMEXC, Scenario: Scenario{Steps: []Step{{Fault: "x"}}}})
	assert.ErrorContains(t, err, `scenario step 1: fault "x"`)
}

// Steps begin and end by the clock, overlap, and leave the configured faults as
// they were; the scenario begins again.
func TestScenarioPlays(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		ms := func(n int) time.Duration { return 5 * time.Duration(n) * time.Millisecond }
		s := start(t, Config{
			Venue: v.name, Settle: ms(1), Symbols: 2, Rate: 300,
			Faults: Faults{RefusePairs: []string{"X"}},
			Scenario: Scenario{Repeat: ms(1200), Steps: []Step{
				{At: ms(100), For: ms(600), Fault: "http_status", Status: 503},
				{At: ms(200), For: ms(200), Fault: "rest_status", Status: 429, Delay: time.Second},
				{At: ms(800), For: ms(200), Fault: "refuse_connects"},
				{At: ms(850), Fault: "close", Code: 1012},
			}},
		})
		began := time.Now()
		at := func(n int) { time.Sleep(time.Until(began.Add(ms(n)))) }
		c := dial(t, s)
		v.deltas(c, 0)
		refused := func() bool {
			_, _, _, err := dialer(s).Dial(t.Context(), s.URL())
			return err != nil
		}
		at(300)
		status, _ := get(t, s, v.bookPath(v.pairs[0]))
		assert.Equal(t, 429, status)
		assert.True(t, refused())
		assert.Equal(t, []string{"X"}, s.fault().RefusePairs, "the configured faults stay")
		at(500)
		status, _ = get(t, s, v.bookPath(v.pairs[0]))
		assert.Equal(t, 200, status, "the inner step has ended")
		assert.True(t, refused(), "the outer step has not")
		at(750)
		assert.False(t, refused())
		at(900)
		assert.True(t, refused())
		assert.Equal(t, 1012, int(c.closeCode(5*time.Second)))
		at(1100)
		assert.False(t, refused())
		assert.Equal(t, Faults{RefusePairs: []string{"X"}}, *s.fault())
		at(1500)
		assert.True(t, refused(), "the scenario begins again")
	})
}

// A server is closed in the middle of a scenario.
func TestScenarioEndsWithTheServer(t *testing.T) {
	s, err := New(Config{Venue: venueMEXC, Scenario: Scenario{Steps: []Step{
		{Fault: "refuse_connects"}, {At: time.Hour, Fault: "drop_socket"},
	}}})
	require.NoError(t, err)
	require.NoError(t, s.Start())
	require.NoError(t, s.Close())
}

// Every fault by name can be played against a client that only reads: the server
// survives and serves a new client afterwards.
func TestEveryScenarioFaultEnds(t *testing.T) {
	eachVenue(t, func(t *testing.T, v venue) {
		defaults := map[string]Step{
			"ack_late": {Delay: 10 * time.Millisecond}, "slow_tls": {Bytes: 50}, "duplicate": {Every: 2}, "reorder": {Every: 2},
			"skip_deltas": {Every: 2}, "malformed": {Every: 2}, "oversize": {Bytes: 1 << 20}, "close": {Code: 1001},
			"connection_life": {Delay: 20 * time.Millisecond}, "http_status": {Status: 403}, "rest_status": {Status: 418},
			"rest_late": {Delay: 10 * time.Millisecond}, "clock_offset": {Delay: time.Second},
		}
		var steps []Step
		for i, name := range ScenarioFaults() {
			step := defaults[name]
			step.Fault, step.At = name, time.Duration(i)*40*time.Millisecond
			if !scenarioFaults()[name].instant {
				step.For = 30 * time.Millisecond
			}
			steps = append(steps, step)
		}
		s := start(t, Config{Venue: v.name, Settle: time.Millisecond, Symbols: 2, Rate: 300, Scenario: Scenario{Steps: steps}})
		end := time.Now().Add(time.Duration(len(steps)+2) * 40 * time.Millisecond)
		for time.Now().Before(end) {
			conn, _, _, err := dialer(s).Dial(t.Context(), s.URL())
			if err != nil {
				time.Sleep(5 * time.Millisecond)
				continue
			}
			_ = conn.SetDeadline(end)
			request := `{"channel":"spot.order_book_update","event":"subscribe","payload":["BTC_USDT","20ms"]}`
			if v.name == venueMEXC {
				request = strings.Replace(`{"method":"SUBSCRIPTION","params":["S"]}`, "S", depthStream, 1)
			}
			// The socket may be cut at any moment.
			_ = ws.WriteFrame(conn, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(request))))
			_, _ = io.Copy(io.Discard, conn)
			require.NoError(t, conn.Close())
		}
		require.Eventually(t, func() bool { return len(s.Truth().Active()) == 0 }, 5*time.Second, time.Millisecond)
		assert.Equal(t, Faults{}, *s.fault())
		c := dial(t, s)
		v.deltas(c, 0)
		c.delta()
		assert.Greater(t, len(s.Truth().Connections), 1)
	})
}
