package feed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tickring/tickring/exchanges/gateio"
	"github.com/tickring/tickring/exchanges/sim"
	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// named starts a feed "f" of BTC/USDT and ETH/USDT with a segment in dir.
func named(t *testing.T, dir string, change func(*feed.PublisherConfig)) *rig {
	t.Helper()
	return newRig(t, sim.Config{Rate: 100, Symbols: 150}, func(c *feed.PublisherConfig) {
		c.Anonymous, c.Dir, c.Feed, c.MaxInstruments = false, dir, "f", 256
		if change != nil {
			change(c)
		}
	})
}

func dialControl(t *testing.T, dir string) *feed.Control {
	t.Helper()
	c, err := feed.DialControl(t.Context(), dir, "f")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// channelState is what a publisher says of one channel of a symbol.
func channelState(t *testing.T, c *feed.Control, symbol feed.Symbol, channel string) feed.ChannelStatus {
	t.Helper()
	status, err := c.Status(t.Context(), []feed.Symbol{symbol})
	require.NoError(t, err)
	require.Len(t, status.Instruments, 1)
	for _, ch := range status.Instruments[0].Channels {
		if ch.Channel == channel {
			return ch
		}
	}
	return feed.ChannelStatus{}
}

func awaitChannel(t *testing.T, c *feed.Control, symbol feed.Symbol, channel, state string) feed.ChannelStatus {
	t.Helper()
	var last feed.ChannelStatus
	require.Eventually(t, func() bool {
		last = channelState(t, c, symbol, channel)
		return last.State == state
	}, 3*time.Second, 2*time.Millisecond, "%s %s becomes %s", symbol, channel, state)
	return last
}

var (
	btc  = feed.Symbol{Base: "BTC", Quote: "USDT"}
	sol  = feed.Symbol{Base: "SOL", Quote: "USDT"}
	nope = feed.Symbol{Base: "NOPE", Quote: "USDT"}
)

// What is asked for over the socket comes, what is ended ends, and what the venue
// refuses is told in its words.
func TestControlChangesSubscriptions(t *testing.T) {
	dir := t.TempDir()
	r := named(t, dir, func(c *feed.PublisherConfig) { c.Channels = ring.ChannelBookTicker })
	r.untilKind(ring.KindBookTicker, "BTC/USDT")
	c := dialControl(t, dir)
	require.NoError(t, c.Subscribe(t.Context(), []feed.Symbol{sol, nope}, ring.ChannelTrades))
	assert.Equal(t, "spot.trades", awaitChannel(t, c, sol, "trades", feed.ChannelAcknowledged).Stream)
	assert.Equal(t, "unknown currency pair: NOPE_USDT", awaitChannel(t, c, nope, "trades", feed.ChannelRefused).Text)
	r.untilKind(ring.KindTrade, "SOL/USDT")

	status, err := c.Status(t.Context(), nil)
	require.NoError(t, err)
	var symbols []string
	for _, in := range status.Instruments {
		symbols = append(symbols, in.Symbol)
	}
	assert.Equal(t, []string{"BTC/USDT", "ETH/USDT", "SOL/USDT", "NOPE/USDT"}, symbols)
	assert.Equal(t, "f", status.Feed)

	require.NoError(t, c.Unsubscribe(t.Context(), []feed.Symbol{btc}, ring.AllChannels))
	awaitChannel(t, c, btc, "book_ticker", feed.ChannelIdle)
	id, _ := r.pub.View().Find("BTC/USDT")
	var state ring.InstrumentState
	require.True(t, r.pub.View().InstrumentState(id, &state))
	assert.Zero(t, state.Acknowledged)
	err = c.Unsubscribe(t.Context(), []feed.Symbol{{Base: "DOGE", Quote: "USDT"}, sol}, ring.AllChannels)
	require.ErrorContains(t, err, "DOGE/USDT: not subscribed")
	assert.NotErrorIs(t, err, feed.ErrRequest)
	awaitChannel(t, c, sol, "trades", feed.ChannelIdle) // the others were done all the same
	status, err = c.Status(t.Context(), []feed.Symbol{{Base: "DOGE", Quote: "USDT"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"DOGE/USDT"}, status.Unknown)
}

// What was asked for while no connection is there is kept, shown as wanted and
// stale, and asked for once there is one.
func TestControlWhileTheVenueIsGone(t *testing.T) {
	dir := t.TempDir()
	r := named(t, dir, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	require.NoError(t, r.sim.Pause(false))
	r.sim.DropAll()
	r.untilStatus(ring.StatusDown, 2*time.Second)
	c := dialControl(t, dir)
	require.NoError(t, c.Subscribe(t.Context(), []feed.Symbol{sol}, ring.ChannelBookTicker))
	got := channelState(t, c, sol, "book_ticker")
	assert.Equal(t, feed.ChannelWanted, got.State)
	assert.True(t, got.Stale)
	assert.Equal(t, feed.ChannelWanted, channelState(t, c, btc, "trades").State)
	require.NoError(t, r.sim.Pause(true))
	awaitChannel(t, c, sol, "book_ticker", feed.ChannelAcknowledged)
	r.untilKind(ring.KindBookTicker, "SOL/USDT")
}

// A request is on the wire when its answer is there: the median of a round trip
// over the socket bounds it. A hundred symbols at once are acknowledged, in the
// segment's own words, soon after.
func TestControlIsPrompt(t *testing.T) {
	dir := t.TempDir()
	r := named(t, dir, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	c := dialControl(t, dir)
	var took []time.Duration
	for range 51 {
		began := time.Now()
		require.NoError(t, c.Subscribe(t.Context(), []feed.Symbol{sol}, ring.ChannelTrades))
		took = append(took, time.Since(began))
		require.NoError(t, c.Unsubscribe(t.Context(), []feed.Symbol{sol}, ring.ChannelTrades))
	}
	slices.Sort(took)
	t.Logf("request on the wire: median %s, worst %s", took[len(took)/2], took[len(took)-1])
	assert.Less(t, took[len(took)/2], 100*time.Millisecond)

	hundred := listed(t, r, 100)
	began := time.Now()
	require.NoError(t, c.Subscribe(t.Context(), hundred, ring.AllChannels))
	v := r.pub.View()
	var state ring.InstrumentState
	require.Eventually(t, func() bool {
		for _, s := range hundred {
			id, ok := v.Find(s.String())
			if !ok || !v.InstrumentState(id, &state) || ring.Channel(state.Acknowledged) != ring.AllChannels {
				return false
			}
		}
		return true
	}, 5*time.Second, time.Millisecond)
	t.Logf("100 symbols on 4 channels acknowledged after %s", time.Since(began))
	assert.Less(t, time.Since(began), 2*time.Second)
}

// listed are symbols that the simulator lists and the feed does not yet have.
func listed(t *testing.T, r *rig, n int) (out []feed.Symbol) {
	t.Helper()
	d := gateio.New()
	response, err := http.Get(r.sim.RESTURL() + d.MetadataPath())
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	infos, err := d.ParseMetadata(body)
	require.NoError(t, err)
	for _, info := range infos {
		base, quote, ok := d.ParseNative(info.Native)
		if _, have := r.pub.View().Find(base + "/" + quote); ok && !have && len(out) < n {
			out = append(out, feed.Symbol{Base: base, Quote: quote})
		}
	}
	require.Len(t, out, n)
	return out
}

// The counters of a publisher: zeros before the first message, then rates.
func TestControlPerformance(t *testing.T) {
	dir := t.TempDir()
	r := named(t, dir, nil)
	c := dialControl(t, dir)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	var p feed.ControlPerformance
	require.Eventually(t, func() bool {
		status, err := c.Status(t.Context(), nil)
		require.NoError(t, err)
		p = status.Performance
		return p.MessagesPerSecond > 0 && p.RecordsPerSecond > 0 && p.BytesPerSecond > 0 && p.ActiveSymbols == 2
	}, 3*time.Second, 20*time.Millisecond)
	assert.Positive(t, p.UptimeSeconds)
	assert.Positive(t, p.MessagesProcessed)
	assert.InDelta(t, 1, p.SubscriptionSuccessRate, 1e-9)
	assert.Zero(t, p.Reconnections)
	r.sim.DropAll()
	require.Eventually(t, func() bool {
		status, err := c.Status(t.Context(), nil)
		require.NoError(t, err)
		p = status.Performance
		return p.Reconnections > 0 && p.ReconnectionsPerHour > 0
	}, 3*time.Second, 20*time.Millisecond)
}

// What could not be decoded is handed out as it came, cut, with its whole size.
func TestControlHandsOutBadFrames(t *testing.T) {
	dir := t.TempDir()
	r := named(t, dir, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	c := dialControl(t, dir)
	frames, err := c.BadFrames(t.Context())
	require.NoError(t, err)
	assert.Empty(t, frames)
	long := `{"time":` + strings.Repeat("1", 5000)
	r.sim.SendAll([]byte(long))
	r.untilStatus(ring.StatusDecodeError, 3*time.Second)
	frames, err = c.BadFrames(t.Context())
	require.NoError(t, err)
	require.Len(t, frames, 1)
	assert.Equal(t, len(long), frames[0].SizeBytes)
	assert.Equal(t, long[:4096], string(frames[0].Bytes))
	assert.NotEmpty(t, frames[0].Reason)
	assert.Positive(t, frames[0].RecvTimeNS)
}

// exchange sends one line as any client would and returns the answer.
func exchange(t *testing.T, dir, line string) (answer struct {
	OK          bool
	Code, Error string
	Result      json.RawMessage
}) {
	t.Helper()
	c, err := net.Dial("unix", feed.ControlPath(dir, "f"))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = c.Write([]byte(line))
	if err != nil { // the server may cut a line that is too long before its end
		require.True(t, errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET), err)
	}
	said, err := bufio.NewReader(c).ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(said, &answer))
	return answer
}

// A request that cannot be meant changes nothing and is told what is wrong.
func TestControlRefusesBadRequests(t *testing.T) {
	dir := t.TempDir()
	r := named(t, dir, nil)
	for _, c := range []struct{ name, line, says string }{
		{"no JSON", "subscribe BTC/USDT", "JSON object"},
		{"an array", `["subscribe"]`, "JSON object"},
		{"an empty line", "", "JSON object"},
		{"half an object", `{"op":"status"`, "malformed"},
		{"two objects", `{"op":"status"}{"op":"status"}`, "more than one"},
		{"no op", `{"symbols":["BTC/USDT"]}`, `"op" is missing`},
		{"an op that is no text", `{"op":1}`, `"op" is missing`},
		{"an unknown op", `{"op":"restart"}`, "allowed are subscribe, unsubscribe, status, bad_frames"},
		{"a key of another case", `{"op":"status","Symbols":["BTC/USDT"]}`, `unknown key "Symbols"`},
		{"a key of another op", `{"op":"status","channels":["trades"]}`, `unknown key "channels"`},
		{"a key twice", `{"op":"status","op":"subscribe"}`, "twice"},
		{"a key where there are none", `{"op":"bad_frames","symbols":["BTC/USDT"]}`, `unknown key "symbols": allowed are op`},
		{"no symbols", `{"op":"subscribe"}`, `"symbols" is missing`},
		{"an empty list of symbols", `{"op":"subscribe","symbols":[]}`, "at least one"},
		{"symbols that are no list", `{"op":"subscribe","symbols":"BTC/USDT"}`, "list"},
		{"a symbol without a quote", `{"op":"subscribe","symbols":["SOL/USDT","BTC"]}`, "BASE/QUOTE"},
		{"a symbol that the venue cannot spell", `{"op":"subscribe","symbols":["SOL/USDT","btc/usdt"]}`, "upper"},
		{"an unknown channel", `{"op":"subscribe","symbols":["SOL/USDT"],"channels":["candles"]}`, "orderbook"},
		{"an empty list of channels", `{"op":"subscribe","symbols":["SOL/USDT"],"channels":[]}`, "at least one"},
		{"two channels in one text", `{"op":"subscribe","symbols":["SOL/USDT"],"channels":["trades,ticker"]}`, "allowed are"},
		{"a line that is too long", `{"op":"` + strings.Repeat("x", 1<<20), "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := exchange(t, dir, c.line+"\n")
			assert.False(t, a.OK)
			assert.Equal(t, "usage", a.Code)
			assert.Contains(t, a.Error, c.says)
			assert.Empty(t, a.Result)
		})
	}
	assert.Equal(t, 2, r.pub.View().InstrumentCount())
	c := dialControl(t, dir)
	require.ErrorIs(t, c.Subscribe(t.Context(), []feed.Symbol{{Base: "btc", Quote: "usdt"}}, ring.AllChannels), feed.ErrRequest)
	assert.True(t, exchange(t, dir, `{"op":"status"}`+"\n").OK)
}

// A full table refuses a symbol by name; the others are added.
func TestControlWithAFullTable(t *testing.T) {
	dir := t.TempDir()
	r := named(t, dir, func(c *feed.PublisherConfig) { c.MaxInstruments = 3 })
	c := dialControl(t, dir)
	err := c.Subscribe(t.Context(), listed(t, r, 2), ring.ChannelTrades)
	require.Error(t, err)
	assert.NotErrorIs(t, err, feed.ErrRequest)
	assert.NotContains(t, err.Error(), "\n")
	assert.Equal(t, 3, r.pub.View().InstrumentCount())
}

// Clients beyond the limit are turned away in words, and served once there is room.
func TestControlTurnsTheSeventeenthClientAway(t *testing.T) {
	dir := t.TempDir()
	named(t, dir, nil)
	var held []*feed.Control
	for range 16 {
		c := dialControl(t, dir)
		_, err := c.Status(t.Context(), nil)
		require.NoError(t, err)
		held = append(held, c)
	}
	_, err := dialControl(t, dir).Status(t.Context(), nil)
	require.ErrorContains(t, err, "16 clients")
	require.NoError(t, held[0].Close())
	require.Eventually(t, func() bool {
		c, err := feed.DialControl(t.Context(), dir, "f")
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Status(t.Context(), nil)
		return err == nil
	}, 3*time.Second, 5*time.Millisecond)
}

// mode is a file's type and permissions.
func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	return info.Mode()
}

// The socket is its owner's, or the segment's group's; it comes with the feed and
// goes with it, and leaves no goroutine.
func TestControlSocketComesAndGoes(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	path := feed.ControlPath(dir, "f")
	for _, c := range []struct {
		name, group string
		perm        fs.FileMode
	}{
		{"without a group it is the owner's", "", 0o600},
		{"with a group it is the group's too", fmt.Sprint(os.Getgid()), 0o660},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := named(t, dir, func(p *feed.PublisherConfig) { p.Group = c.group })
			assert.Equal(t, fs.ModeSocket|c.perm, mode(t, path))
			client := dialControl(t, dir)
			_, err := client.Status(t.Context(), nil)
			require.NoError(t, err)
			require.NoError(t, r.pub.Close())
			_, err = client.Status(t.Context(), nil)
			require.Error(t, err)
			assert.NoFileExists(t, path)
			_, err = feed.DialControl(t.Context(), dir, "f")
			require.ErrorIs(t, err, feed.ErrNoPublisher)
			left, err := filepath.Glob(filepath.Join(dir, ".f.*.new"))
			require.NoError(t, err)
			assert.Empty(t, left)
			require.NoError(t, r.sim.Close())
		})
	}
}

// The socket of a publisher that died is replaced; another kind of file is not, and
// the feed goes on without control.
func TestControlSocketOfADeadPublisher(t *testing.T) {
	dir := t.TempDir()
	path := feed.ControlPath(dir, "f")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	dead.SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	_, err = feed.DialControl(t.Context(), dir, "f")
	require.ErrorIs(t, err, feed.ErrNoPublisher)
	r := named(t, dir, nil)
	_, err = dialControl(t, dir).Status(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, r.pub.Close())

	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	r = named(t, dir, nil)
	r.untilKind(ring.KindTrade, "BTC/USDT")
	require.NoError(t, r.pub.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(content))
}

// A directory whose name is longer than a socket's may be works like any other.
func TestControlSocketInADeepDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100))
	require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	r := named(t, dir, nil)
	_, err := dialControl(t, dir).Status(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, r.pub.Close())
	assert.NoFileExists(t, feed.ControlPath(dir, "f"))
}

// A publisher that does not answer costs its client no more than its patience.
func TestControlWaitsNoLongerThanItsContext(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", feed.ControlPath(dir, "f"))
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c := dialControl(t, dir)
	began := time.Now()
	_, err = c.Status(ctx, nil)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Less(t, time.Since(began), 2*time.Second)
}
