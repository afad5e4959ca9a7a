package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/bytedance/sonic"
	"github.com/gorilla/websocket"
	"github.com/nats-io/nats.go"

	"github.com/tickring/tickring/bench/internal/kit"
)

const natsSubject = "quotes"

// clientJob is "client": a program as people write them, from the venue to a handler.
type clientJob struct {
	url, ca, nats string
	count, warm   int
}

// runClient runs one of them: design decodes with encoding/json and calls back under
// locked maps; forward decodes with sonic and publishes to NATS; read subscribes there.
func runClient(args []string) error {
	var j clientJob
	f := flag.NewFlagSet("client", flag.ContinueOnError)
	kind := f.String("kind", "", "design, forward or read")
	f.StringVar(&j.url, "url", "", "the venue")
	f.StringVar(&j.ca, "ca", "", "certificate to trust; empty without TLS")
	f.StringVar(&j.nats, "nats", "", "port of the NATS server")
	f.IntVar(&j.count, "count", 0, "messages that count")
	f.IntVar(&j.warm, "warm", 0, "messages before them")
	if err := f.Parse(args); err != nil {
		return err
	}
	switch *kind {
	case "design":
		return j.design()
	case "forward":
		return j.forward()
	case "read":
		return j.read()
	}
	return fmt.Errorf("client: no kind %q", *kind)
}

// dial subscribes to the pair.
func (j *clientJob) dial() (*websocket.Conn, error) {
	d := websocket.Dialer{HandshakeTimeout: startLimit}
	if j.ca != "" {
		text, err := os.ReadFile(j.ca)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("no certificate in %s", j.ca)
		}
		d.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	conn, _, err := d.Dial(j.url, nil)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", j.url, err)
	}
	return conn, conn.WriteMessage(websocket.TextMessage,
		[]byte(`{"time":1,"id":1,"channel":"spot.book_ticker","event":"subscribe","payload":["BTC_USDT"]}`))
}

// quotes calls back for each book ticker, until there were enough.
func (j *clientJob) quotes(unmarshal func([]byte, any) error, each func(*bookTickerMessage) error) error {
	conn, err := j.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	for n := 0; n < j.count+j.warm; {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		m := new(bookTickerMessage)
		var kind struct {
			Event string `json:"event"`
		}
		if err := unmarshal(text, m); err != nil {
			// The answer to the subscription is of another shape.
			if e := unmarshal(text, &kind); e != nil || kind.Event == "update" {
				return errors.Join(err, e)
			}
			continue
		}
		if m.Event != "update" {
			continue
		}
		n++
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

// market is state as such programs keep it: maps behind locks, and handlers by pair.
type market struct {
	mu       sync.RWMutex
	quotes   map[string]*bookTickerMessage
	handlers map[string][]func(*bookTickerMessage)
}

func (m *market) update(q *bookTickerMessage) {
	m.mu.Lock()
	m.quotes[q.Result.Symbol] = q
	m.mu.Unlock()
	m.mu.RLock()
	list := m.handlers[q.Result.Symbol]
	m.mu.RUnlock()
	for _, h := range list {
		h(q)
	}
}

func (j *clientJob) design() error {
	list := make([]stamps, 0, j.count+j.warm)
	m := &market{quotes: map[string]*bookTickerMessage{}, handlers: map[string][]func(*bookTickerMessage){
		"BTC_USDT": {func(q *bookTickerMessage) {
			list = append(list, stamps{Sent: int64(q.Result.UpdateID) + sentBase, Seen: time.Now().UnixNano()})
		}},
	}}
	if err := j.quotes(json.Unmarshal, func(q *bookTickerMessage) error { m.update(q); return nil }); err != nil {
		return err
	}
	return writeStamps(os.Stdout, list[j.warm:])
}

func (j *clientJob) connect() (*nats.Conn, error) {
	nc, err := nats.Connect("nats://127.0.0.1:"+j.nats, nats.Timeout(startLimit))
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}

func (j *clientJob) forward() error {
	nc, err := j.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	err = j.quotes(sonic.Unmarshal, func(q *bookTickerMessage) error {
		record := make([]byte, 128) // as long as ours
		binary.LittleEndian.PutUint64(record, q.Result.UpdateID)
		copy(record[8:], q.Result.Symbol)
		return nc.Publish(natsSubject, record)
	})
	return errors.Join(err, nc.Flush())
}

// read is the other side of forward; it says "ready" when it is subscribed.
func (j *clientJob) read() error {
	nc, err := j.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	list, done := make([]stamps, 0, j.count+j.warm), make(chan struct{})
	_, err = nc.Subscribe(natsSubject, func(m *nats.Msg) {
		now := time.Now().UnixNano()
		if len(list) == cap(list) {
			return
		}
		list = append(list, stamps{Sent: int64(binary.LittleEndian.Uint64(m.Data)) + sentBase, Seen: now})
		if len(list) == cap(list) {
			close(done)
		}
	})
	if err := errors.Join(err, nc.Flush()); err != nil {
		return err
	}
	fmt.Println("ready")
	<-done
	return writeStamps(os.Stdout, list[j.warm:])
}

// clientArgs are a client's for a line.
func clientArgs(kind, nats string, l *line) []string {
	args := []string{"client", "-kind", kind, "-url", l.url(), "-nats", nats, "-count", strconv.Itoa(l.count), "-warm", strconv.Itoa(l.warm)}
	if l.tls {
		args = append(args, "-ca", l.ca)
	}
	return args
}

// clientRun is the way through a Go client whose handler is the reader.
func clientRun(kind, nats string) func(*bench, way) ([]stamps, uint64, error) {
	return func(b *bench, w way) ([]stamps, uint64, error) {
		return b.withLine(w, func(l *line) ([]stamps, uint64, error) {
			c, err := kit.Start("Go client", b.self, clientArgs(kind, nats, l)...)
			if err != nil {
				return nil, 0, err
			}
			return takeStamps(c)
		})
	}
}

// withLine runs f with a venue.
func (b *bench) withLine(w way, f func(*line) ([]stamps, uint64, error)) ([]stamps, uint64, error) {
	l, err := b.openLine(w)
	if err != nil {
		return nil, 0, err
	}
	defer l.Kill()
	return f(l)
}

// forwardRun is the way through a Go client and NATS to a Go reader.
func forwardRun(nats string) func(*bench, way) ([]stamps, uint64, error) {
	return func(b *bench, w way) ([]stamps, uint64, error) {
		return b.withLine(w, func(l *line) ([]stamps, uint64, error) {
			r, err := kit.Start("NATS reader", b.self, clientArgs("read", nats, l)...)
			if err != nil {
				return nil, 0, err
			}
			if err := r.Ready(); err != nil {
				return nil, 0, err
			}
			c, err := kit.Start("Go client", b.self, clientArgs("forward", nats, l)...)
			if err != nil {
				return nil, 0, r.Explain(err)
			}
			list, lost, err := takeStamps(r)
			if err != nil {
				return nil, 0, c.Explain(err)
			}
			return list, lost, c.Wait()
		})
	}
}

// pythonRun is the way through a Python client whose callback is the reader.
func pythonRun(library string) func(*bench, way) ([]stamps, uint64, error) {
	return func(b *bench, w way) ([]stamps, uint64, error) {
		return b.withLine(w, func(l *line) ([]stamps, uint64, error) {
			ca := "-"
			if l.tls {
				ca = l.ca
			}
			c, err := kit.Start("Python client", b.tool("python-client"), library, l.url(), ca, strconv.Itoa(w.count), strconv.Itoa(w.warm))
			if err != nil {
				return nil, 0, err
			}
			return takeStamps(c)
		})
	}
}
