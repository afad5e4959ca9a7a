package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// readerJob is "reader", the Go side of reader.c, with the same output.
type readerJob struct {
	cpu, warm    int
	wait, stages bool

	seen    int
	lost    uint64
	samples []kit.Sample
}

func runReader(args []string) error {
	var j readerJob
	f := flag.NewFlagSet("reader", flag.ContinueOnError)
	dir := f.String("dir", "", "directory of the segment")
	feed := f.String("feed", "", "its name")
	f.IntVar(&j.cpu, "cpu", 0, "CPU to pin to")
	f.IntVar(&j.warm, "warm", 0, "records that do not count")
	f.BoolVar(&j.wait, "wait", false, "sleep on the doorbell when there is nothing")
	f.BoolVar(&j.stages, "stages", false, "stamp book tickers in Unix ns beside their publish time")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := kit.PinThread(j.cpu); err != nil {
		return err
	}
	m, err := shm.Open(*dir, *feed)
	if err != nil {
		return err
	}
	r := ring.NewReader(m.View())
	r.SeekLatest()
	j.samples = make([]kit.Sample, 0, kit.MaxSamples)
	clear(j.samples[:kit.MaxSamples]) // no page fault later
	grip := startGrip()
	defer grip.end()
	fmt.Println("ready")
	if err := j.follow(r, grip); err != nil {
		return err
	}
	if err := m.Close(); err != nil {
		return err
	}
	return j.write(os.Stdout)
}

func (j *readerJob) follow(r *ring.Reader, grip *spinGrip) error {
	var rec ring.Record
	for {
		switch a := r.Next(&rec); a {
		case ring.AnswerRecord:
			j.take(&rec)
		case ring.AnswerOverrun:
			j.lost += r.Lost()
		case ring.AnswerEmpty, ring.AnswerStale:
			if j.wait {
				r.Wait(100 * time.Millisecond)
			} else {
				grip.Turn(grip.ns(kit.Ticks()))
			}
		case ring.AnswerClosed:
			grip.Release()
			return nil
		default:
			return fmt.Errorf("reader: answer %s", a)
		}
	}
}

func (j *readerJob) take(rec *ring.Record) {
	s := kit.Sample{First: rec.RecvTimeNS}
	if j.stages {
		s.Seen, s.Second = time.Now().UnixNano(), rec.PublishTimeNS
		if rec.Kind != ring.KindBookTicker {
			return
		}
	} else {
		s.Seen, s.Second = kit.Ticks(), int64(rec.VenueSequence)
	}
	if j.seen++; j.seen > j.warm && len(j.samples) < kit.MaxSamples {
		j.samples = append(j.samples, s)
	}
}

func (j *readerJob) write(to io.Writer) error {
	out := bufio.NewWriter(to)
	fmt.Fprintf(out, "samples %d lost %d\n", len(j.samples), j.lost)
	if err := binary.Write(out, binary.LittleEndian, j.samples); err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	return out.Flush()
}
