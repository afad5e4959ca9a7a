package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/ring"
)

// maxLine is more than any command of the kit has: a poller's paths.
const maxLine = 64 << 10

// driver is what the commands act on.
type driver struct {
	out    *bufio.Writer
	reader *reader
	poller *poller
}

func main() {
	d := &driver{out: bufio.NewWriter(os.Stdout)}
	if err := d.serve(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "godriver:", err)
		os.Exit(1)
	}
}

func (d *driver) serve(in io.Reader) error {
	defer d.drop()
	scan := bufio.NewScanner(in)
	scan.Buffer(nil, maxLine)
	for scan.Scan() {
		words := strings.Fields(scan.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "quit" {
			return nil
		}
		d.say(d.answer(words[0], words[1:]))
		d.say(".")
		if err := d.out.Flush(); err != nil {
			return err
		}
	}
	return scan.Err()
}

// say prints one line; "" is none.
func (d *driver) say(text string) {
	if text != "" {
		d.out.WriteString(text) // its error stays, and Flush returns it
		d.out.WriteByte('\n')
	}
}

// command is one row of the protocol's table; it may say lines before the one that
// it returns.
type command struct {
	words  int // that it takes
	reader bool
	poller bool
	run    func(d *driver, args []string) string
}

var commands = map[string]command{
	"hello": {run: func(*driver, []string) string {
		return fmt.Sprintf("READER name=go format_hash=0x%016x", uint64(ring.FormatHash))
	}},
	"open":        {words: 1, run: (*driver).open},
	"attach":      {words: 2, run: (*driver).attach},
	"await":       {words: 3, run: (*driver).await},
	"register":    {words: 3, run: (*driver).register},
	"registered":  {reader: true, run: (*driver).registered},
	"close":       {reader: true, run: (*driver).close},
	"segment":     {reader: true, run: (*driver).segment},
	"next":        {words: 1, reader: true, run: (*driver).next},
	"head":        {words: 1, reader: true, run: (*driver).head},
	"until":       {words: 2, reader: true, run: (*driver).until},
	"seek":        {words: 1, reader: true, run: (*driver).seek},
	"position":    {reader: true, run: func(d *driver, _ []string) string { return d.reader.position() }},
	"lag":         {reader: true, run: (*driver).lag},
	"stats":       {reader: true, run: (*driver).stats},
	"filter":      {words: 2, reader: true, run: (*driver).filter},
	"join":        {reader: true, run: (*driver).join},
	"board":       {words: 2, reader: true, run: (*driver).board},
	"book":        {words: 1, reader: true, run: (*driver).book},
	"instruments": {reader: true, run: (*driver).instruments},
	"find":        {words: 1, reader: true, run: (*driver).find},
	"state":       {words: 1, reader: true, run: (*driver).state},
	"connection":  {words: 1, reader: true, run: (*driver).connection},
	"counter":     {words: 1, reader: true, run: (*driver).counter},
	"fresh":       {words: 2, reader: true, run: (*driver).fresh},
	"age":         {words: 2, reader: true, run: (*driver).age},
	"reattach":    {reader: true, run: (*driver).reattach},
	"drain":       {words: 1, reader: true, run: (*driver).drain},
	"poller":      {words: 1, run: (*driver).openPoller},
	"poll":        {words: 1, poller: true, run: (*driver).poll},
}

func (d *driver) answer(name string, args []string) string {
	c, known := commands[name]
	switch {
	case !known || len(args) < c.words:
		return "UNSUPPORTED"
	case c.reader && d.reader == nil:
		return "NO_READER"
	case c.poller && d.poller == nil:
		return "NO_POLLER"
	}
	return c.run(d, args)
}

// number is a decimal word; the kit sends no other.
func number(word string) int64 {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("godriver: %q is no number", word))
	}
	return n
}

func (d *driver) drop() {
	if d.reader != nil {
		d.reader.close()
		d.reader = nil
	}
	if d.poller != nil {
		d.poller.close()
		d.poller = nil
	}
}

func (d *driver) take(r *reader, err error) string {
	if err != nil {
		return "ERROR " + errorName(err)
	}
	d.reader = r
	return fmt.Sprintf("OPENED generation=%d next=%d", r.view().Generation(), r.r.NextSequence())
}

func (d *driver) dropReader() {
	if d.reader != nil {
		d.reader.close()
		d.reader = nil
	}
}

func (d *driver) open(args []string) string {
	d.dropReader()
	return d.take(openPath(args[0]))
}

func (d *driver) attach(args []string) string {
	d.dropReader()
	return d.take(openFeed(args[0], args[1]))
}

func (d *driver) await(args []string) string {
	d.dropReader()
	deadline := after(args[2])
	for {
		r, err := openFeed(args[0], args[1])
		if err == nil || errorName(err) == "NAME" || time.Now().After(deadline) {
			return d.take(r, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// register goes on without a slot where it gets none, as every reader does.
func (d *driver) register(args []string) string {
	line := d.attach(args)
	if d.reader != nil {
		d.reader.register(args[2])
	}
	return line
}

func (d *driver) registered([]string) string {
	if g := d.reader.registration; g != nil && g.Fault() == nil {
		return "REGISTERED 1"
	}
	return "REGISTERED 0"
}

func after(milliseconds string) time.Time {
	return time.Now().Add(time.Duration(number(milliseconds)) * time.Millisecond)
}

func (d *driver) close([]string) string {
	d.dropReader()
	return "DETACHED"
}

func (d *driver) next(args []string) string {
	for n := number(args[0]); n > 0; n-- {
		a := d.reader.next()
		d.say(d.reader.line(a))
		if a != ring.AnswerRecord && a != ring.AnswerOverrun {
			break
		}
	}
	return ""
}

func (d *driver) head(args []string) string {
	for n := number(args[0]); n > 0; n-- {
		a := d.reader.head()
		if a == ring.AnswerRecord {
			d.say(newLine("HEAD").head(&d.reader.rec))
			continue
		}
		d.say(d.reader.line(a))
		if a != ring.AnswerOverrun {
			break
		}
	}
	return ""
}

func (d *driver) until(args []string) string {
	deadline := after(args[1])
	for {
		a := d.reader.next()
		if a.String() == args[0] || a != ring.AnswerEmpty && a != ring.AnswerStale {
			return d.reader.line(a)
		}
		if time.Now().After(deadline) {
			return "TIMEOUT"
		}
		d.reader.r.Wait(time.Millisecond)
	}
}

func (d *driver) seek(args []string) string {
	if args[0] == "latest" {
		d.reader.r.SeekLatest()
	} else {
		d.reader.r.SeekOldest()
	}
	return d.reader.position()
}

func (d *driver) reattach([]string) string {
	moved, err := d.reader.reattach()
	switch {
	case err != nil:
		return "ERROR " + errorName(err)
	case !moved:
		return "SAME"
	}
	return fmt.Sprintf("REATTACHED generation=%d next=%d", d.reader.view().Generation(), d.reader.r.NextSequence())
}

// run is a stretch of records without a hole.
type run struct{ first, last, records, hash uint64 }

func (d *driver) endRun(s *run) {
	if s.records > 0 {
		d.say(fmt.Sprintf("RUN first=%d last=%d records=%d hash=%016x", s.first, s.last, s.records, s.hash))
	}
	*s = run{hash: hashSeed}
}

func (d *driver) drain(args []string) string {
	deadline := after(args[0])
	s := run{hash: hashSeed}
	defer d.out.Flush()
	for {
		a := d.reader.next()
		switch a {
		case ring.AnswerRecord:
			n := d.reader.rec.Sequence()
			if s.records > 0 && n != s.last+1 {
				d.endRun(&s)
			}
			if s.records == 0 {
				s.first = n
			}
			s.last, s.records, s.hash = n, s.records+1, hashRecord(s.hash, &d.reader.rec)
		case ring.AnswerOverrun:
			d.endRun(&s)
			d.say(d.reader.line(a))
		case ring.AnswerEmpty, ring.AnswerStale:
			if time.Now().After(deadline) {
				d.endRun(&s)
				return "TIMEOUT"
			}
			d.reader.r.Wait(time.Millisecond)
		default:
			d.endRun(&s)
			return a.String()
		}
	}
}
