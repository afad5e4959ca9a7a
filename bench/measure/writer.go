package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// benchInstruments is how many rows the writer's records go round.
const benchInstruments = 64

// writerJob is "writer": a publisher without sockets.
type writerJob struct {
	dir, feed string
	mode      string // paced, saturated, ring or board
	slots     int
	cpu       int
	count     int
	warm      int
	interval  int64 // ticks between two records when paced
}

func runWriter(args []string) error {
	var j writerJob
	f := flag.NewFlagSet("writer", flag.ContinueOnError)
	f.StringVar(&j.dir, "dir", "", "directory of the segment")
	f.StringVar(&j.feed, "feed", "", "its name")
	f.StringVar(&j.mode, "mode", "paced", "paced, saturated, ring or board")
	f.IntVar(&j.slots, "slots", ring.DefaultSlots, "slots of the ring")
	f.IntVar(&j.cpu, "cpu", 0, "CPU to pin to")
	f.IntVar(&j.count, "count", timedBlocks, "records to publish; a multiple of 20 unless paced")
	f.IntVar(&j.warm, "warm", 0, "records before them that do not count")
	f.Int64Var(&j.interval, "interval", 0, "ticks from record to record when paced")
	if err := f.Parse(args); err != nil {
		return err
	}
	if j.mode != "paced" && j.count%timedBlocks != 0 {
		return fmt.Errorf("writer: %d records are no multiple of %d", j.count, timedBlocks)
	}
	return j.run()
}

// run makes the segment, says so, waits for a line, publishes, closes, and says how
// many ticks the counted records took.
func (j *writerJob) run() (err error) {
	seg, err := shm.Create(shm.Options{Dir: j.dir}, ring.Config{
		Feed: j.feed, Venue: "bench", Source: ring.SourceSimulated, Slots: j.slots, MaxInstruments: benchInstruments,
	})
	if err != nil {
		return err
	}
	defer func() {
		if e := seg.Close(true); err == nil {
			err = e
		}
	}()
	p, err := newProducer(seg.Bytes())
	if err != nil {
		return err
	}
	if err := seg.Publish(); err != nil {
		return err
	}
	p.grip = startGrip()
	defer p.grip.end()
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the start: %w", err)
	}
	if err := kit.PinThread(j.cpu); err != nil {
		return err
	}
	took, err := p.produce(j)
	p.w.CloseSegment()
	if err == nil {
		fmt.Printf("took %d\n", took)
	}
	return err
}

// producer publishes records that look like a feed's.
type producer struct {
	w      *ring.Writer
	grip   *spinGrip
	record ring.Record
	stamp  int64
	n      int
}

func newProducer(segment []byte) (*producer, error) {
	p := &producer{}
	var err error
	if p.w, err = ring.NewWriter(segment, func() int64 { return p.stamp }); err != nil {
		return nil, err
	}
	for i := range benchInstruments {
		base := fmt.Sprintf("B%d", i)
		spec := ring.InstrumentSpec{Native: base + "_USDT", Base: base, Quote: "USDT", Tick: ring.Absent, Lot: ring.Absent, Multiplier: ring.Absent}
		if _, err := p.w.AddInstrument(spec); err != nil {
			return nil, err
		}
	}
	p.record = ring.Record{
		Kind: ring.KindBookTicker, PriceExponent: -1, QuantityExponent: -6,
		Flags: ring.FlagFirst | ring.FlagLast, EventTimeNS: ring.Absent,
	}
	*p.record.BookTicker() = ring.BookTicker{
		BidPrice: 837909, BidQuantity: 497321, AskPrice: 837910, AskQuantity: 55894, SendTimeNS: ring.Absent,
	}
	return p, nil
}

func (p *producer) produce(j *writerJob) (took int64, err error) {
	switch j.mode {
	case "paced":
		return p.paced(j.warm+j.count, j.interval), nil
	case "saturated":
		return p.timed(j, p.stamped), nil
	case "ring":
		p.record.Kind = ring.KindDepth // goes to no place of the board
		return p.timed(j, p.plain), nil
	case "board":
		return p.timed(j, p.plain), nil
	}
	return 0, fmt.Errorf("writer: no mode %q", j.mode)
}

// publish commits one record as a frame of its own. now is its receive time, in the
// first line; due, its venue sequence, is when it was meant to be sent.
func (p *producer) publish(now, due int64) {
	p.stamp = now
	p.n++
	p.record.Instrument = uint16(p.n % benchInstruments)
	p.record.VenueSequence = uint64(due)
	p.w.BeginFrame(now)
	p.w.Publish(&p.record)
	p.w.EndFrame()
}

// paced publishes n records, one every interval. A record that is late is published
// at once and keeps the time it was due, so that what waited behind a stall is seen.
// Between two records the thread spins under a grip, as a publisher's does.
func (p *producer) paced(n int, interval int64) int64 {
	grip := p.grip
	began := kit.Ticks()
	due := began + interval
	for range n {
		now := kit.Ticks()
		grip.Take(grip.ns(now))
		for now < due {
			grip.Turn(grip.ns(now))
			now = kit.Ticks()
		}
		p.publish(now, due)
		grip.Release() // a publisher's does before, and before it looks at its clock
		due += interval
	}
	return kit.Ticks() - began
}

// timedBlocks is into how many parts a timed run falls.
const timedBlocks = 20

// timed returns what count records take by the median of the run's parts, so that one
// in which the thread lost its CPU does not count.
func (p *producer) timed(j *writerJob, publish func(int)) int64 {
	publish(j.warm)
	blocks := make([]float64, timedBlocks)
	for i := range blocks {
		began := kit.Ticks()
		publish(j.count / timedBlocks)
		blocks[i] = float64(kit.Ticks() - began)
	}
	return int64(kit.Median(blocks) * timedBlocks)
}

// stamped publishes as fast as it can, each record with its own stamp.
func (p *producer) stamped(n int) {
	for range n {
		now := kit.Ticks()
		p.publish(now, now)
	}
}

// plain publishes as fast as it can, without a clock.
func (p *producer) plain(n int) {
	for range n {
		p.publish(1, 1)
	}
}
