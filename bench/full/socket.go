package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/bench/internal/kit"
)

// way is one run from the venue's send to a reader.
type way struct {
	tls         bool
	rate        int // frames a second; 0 as fast as they are taken
	count, warm int
	batch       int // frames in one write
}

func (w way) transport() string {
	if w.tls {
		return "tls"
	}
	return "plain"
}

// line is a venue that serves a way.
type line struct {
	way
	*kit.Process
	port, ca string
}

func (l *line) url() string {
	return map[bool]string{true: "wss", false: "ws"}[l.tls] + "://127.0.0.1:" + l.port + "/"
}

// openLine starts the venue on the helpers' CPU.
func (b *bench) openLine(w way) (*line, error) {
	l := &line{way: w, ca: filepath.Join(b.dir, ".ca")}
	args := []string{"pinned", strconv.Itoa(b.helper), b.self, "venue", "-tls=" + strconv.FormatBool(w.tls), "-ca", l.ca,
		"-rate", strconv.Itoa(w.rate), "-count", strconv.Itoa(w.count + w.warm), "-batch", strconv.Itoa(w.batch)}
	p, err := kit.Start("venue", b.tool("measure"), args...)
	if err != nil {
		return nil, err
	}
	l.Process = p
	port, err := p.Out.ReadString('\n')
	if err != nil {
		return nil, p.Explain(err)
	}
	l.port = strings.TrimSpace(port)
	return l, nil
}

const socketFeed = "socket"

// stagesReader attaches the C reader; text says that copy.c fills the ring.
func (b *bench) stagesReader(w way, text string) (*kit.Process, error) {
	idle := "spin"
	if b.helper == b.cpus.Reader {
		idle = "yield"
	}
	r, err := kit.Start("C reader", b.tool("stages"), b.dir, socketFeed, strconv.Itoa(b.cpus.Reader), text, idle,
		strconv.Itoa(w.count), strconv.Itoa(w.warm))
	if err != nil {
		return nil, err
	}
	return r, r.Ready()
}

// takeStamps waits for a reader's end.
func takeStamps(r *kit.Process) ([]stamps, uint64, error) {
	list, lost, err := readStamps(r.Out)
	if err != nil {
		return nil, 0, r.Explain(err)
	}
	return list, lost, r.Wait()
}

// runOurs is the way through our publisher.
func (b *bench) runOurs(w way) ([]stamps, uint64, error) {
	l, err := b.openLine(w)
	if err != nil {
		return nil, 0, err
	}
	defer l.Kill()
	args := []string{"run", "--venue", "gateio", "--symbols", "BTC/USDT", "--channels", "book_ticker", "--url", l.url(), "--dir", b.dir,
		"--feed", socketFeed, "--source", "simulated", "--quiet", "--wait", "busy", "--cpu", strconv.Itoa(b.cpus.Publisher)}
	if w.tls {
		args = append(args, "--ca", l.ca)
	}
	p, err := kit.Start("publisher", b.tool("tickring"), args...)
	if err != nil {
		return nil, 0, err
	}
	segment := filepath.Join(b.dir, socketFeed)
	if err := awaitFile(segment); err != nil {
		return nil, 0, p.Explain(err)
	}
	r, err := b.stagesReader(w, "number")
	if err != nil {
		return nil, 0, p.Explain(err)
	}
	list, lost, err := takeStamps(r)
	if err != nil {
		return nil, 0, p.Explain(err)
	}
	if err := p.Interrupt(); err != nil {
		return nil, 0, err
	}
	return list, lost, removeIfThere(segment)
}

// runCopy is the way through copy.c.
func (b *bench) runCopy(w way) ([]stamps, uint64, error) {
	l, err := b.openLine(w)
	if err != nil {
		return nil, 0, err
	}
	defer l.Kill()
	s, err := kit.Start("segment", b.self, "segment", "-dir", b.dir, "-feed", socketFeed)
	if err != nil {
		return nil, 0, err
	}
	if err := s.Ready(); err != nil {
		return nil, 0, err
	}
	r, err := b.stagesReader(w, "text")
	if err != nil {
		return nil, 0, s.Explain(err)
	}
	c, err := kit.Start("copy", b.tool("copy"), filepath.Join(b.dir, socketFeed), l.port, w.transport(), strconv.Itoa(b.cpus.Publisher))
	if err == nil {
		err = c.Ready()
	}
	if err != nil {
		r.Kill()
		return nil, 0, s.Explain(err)
	}
	list, lost, err := takeStamps(r)
	c.Kill()
	if err != nil {
		return nil, 0, s.Explain(err)
	}
	if _, err := s.In.Write([]byte("\n")); err != nil {
		return nil, 0, s.Explain(err)
	}
	return list, lost, s.Wait()
}

// awaitFile waits until a path is there.
func awaitFile(path string) error {
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s was not there within %s", filepath.Base(path), startLimit)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// subject is a program between venue and reader.
type subject struct {
	name, key string
	// all says that it runs at every rate; the rest only at the first, for time's sake.
	all bool
	run func(b *bench, w way) ([]stamps, uint64, error)
}

// subjects are those that were built. nats is the server's port, or empty.
func (b *bench) subjects(nats string) []subject {
	list := []subject{{"tickring", "tickring", true, (*bench).runOurs}}
	if b.tool("copy") != "" {
		list = append(list, subject{"C copy", "copy", true, (*bench).runCopy})
	}
	list = append(list, subject{"Go design", "design", false, clientRun("design", "")})
	if nats != "" {
		list = append(list, subject{"Go over NATS", "go_nats", false, forwardRun(nats)})
	}
	for _, library := range []string{"websockets", "picows"} {
		if b.tool("python-client") != "" {
			list = append(list, subject{"Python " + library, library, false, pythonRun(library)})
		}
	}
	return list
}

// socketWays are the ways at a fixed rate.
func (b *bench) socketWays(secure bool) []way {
	if b.small {
		return []way{{secure, 1_000, 50, 20, 1}, {secure, 10_000, 200, 50, 1}}
	}
	return []way{{secure, 1_000, 500, 100, 1}, {secure, 10_000, 5_000, 500, 1}}
}

func (w way) row(s subject) string {
	return fmt.Sprintf("%s, %s %dk/s", s.name, w.transport(), w.rate/1000)
}

// reportSocket measures all programs between a venue and a reader in turn, and then what
// our publisher sustains.
func (b *bench) reportSocket() error {
	nats := ""
	if b.tool("nats-server") != "" {
		p, port, err := b.startBroker("nats")
		if err != nil {
			return err
		}
		defer p.Kill()
		nats = port
	}
	list, rows, left := b.subjects(nats), map[string]*kit.Series{}, leftOut{}
	for range b.rounds {
		for _, secure := range []bool{false, true} {
			for i, w := range b.socketWays(secure) {
				for _, s := range list {
					if i > 0 && !s.all || left[s.key] {
						continue
					}
					if err := b.measureWay(rows, s, w); err != nil && !left.leave(b, s.key, s.name, err) {
						return fmt.Errorf("%s: %w", w.row(s), err)
					}
				}
			}
		}
	}
	list = slices.DeleteFunc(list, func(s subject) bool { return left[s.key] })
	b.printWays(list, rows)
	return b.reportSustained()
}

func (b *bench) measureWay(rows map[string]*kit.Series, s subject, w way) error {
	stampsOf, lost, err := s.run(b, w)
	if err != nil {
		return err
	}
	if len(stampsOf) == 0 {
		return fmt.Errorf("no message arrived")
	}
	if err := stageSeries(rows, w.row(s), stampsOf); err != nil {
		return err
	}
	rows[w.row(s)+" "+stageNames[wholeWay]].Lost += lost
	return nil
}

func (b *bench) printWays(list []subject, rows map[string]*kit.Series) {
	b.Printf("\n== socket to reader, ns; a venue on CPU %d stamps each frame as it sends it; %d rounds of all in turn\n", b.helper, b.rounds)
	b.Printf("   tickring: hot thread busy on CPU %d, C reader spinning on CPU %d\n", b.cpus.Publisher, b.cpus.Reader)
	b.Printf("   C copy: recv, decrypt (OpenSSL) and memcpy into the same ring, for the same reader; Go design: gorilla, encoding/json, maps\n")
	b.Printf("   behind locks, callbacks; Go over NATS: gorilla, sonic, NATS, a Go subscriber; Python: uvloop, the library, msgspec\n")
	b.Printf("   the others run where the system puts them, and their reader is their own: a callback, or a subscriber of NATS\n")
	if b.helper == b.cpus.Reader {
		b.Printf("   fewer than 3 CPUs: the venue shares the reader's, whose reader yields it when there is nothing\n")
	}
	b.Printf("%s\n", kit.TableHead("row"))
	for _, secure := range []bool{false, true} {
		for _, w := range b.socketWays(secure) {
			for _, s := range list {
				for _, stage := range stageNames {
					if row := rows[w.row(s)+" "+stage]; row != nil {
						b.Printf("%s\n", row.Line())
					}
				}
			}
			b.wayFigures(list, rows, w)
		}
	}
}

func (b *bench) wayFigures(list []subject, rows map[string]*kit.Series, w way) {
	us := rows[w.row(list[0])+" "+stageNames[wholeWay]]
	pace := fmt.Sprintf("socket_%s_%dk_", w.transport(), w.rate/1000)
	for _, s := range list {
		row := rows[w.row(s)+" "+stageNames[wholeWay]]
		if row == nil {
			continue
		}
		b.Figure(pace+s.key+"_p50", row.P50(), "ns")
		switch s.key {
		case "tickring":
		case "copy":
			b.Ratio(pace+"tickring_over_copy_p50", kit.RatioOf(us, row), kit.AtMost(1.3))
		default:
			b.Ratio(pace+s.key+"_over_tickring_p50", kit.RatioOf(row, us), kit.AtLeast(1))
		}
	}
}
