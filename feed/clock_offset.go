package feed

import (
	"log/slog"
	"time"

	"github.com/tickring/tickring/ring"
)

// The venue's clock is measured and never corrected: event times stay what the venue
// said. A round trip that was sent at s and came back at r with the venue's time v says
// that its clock is ahead by v - (s+r)/2, to half of r - s: the venue looked at its clock
// somewhere between. The shortest of the last round trips is the best of them.

// Bounds of measuring.
const (
	// clockSamples are remembered: some minutes of one connection's pongs.
	clockSamples = 16
	// defaultClockEvery is how often REST is asked; the first few times clockSoonNS apart, for
	// the first request pays for the connection.
	defaultClockEvery = 30 * time.Second
	clockSoonNS       = 1 * second
	clockHastily      = 4
	// clockGrainNS is half of what the venues' times are rounded down to.
	clockGrainNS = ms / 2
	// defaultClockSkew is MaxClockSkew's default: the distance at which a stale quote and
	// a wrong clock cannot be told apart by any strategy that looks at event times.
	defaultClockSkew = time.Second
)

// ClockDialect is a Dialect whose venue tells its time by REST.
type ClockDialect interface {
	Dialect
	// TimePath is the REST path of the venue's time.
	TimePath() string
	// ParseTime reads the answer: Unix ns. Any thread.
	ParseTime(body []byte) (int64, error)
}

// clockSample is one round trip.
type clockSample struct {
	offsetNS, uncertaintyNS, atNS int64
}

// sampleOf is what a round trip with the venue's time in it says.
func sampleOf(venueNS, sentNS, receivedNS int64) clockSample {
	half := max(receivedNS-sentNS, 0) / 2
	return clockSample{
		offsetNS: venueNS + clockGrainNS - (sentNS + half), uncertaintyNS: half + clockGrainNS, atNS: receivedNS,
	}
}

// agrees says that two round trips can both be true of one clock.
func (s clockSample) agrees(o clockSample) bool {
	return max(s.offsetNS-o.offsetNS, o.offsetNS-s.offsetNS) <= s.uncertaintyNS+o.uncertaintyNS
}

// beyond says that the clock is surely further off than a bound.
func (s clockSample) beyond(bound int64) bool {
	return max(s.offsetNS, -s.offsetNS)-s.uncertaintyNS > bound
}

// venueClock is what is known of the venue's clock. Hot thread only.
type venueClock struct {
	samples  [clockSamples]clockSample
	taken    int // samples ever taken since the last that contradicted those before
	asked    int // times REST was asked
	flag     ring.Flags
	fetching bool
	nextNS   int64
}

// add takes a sample and says the best of those remembered. One that cannot be true of
// the same clock as the best before it says that a clock was set: what came before is
// forgotten.
func (v *venueClock) add(s clockSample) clockSample {
	if v.taken > 0 && !s.agrees(v.best()) {
		v.taken = 0
	}
	v.samples[v.taken%clockSamples] = s
	v.taken++
	return v.best()
}

func (v *venueClock) best() clockSample {
	best := v.samples[0]
	for _, s := range v.samples[1:min(v.taken, clockSamples)] {
		if s.uncertaintyNS < best.uncertaintyNS {
			best = s
		}
	}
	return best
}

// clockMeasured takes a round trip in: published, and every record with an event time
// flagged while the clock is off by more than the bound.
func (h *hot) clockMeasured(s clockSample) {
	v := &h.venueClock
	best := v.add(s)
	h.w.SetVenueClock(best.offsetNS, best.uncertaintyNS, best.atNS)
	var flag ring.Flags
	if bound := int64(h.cfg.MaxClockSkew); bound > 0 && best.beyond(bound) {
		flag = ring.FlagClockSkew
	}
	if flag == v.flag {
		return
	}
	v.flag = flag
	code := logClockBack
	if flag != 0 {
		code = logClockOff
	}
	h.log(code, slog.Duration("offset", time.Duration(best.offsetNS)), slog.Duration("uncertainty", time.Duration(best.uncertaintyNS)),
		slog.Duration("bound", h.cfg.MaxClockSkew))
}

// skewed is the flag of a record with this event time.
func (h *hot) skewed(eventTimeNS int64) ring.Flags {
	if eventTimeNS == ring.Absent {
		return 0
	}
	return h.venueClock.flag
}

// wantTime asks for the venue's time when it is due, within the host's pace.
func (h *hot) wantTime(now int64) {
	v := &h.venueClock
	if h.fetchTime == nil || v.fetching || now < v.nextNS || now < h.restUntilNS ||
		!h.restPace.take(now, snapshotsPerSecond, snapshotsPerSecond) {
		return
	}
	v.fetching = true
	v.asked++
	h.fetchTime()
}

// timeResult is what a control goroutine made of a question for the venue's time.
type timeResult struct {
	sample       clockSample
	err          error
	retryAfterNS int64
}

// timeCame takes an answer in.
func (h *hot) timeCame(r *timeResult) {
	v, now := &h.venueClock, h.clock.Now()
	v.fetching = false
	if r.retryAfterNS > 0 {
		h.restUntilNS = max(h.restUntilNS, now+r.retryAfterNS)
	}
	v.nextNS = now + int64(h.cfg.ClockEvery)
	if v.asked < clockHastily {
		v.nextNS = min(v.nextNS, now+clockSoonNS)
	}
	if r.err != nil {
		h.log(logNoTime, slogError(r.err))
		return
	}
	h.clockMeasured(r.sample)
}

// timekeeper gives the hot thread a way to ask, where dialect and configuration have one.
func (p *Publisher) timekeeper(h *hot) {
	d, ok := h.dialect.(ClockDialect)
	if !ok || p.cfg.RESTURL == "" {
		return
	}
	client := p.restClient()
	h.fetchTime = func() {
		p.helpers.Add(1)
		go func() {
			defer p.helpers.Done()
			r := &timeResult{}
			began := time.Now()
			body, wait, err := client.get(p.ctx, d.TimePath())
			took := time.Since(began)
			var venueNS int64
			if err == nil {
				venueNS, err = d.ParseTime(body)
			}
			sent := began.UnixNano()
			r.sample, r.err, r.retryAfterNS = sampleOf(venueNS, sent, sent+int64(took)), err, int64(wait)
			_ = p.command(func(h *hot) {
				h.tee.timed(r)
				h.timeCame(r)
			}) // closed meanwhile: nobody wants it
		}()
	}
}
