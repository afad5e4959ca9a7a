package wire

import (
	"math"
	"math/bits"
	"time"
)

// Bounds of the clock's steering.
const (
	// stepNS is the error beyond which the clock is set rather than steered.
	stepNS = int64(time.Millisecond)
	// minDisciplineNS is the shortest interval that gives a useful rate: the
	// sample's error of some 30 ns is then 30 ppm of it at most.
	minDisciplineNS = int64(time.Millisecond)
	// minHorizonNS is the shortest time over which an error is worked off.
	// It is twice the last interval where that is longer: half of the error
	// each time stays stable though intervals vary up to fourfold.
	minHorizonNS = float64(100 * time.Millisecond)
	// maxSlew bounds how much faster or slower the clock runs meanwhile.
	maxSlew = 0.002
	// maxBrake bounds how much slower the clock runs while it is ahead by more
	// than stepNS.
	maxBrake = 0.5
	// rateGain is how much of a newly measured rate is believed: noise of one
	// interval is averaged over about eight.
	rateGain = 1.0 / 8
	// maxRateChange in one interval; more means that the system clock was set
	// meanwhile, which says nothing about the counter.
	maxRateChange = 200e-6
	// calibrationTime gives a first rate good to about 10 ppm.
	calibrationTime = 4 * time.Millisecond
	// samplesPerAnchor are taken for one anchor, the tightest one counts.
	samplesPerAnchor = 5
	// maxBracketNS is the widest sample believed: a wider one was interrupted.
	maxBracketNS = 2000

	rateShift = 40 // fixed point of Clock.scale
)

// Clock reads Unix time in nanoseconds from the CPU's counter: one instruction,
// a multiplication and an addition. Where the counter is not known to run at a
// constant rate through all sleep states it reads the vDSO instead.
//
// The counter drifts against the system clock and the system clock is itself
// steered, so the owner calls Discipline every 50 to 100 ms. One goroutine only.
type Clock struct {
	anchorTicks uint64
	anchorNS    int64
	scale       uint64 // ns per tick in use, << rateShift
	lastNS      int64  // the greatest value given out
	vdso        bool

	rate        float64 // ns per tick as measured, without slew
	sampleTicks uint64  // the last sample that Discipline took
	sampleNS    int64
	steps       uint64
	braking     bool // ahead by more than stepNS at the last Discipline
	skipped     uint64
	lastErrorNS int64
	source      string
}

// NewClock returns a calibrated clock. It spins for about 4 ms.
func NewClock() *Clock {
	c := &Clock{source: "vdso", vdso: true}
	if name, ok := counterUsable(); ok {
		c.source, c.vdso = name, false
		c.calibrate(calibrationTime)
	}
	return c
}

// Now returns Unix time in nanoseconds. It never goes back.
func (c *Clock) Now() int64 {
	if c.vdso {
		return c.forward(time.Now().UnixNano())
	}
	return c.forward(c.at(readCounter()))
}

func (c *Clock) forward(ns int64) int64 {
	if ns > c.lastNS {
		c.lastNS = ns
	}
	return c.lastNS
}

// at converts a counter value. One before the anchor (another core a few ticks
// behind, a restored machine) reads as the anchor.
func (c *Clock) at(ticks uint64) int64 {
	delta := ticks - c.anchorTicks
	if int64(delta) < 0 {
		return c.anchorNS
	}
	hi, lo := bits.Mul64(delta, c.scale)
	return c.anchorNS + int64(hi<<(64-rateShift)|lo>>rateShift)
}

// Source names what is read: "tsc", "cntvct" or "vdso".
func (c *Clock) Source() string { return c.source }

// Steps counts how often the clock was more than 1 ms off and was set (or, when
// ahead, slowed to as little as half speed).
func (c *Clock) Steps() uint64 { return c.steps }

// ErrorNS is what the last Discipline found: system time minus this clock.
func (c *Clock) ErrorNS() int64 { return c.lastErrorNS }

// RateNSPerTick is the measured length of one tick; 0 without a counter.
func (c *Clock) RateNSPerTick() float64 { return c.rate }

// Discipline compares the clock with the system's and steers it: small errors
// are worked off by running up to 0.2 % faster or slower for a while. A
// clock more than 1 ms behind is set forward at once; one more than 1 ms ahead
// runs at down to half speed until it is right, because Now never goes back and timers
// that hang on it must go on. Costs about half a microsecond.
func (c *Clock) Discipline() {
	if c.vdso {
		return
	}
	ticks, ns, ok := sample()
	if !ok {
		c.skipped++
		return
	}
	c.adjust(ticks, ns)
}

// adjust is Discipline for one sample: system time ns was counter value ticks.
func (c *Clock) adjust(ticks uint64, ns int64) {
	delta := int64(ticks - c.sampleTicks)
	if delta < 0 {
		// The counter was reset: only a new anchor helps.
		c.setAnchor(ticks, max(ns, c.lastNS))
		c.steps++
		return
	}
	if float64(delta)*c.rate < float64(minDisciplineNS) {
		return
	}
	c.learnRate(delta, ns-c.sampleNS)
	c.sampleTicks, c.sampleNS = ticks, ns

	mine := c.at(ticks)
	off := ns - mine
	c.lastErrorNS = off
	horizon := max(minHorizonNS, 2*float64(delta)*c.rate)
	correction := float64(off) / horizon
	switch {
	case off > stepNS:
		c.steps++
		c.anchorTicks, c.anchorNS = ticks, ns
		c.setScale(1)
	case off < -stepNS:
		if !c.braking {
			c.steps++
		}
		c.anchorTicks, c.anchorNS = ticks, mine
		c.setScale(1 + max(correction, -maxBrake))
	default:
		c.anchorTicks, c.anchorNS = ticks, mine
		c.setScale(1 + min(max(correction, -maxSlew), maxSlew))
	}
	c.braking = off < -stepNS
}

// learnRate takes the rate of the interval just past into the average.
func (c *Clock) learnRate(deltaTicks, deltaNS int64) {
	measured := float64(deltaNS) / float64(deltaTicks)
	if math.Abs(measured/c.rate-1) > maxRateChange {
		return
	}
	c.rate += (measured - c.rate) * rateGain
}

func scaleOf(rate float64) uint64 { return uint64(rate * (1 << rateShift)) }

func (c *Clock) setScale(speed float64) { c.scale = scaleOf(c.rate * speed) }

func (c *Clock) setAnchor(ticks uint64, ns int64) {
	c.anchorTicks, c.anchorNS = ticks, ns
	c.sampleTicks, c.sampleNS = ticks, ns
	c.setScale(1)
}

// calibrate measures the rate over d and sets the anchor.
func (c *Clock) calibrate(d time.Duration) {
	ticks0, ns0 := mustSample()
	for time.Now().UnixNano()-ns0 < int64(d) {
		continue
	}
	ticks1, ns1 := mustSample()
	if ticks1 <= ticks0 || ns1 <= ns0 {
		// The system clock was set meanwhile, or the counter stands still.
		c.source, c.vdso = "vdso", true
		return
	}
	c.rate = float64(ns1-ns0) / float64(ticks1-ticks0)
	c.setAnchor(ticks1, ns1)
}

// sample reads counter and system clock as nearly at once as it can: the
// tightest of some readings between two counter values. False when every
// reading was interrupted.
func sample() (ticks uint64, ns int64, ok bool) {
	best := uint64(math.MaxUint64)
	for range samplesPerAnchor {
		before := readCounter()
		now := time.Now()
		after := readCounter()
		if width := after - before; width < best {
			best, ticks, ns = width, before+width/2, now.UnixNano()
		}
	}
	return ticks, ns, best < counterTicksIn(maxBracketNS)
}

// mustSample is sample for the calibration, where the best of many will do.
func mustSample() (ticks uint64, ns int64) {
	for range 16 {
		var ok bool
		if ticks, ns, ok = sample(); ok {
			return ticks, ns
		}
	}
	return ticks, ns
}

// counterTicksIn is a generous count of ticks in ns: no counter runs faster
// than 6 GHz.
func counterTicksIn(ns uint64) uint64 { return 6 * ns }
