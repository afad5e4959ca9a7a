package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tools are the product's programs, built once.
var tools struct{ tickring, tailC string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tickring-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err := buildTools(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func buildTools(dir string) error {
	tools.tickring = filepath.Join(dir, "tickring")
	if out, err := exec.Command("go", "build", "-o", tools.tickring, "../../cmd/tickring").CombinedOutput(); err != nil {
		return fmt.Errorf("build tickring: %w\n%s", err, out)
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			return fmt.Errorf("no C compiler: install gcc or clang")
		}
		fmt.Println("conformance: no C compiler, the C reader is left out")
		return nil
	}
	if out, err := exec.Command("make", "-C", "../../cgo_reader", "all").CombinedOutput(); err != nil {
		return fmt.Errorf("build the C reader: %w\n%s", err, out)
	}
	tools.tailC, _ = filepath.Abs("../../cgo_reader/build/tickring-tail-c")
	return nil
}

// row is one row of a capture.
type row struct {
	T    json.RawMessage `json:"t"`
	Conn int             `json:"conn"`
	Dir  string          `json:"dir"`
	Op   string          `json:"op"`
	Data string          `json:"data"`
	URL  string          `json:"url,omitempty"`
}

// frames are the text messages that the venue sent in a capture.
func frames(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".zst") {
		z, err := zstd.NewReader(f)
		require.NoError(t, err)
		defer z.Close()
		in = z
	}
	var out []string
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var r row
		require.NoError(t, json.Unmarshal(sc.Bytes(), &r))
		if r.Dir == "in" && r.Op == "text" {
			out = append(out, r.Data)
		}
	}
	require.NoError(t, sc.Err())
	return out
}

// books are the settings of the order book channel, with the channel each takes.
var books = []struct{ channel, option string }{
	{"spot.order_book_update", "order_book_update@100ms"},
	{"spot.order_book", "order_book@20"},
	{"spot.obu", "obu@400"},
	{"spot.obu", "obu@50"},
}

// Every Gate.io spot v4 recording comes out of the Go and of the C reader as it
// went in.
func TestRecordings(t *testing.T) {
	shared := os.Getenv("TICKRING_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	paths, _ := filepath.Glob(filepath.Join(shared, "captures/gateio/*.jsonl.zst"))
	if len(paths) == 0 {
		fmt.Println("conformance: no recordings (TICKRING_SHARED), the project's own frames only")
	}
	for _, p := range paths {
		name := filepath.Base(p)
		if strings.HasPrefix(name, "futures-") || strings.HasPrefix(name, "spot-v3-obsolete-") {
			continue
		}
		t.Run(strings.TrimSuffix(name, ".jsonl.zst"), func(t *testing.T) { conform(t, p, frames(t, p)) })
	}
	extra := []string{
		filepath.Join(shared, "fixtures/gateio/frames.jsonl"),
		filepath.Join(shared, "fixtures/gateio/replay_obu_synth_basic/frames.jsonl"),
	}
	updates, _ := filepath.Glob(filepath.Join(shared, "fixtures/gateio/replay_2021/*.updates.jsonl"))
	for _, p := range append(extra, updates...) {
		lines, err := os.ReadFile(p)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		t.Run("fixture/"+strings.TrimSuffix(filepath.Base(filepath.Dir(p))+"/"+filepath.Base(p), ".jsonl"), func(t *testing.T) {
			list := nonEmpty(string(lines))
			conform(t, capture(t, list), list)
		})
	}
}

// The project's own frames, written from the fact sheet, conform too.
func TestOwnFrames(t *testing.T) {
	lines, err := os.ReadFile("../../exchanges/gateio/testdata/frames.jsonl")
	require.NoError(t, err)
	list := nonEmpty(string(lines))
	conform(t, capture(t, list), list)
}

func nonEmpty(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

// capture writes frames as a capture file.
func capture(t *testing.T, frames []string) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, f := range frames {
		require.NoError(t, enc.Encode(row{T: json.RawMessage("null"), Conn: 1, Dir: "in", Op: "text", Data: f}))
	}
	path := filepath.Join(t.TempDir(), "frames.jsonl")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// conform drives one recording, once for each setting of the order book that it
// has data of.
func conform(t *testing.T, path string, frames []string) {
	channels := map[string]int{}
	for _, f := range frames {
		var e envelope
		if json.Unmarshal([]byte(f), &e) == nil {
			channels[e.Channel]++
		}
	}
	ran := false
	for _, b := range books {
		if channels[b.channel] > 0 && (b.channel != "spot.obu" || hasDepth(frames, b.option)) {
			ran = true
			t.Run(b.option, func(t *testing.T) { drive(t, path, frames, b.channel, b.option) })
		}
	}
	if !ran {
		drive(t, path, frames, "spot.order_book_update", "order_book_update@100ms")
	}
}

// hasDepth says whether obu data of the option's depth are there.
func hasDepth(frames []string, option string) bool {
	suffix := "." + strings.TrimPrefix(option, "obu@") + `"`
	for _, f := range frames {
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

// expect is what a recording must yield, by kind, and the symbols it speaks of.
func expect(frames []string, book, option string) (want map[string][]event, symbols []string, counts map[string]int) {
	want, counts = map[string][]event{}, map[string]int{}
	seen := map[string]bool{}
	kinds := map[string]string{"spot.book_ticker": "book_ticker", "spot.trades": "trade", "spot.tickers": "ticker", book: "depth"}
	for _, f := range frames {
		channel, symbol, events, ok := model([]byte(f))
		kind := kinds[channel]
		if !ok || kind == "" {
			counts["ignored"]++
			continue
		}
		if !ofDepth(channel, f, option) {
			counts["other_depth"]++
			continue
		}
		if !seen[symbol] {
			seen[symbol] = true
			symbols = append(symbols, symbol)
		}
		want[kind] = append(want[kind], events...)
		counts[channel]++
	}
	sort.Strings(symbols)
	return want, symbols, counts
}

func drive(t *testing.T, path string, frames []string, book, option string) {
	want, symbols, counts := expect(frames, book, option)
	if len(symbols) == 0 {
		t.Log("no data in this recording")
		return
	}
	s := newSession(t)
	s.startSim("--capture", path, "--speed", "max", "--once", "--tls", "--settle", "300ms")
	s.startRun(symbols, "--set", "gateio.book="+option, "--slots", "1048576")
	s.waitSim()
	goLines := s.read(tools.tickring, "tail", "conformance", "--json")
	compare(t, want, goLines)
	if tools.tailC != "" {
		cLines := s.read(tools.tailC, "conformance")
		require.True(t, bytes.Equal(goLines, cLines), "the C reader's lines differ from the Go reader's")
	}
	stat := s.stat()
	report(t, option, counts, stat, len(goLines))
	s.stopRun()
}

// compare checks the reader's lines against the expectation, kind by kind.
func compare(t *testing.T, want map[string][]event, lines []byte) {
	t.Helper()
	o := &outcome{events: map[string][]event{}, statuses: map[string]int{}}
	last := uint64(0)
	for _, raw := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
		var l line
		require.NoError(t, json.Unmarshal(raw, &l), string(raw))
		require.Equal(t, last+1, l.Seq, "records are missing")
		last = l.Seq
		o.add(&l)
	}
	for _, kind := range []string{"book_ticker", "trade", "depth", "ticker"} {
		got := o.events[kind]
		for i := range min(len(got), len(want[kind])) {
			require.Equal(t, want[kind][i], got[i], "%s %d", kind, i)
		}
		require.Len(t, got, len(want[kind]), kind)
	}
}

func report(t *testing.T, option string, counts map[string]int, stat map[string]uint64, size int) {
	var names []string
	for n := range counts {
		names = append(names, n)
	}
	sort.Strings(names)
	out := fmt.Sprintf("conformance: %s book=%s", t.Name(), option)
	for _, n := range names {
		out += fmt.Sprintf(" %s=%d", n, counts[n])
	}
	fmt.Printf("%s frames=%d decode_errors=%d ignored=%d acks=%d pongs=%d json_bytes=%d\n", out,
		stat["FRAMES"], stat["DECODE_ERRORS"], stat["IGNORED"], stat["ACKS"], stat["PONGS"], size)
}

// session is one simulator, one publisher and their directory.
type session struct {
	t        *testing.T
	dir      string
	sim, run *exec.Cmd
	urls     []string
	log      lockedBuffer
}

// lockedBuffer takes what several processes say.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newSession(t *testing.T) *session {
	t.Helper()
	return &session{t: t, dir: t.TempDir()}
}

func (s *session) startSim(args ...string) {
	file := filepath.Join(s.dir, "url")
	s.sim = s.start(append([]string{"sim", "--venue", "gateio", "--listen", "127.0.0.1:0", "--url-file", file}, args...)...)
	require.Eventually(s.t, func() bool {
		text, err := os.ReadFile(file)
		s.urls = nonEmpty(string(text))
		return err == nil && len(s.urls) >= 2
	}, 20*time.Second, 10*time.Millisecond, "the simulator does not start")
}

func (s *session) startRun(symbols []string, args ...string) {
	base := []string{"run", "--venue", "gateio", "--feed", "conformance", "--dir", s.dir, "--url", s.urls[0],
		"--symbols", strings.Join(symbols, ","), "--channels", "book_ticker,trades,orderbook,ticker"}
	if len(s.urls) > 2 {
		base = append(base, "--ca", s.urls[2])
	}
	s.run = s.start(append(base, args...)...)
}

func (s *session) start(args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(tools.tickring, args...)
	cmd.Stderr = &s.log
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("%s", s.log.String())
		}
	})
	return cmd
}

// waitSim waits until the capture was served.
func (s *session) waitSim() {
	done := make(chan error, 1)
	go func() { done <- s.sim.Wait() }()
	select {
	case err := <-done:
		require.NoError(s.t, err, s.log.String())
	case <-time.After(5 * time.Minute):
		require.Fail(s.t, "the capture was not served in time")
	}
}

// read runs a reader over all that the ring holds.
func (s *session) read(program string, args ...string) []byte {
	s.t.Helper()
	cmd := exec.Command(program, append(args, "--dir", s.dir, "--from", "oldest", "--idle", "500ms")...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(s.t, cmd.Run(), errs.String())
	assert.Empty(s.t, errs.String())
	return out.Bytes()
}

func (s *session) stat() map[string]uint64 {
	out, err := exec.Command(tools.tickring, "stat", "conformance", "--dir", s.dir, "--json").Output()
	require.NoError(s.t, err)
	var st struct {
		Counters map[string]uint64 `json:"counters"`
	}
	require.NoError(s.t, json.Unmarshal(out, &st), string(out))
	upper := map[string]uint64{}
	for k, v := range st.Counters {
		upper[strings.ToUpper(k)] = v
	}
	return upper
}

// stopRun ends the publisher as a user does.
func (s *session) stopRun() {
	require.NoError(s.t, s.run.Process.Signal(syscall.SIGTERM))
	require.NoError(s.t, s.run.Wait(), s.log.String())
}

// A seeded synthetic session, recorded by a client of its own, comes out as it
// went in: for machines without recordings.
func TestSyntheticSession(t *testing.T) {
	for _, b := range books[:3] {
		t.Run(b.option, func(t *testing.T) {
			list := recordSynthetic(t, b.channel, b.option, 4000)
			drive(t, capture(t, list), list, b.channel, b.option)
		})
	}
}

// recordSynthetic takes n data messages of three pairs from a simulated market.
func recordSynthetic(t *testing.T, book, option string, n int) []string {
	t.Helper()
	s := newSession(t)
	s.startSim("--seed", "7", "--rate", "4000", "--symbols", "10", "--settle", "50ms")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, _, _, err := ws.Dial(ctx, s.urls[0])
	require.NoError(t, err)
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	require.NoError(t, conn.SetDeadline(deadline))
	for _, request := range requests(book, option) {
		require.NoError(t, wsutil.WriteClientText(conn, []byte(request)))
	}
	var out []string
	for len(out) < n {
		frame, err := wsutil.ReadServerText(conn)
		require.NoError(t, err)
		out = append(out, string(frame))
	}
	require.NoError(t, s.sim.Process.Signal(syscall.SIGTERM))
	require.NoError(t, s.sim.Wait())
	return out
}

func requests(book, option string) []string {
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
