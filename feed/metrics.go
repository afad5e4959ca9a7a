package feed

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/tickring/tickring/ring"
)

// Metrics is what a market did since Initialize. Every number is 0 before the
// first message and none is ever NaN. Latency of a message is from its receive
// time to its publishing; handler latency from its receive time to the call.
type Metrics struct {
	Name  string `json:"name"`
	Venue string `json:"venue"`
	State string `json:"state"`

	MessagesProcessed uint64  `json:"messages_processed"` // market data messages published
	AvgLatencyUS      float64 `json:"avg_latency_us"`
	ActiveSymbols     int     `json:"active_symbols"`
	UptimeSeconds     float64 `json:"uptime_seconds"` // since Initialize, until Close
	Reconnections     uint64  `json:"reconnections"`  // connections that came up again

	MessagesPerSecond       float64 `json:"messages_per_second"`       // over the last ten seconds at most
	SubscriptionSuccessRate float64 `json:"subscription_success_rate"` // of answers and answers that never came, 0 to 1
	HandlerTimeUS           float64 `json:"handler_time_us"`           // mean time inside handlers
	ReconnectionsPerHour    float64 `json:"reconnections_per_hour"`    // within the last hour
	ConnectedSeconds        float64 `json:"connected_seconds"`         // since every connection is up, 0 while one is not

	HandlerErrors      uint64      `json:"handler_errors"`      // calls that panicked
	LostRecords        uint64      `json:"lost_records"`        // overwritten before a handler's reader came to them
	PendingResubscribe int         `json:"pending_resubscribe"` // symbols waiting to be asked for again
	LatencyUS          Percentiles `json:"latency_us"`

	Channels map[string]ChannelMetrics `json:"channels"` // by the names of ParseChannels; the calls of a Perpetual handler stand under perpetual
}

// ChannelMetrics is what one channel did.
type ChannelMetrics struct {
	Messages         uint64      `json:"messages"`
	LatencyUS        Percentiles `json:"latency_us"`
	HandlerCalls     uint64      `json:"handler_calls"`
	HandlerErrors    uint64      `json:"handler_errors"`
	LostRecords      uint64      `json:"lost_records"`
	HandlerLatencyUS Percentiles `json:"handler_latency_us"`
	HandlerTimeUS    Percentiles `json:"handler_time_us"`
}

// Percentiles of a time, in microseconds.
type Percentiles struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Range and precision of a timing: 1 ns to 100 s in steps of 1 % or less; longer
// times count as the longest.
const (
	longestTimingNS = 100 * int64(time.Second)
	timingDigits    = 2
)

// timing is a histogram of nanoseconds. Recording takes no memory.
type timing struct{ h *hdrhistogram.Histogram }

func newTiming() timing {
	return timing{hdrhistogram.New(1, longestTimingNS, timingDigits)}
}

// record takes one time; one below zero, which two clocks can make, counts as 0.
func (t timing) record(ns int64) {
	// The value lies within the histogram's range, so that there is no error.
	_ = t.h.RecordValue(min(max(ns, 0), longestTimingNS))
}

func (t timing) percentiles() Percentiles {
	if t.h.TotalCount() == 0 {
		return Percentiles{}
	}
	us := func(q float64) float64 { return float64(t.h.ValueAtQuantile(q)) / 1e3 }
	return Percentiles{
		Mean: t.h.Mean() / 1e3, P50: us(50), P90: us(90), P99: us(99), P999: us(99.9), Max: float64(t.h.Max()) / 1e3,
	}
}

// arrivals counts what the watcher reads of one channel.
type arrivals struct {
	messages uint64
	sumNS    float64
	latency  timing
}

// calls counts what one handler's goroutine does.
type calls struct {
	mu      sync.Mutex
	count   uint64
	errors  uint64
	lost    uint64
	sumNS   float64
	latency timing // receive to call
	inside  timing // in the handler
}

func newCalls() *calls { return &calls{latency: newTiming(), inside: newTiming()} }

func (c *calls) record(latencyNS, insideNS int64, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	c.sumNS += float64(max(insideNS, 0))
	c.latency.record(latencyNS)
	c.inside.record(insideNS)
	if failed {
		c.errors++
	}
}

func (c *calls) overrun(lost uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost += lost
}

// Windows of the rates.
const (
	rateSeconds   = 10
	secondBuckets = 16 // more than rateSeconds + the one that is filling
	hourMinutes   = 60
)

// meter counts everything that is not a handler's.
type meter struct {
	mu          sync.Mutex
	channels    [channelCount]arrivals
	seconds     [secondBuckets]uint64 // messages by second
	secondAt    int64                 // the newest second
	minutes     [hourMinutes]uint64   // reconnections by minute
	minuteAt    int64
	reconnected uint64
	subscribed  uint64 // (symbol, channel) pairs the venue accepted
	refused     uint64 // pairs it refused
	unanswered  uint64 // requests that it never answered
	started     time.Time
	ended       time.Time
	upSince     time.Time
}

func newMeter() *meter {
	m := &meter{}
	for i := range m.channels {
		m.channels[i].latency = newTiming()
	}
	return m
}

// message counts the last record of a market data message at nowNS, Unix ns.
func (m *meter) message(r *ring.Record, nowNS int64) {
	k := kindIndex[r.Kind&7]
	if k >= channelCount || !endsMessage(r) || r.Kind == ring.KindPerpetual { // the ticker before it is its message
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := &m.channels[k]
	a.messages++
	if r.Flags&ring.FlagBackfill == 0 {
		ns := max(r.PublishTimeNS-r.RecvTimeNS, 0)
		a.sumNS += float64(ns)
		a.latency.record(ns)
	}
	m.turn(nowNS)
	m.seconds[m.secondAt%secondBuckets]++
}

// endsMessage says that no record of the same message follows.
func endsMessage(r *ring.Record) bool {
	if r.Kind == ring.KindTrade {
		t := r.Trade()
		return t.Index+1 >= t.Count
	}
	return r.Flags&ring.FlagLast != 0
}

// turn empties the buckets that time has moved into. The lock is held.
func (m *meter) turn(nowNS int64) {
	if s := nowNS / second; s > m.secondAt {
		clearBuckets(m.seconds[:], m.secondAt, s)
		m.secondAt = s
	}
	if s := nowNS / (60 * second); s > m.minuteAt {
		clearBuckets(m.minutes[:], m.minuteAt, s)
		m.minuteAt = s
	}
}

func clearBuckets(buckets []uint64, from, to int64) {
	n := int64(len(buckets))
	for i := max(from, to-n) + 1; i <= to; i++ {
		buckets[i%n] = 0
	}
}

// counters takes the publisher's totals of reconnections and of requests that
// were never answered.
func (m *meter) counters(total, unanswered uint64, nowNS int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(nowNS)
	m.unanswered = max(m.unanswered, unanswered)
	if total > m.reconnected {
		m.minutes[m.minuteAt%hourMinutes] += total - m.reconnected
		m.reconnected = total
	}
}

// answer counts the venue's answer for one symbol and channel.
func (m *meter) answer(accepted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if accepted {
		m.subscribed++
	} else {
		m.refused++
	}
}

// life takes the moments that uptimes are counted from.
func (m *meter) life(s State) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case s == StateConnecting:
		m.started = now
	case s == StateClosed:
		m.ended = now
	}
	if !s.up() {
		m.upSince = time.Time{}
	} else if m.upSince.IsZero() {
		m.upSince = now
	}
}

// fill says what was counted until now.
func (m *meter) fill(out *Metrics, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(now.UnixNano())
	all := newTiming()
	var sumNS float64
	for i, c := range channelNames {
		a := &m.channels[i]
		out.MessagesProcessed += a.messages
		sumNS += a.sumNS
		all.h.Merge(a.latency.h)
		ch := out.Channels[c.name]
		ch.Messages, ch.LatencyUS = a.messages, a.latency.percentiles()
		out.Channels[c.name] = ch
	}
	out.LatencyUS = all.percentiles()
	out.AvgLatencyUS = ratio(sumNS, float64(all.h.TotalCount())) / 1e3
	out.Reconnections = m.reconnected
	for _, n := range m.minutes {
		out.ReconnectionsPerHour += float64(n)
	}
	out.SubscriptionSuccessRate = ratio(float64(m.subscribed), float64(m.subscribed+m.refused+m.unanswered))
	if m.started.IsZero() {
		return
	}
	if !m.upSince.IsZero() {
		out.ConnectedSeconds = now.Sub(m.upSince).Seconds()
	}
	if !m.ended.IsZero() {
		now = m.ended
	}
	out.UptimeSeconds = now.Sub(m.started).Seconds()
	out.MessagesPerSecond = m.rate(out.UptimeSeconds)
}

// rate is the mean of the whole seconds that lie in the window, the one that is
// filling included while there is no other. The lock is held.
func (m *meter) rate(uptime float64) float64 {
	whole := min(int64(uptime), rateSeconds)
	if whole < 1 {
		return float64(m.seconds[m.secondAt%secondBuckets] + m.seconds[(m.secondAt+secondBuckets-1)%secondBuckets])
	}
	var sum uint64
	for i := int64(1); i <= whole; i++ {
		sum += m.seconds[(m.secondAt-i+secondBuckets)%secondBuckets]
	}
	return float64(sum) / float64(whole)
}

// fill adds what a handler's goroutine counted to its channel and to the totals.
func (c *calls) fill(out *Metrics, channel string) (count uint64, sumNS float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := out.Channels[channel]
	ch.HandlerCalls, ch.HandlerErrors, ch.LostRecords = c.count, c.errors, c.lost
	ch.HandlerLatencyUS, ch.HandlerTimeUS = c.latency.percentiles(), c.inside.percentiles()
	out.Channels[channel] = ch
	out.HandlerErrors += c.errors
	out.LostRecords += c.lost
	return c.count, c.sumNS
}
