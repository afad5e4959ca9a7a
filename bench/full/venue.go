package main

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// The time of sending is a book ticker's update id: Unix ns less this base, which keeps
// it at 18 digits from 2005 to 2033.
const sentBase = 1_000_000_000_000_000_000

// settle is how long a client has after its subscription to make itself ready.
const settle = 300 * time.Millisecond

// venue is Gate.io's server side, as far as book tickers of one pair need it. Package
// sim has a whole one; this one stamps each frame with the time of its sending.
type venue struct {
	rate  int // frames a second; 0 as fast as the client takes them
	count int // frames to each client
	batch int // frames in one write, and so in one TLS record
}

// runVenue is "venue": it serves until its standard input ends.
func runVenue(args []string) error {
	var v venue
	f := flag.NewFlagSet("venue", flag.ContinueOnError)
	secure := f.Bool("tls", false, "serve TLS")
	ca := f.String("ca", "", "file to write the certificate into")
	f.IntVar(&v.rate, "rate", 0, "frames a second; 0 as fast as the client takes them")
	f.IntVar(&v.count, "count", 0, "frames to each client")
	f.IntVar(&v.batch, "batch", 1, "frames in one write")
	if err := f.Parse(args); err != nil {
		return err
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(v.serve))
	defer s.Close()
	if *secure {
		s.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
		s.StartTLS()
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
		if err := os.WriteFile(*ca, block, 0o600); err != nil {
			return err
		}
	} else {
		s.Start()
	}
	fmt.Println(s.Listener.Addr().(*net.TCPAddr).Port)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// serve is a client's whole time; an error is the client's end.
func (v venue) serve(w http.ResponseWriter, r *http.Request) {
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	defer conn.Close()
	if v.answer(conn) != nil {
		return
	}
	time.Sleep(settle)
	if err := v.send(conn); err == nil {
		_, _ = io.Copy(io.Discard, conn) // until the client goes
	}
}

type request struct {
	ID      *int64   `json:"id"`
	Channel string   `json:"channel"`
	Event   string   `json:"event"`
	Payload []string `json:"payload"`
}

// answer acknowledges requests until there is a subscription.
func (v venue) answer(conn net.Conn) error {
	for {
		text, err := wsutil.ReadClientText(conn)
		if err != nil {
			return err
		}
		var r request
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		if r.Channel == "spot.ping" {
			if err := wsutil.WriteServerText(conn, []byte(`{"time":1,"channel":"spot.pong","event":"","result":null}`)); err != nil {
				return err
			}
			continue
		}
		if err := wsutil.WriteServerText(conn, ack(r, time.Now())); err != nil {
			return err
		}
		if r.Event == "subscribe" {
			return nil
		}
	}
}

func ack(r request, now time.Time) []byte {
	id := ""
	if r.ID != nil {
		id = fmt.Sprintf(`"id":%d,`, *r.ID)
	}
	return fmt.Appendf(nil, `{"time":%d,"time_ms":%d,%s"conn_id":"1","trace_id":"1","channel":%q,"event":%q,"payload":["%s"],"result":{"status":"success"},"requestId":"1"}`,
		now.Unix(), now.UnixMilli(), id, r.Channel, r.Event, strings.Join(r.Payload, `","`))
}

// chunk is batch frames, and where in them the time stands.
type chunk struct {
	bytes []byte
	at    []int
}

func newChunk(batch int, now time.Time) chunk {
	head := fmt.Sprintf(`{"time":%d,"time_ms":%d,"channel":"spot.book_ticker","event":"update","result":{"t":%d,"u":`,
		now.Unix(), now.UnixMilli(), now.UnixMilli())
	tail := `,"s":"BTC_USDT","b":"83790.9","B":"0.497321","a":"83791","A":"0.055894"}}`
	digits := strconv.FormatInt(now.UnixNano()-sentBase, 10)
	var c chunk
	for range batch {
		c.bytes = append(c.bytes, 0x81, 126) // a final text frame with a length of two bytes
		c.bytes = binary.BigEndian.AppendUint16(c.bytes, uint16(len(head)+len(digits)+len(tail)))
		c.bytes = append(c.bytes, head...)
		c.at = append(c.at, len(c.bytes))
		c.bytes = append(append(c.bytes, digits...), tail...)
	}
	return c
}

// stamp writes a time into all frames, one more in each: ids must grow.
func (c chunk) stamp(sent int64) {
	for i, at := range c.at {
		n := sent + int64(i)
		for k := 17; k >= 0; k-- {
			c.bytes[at+k] = byte('0' + n%10)
			n /= 10
		}
	}
}

// send sends all frames, at the rate or as fast as they are taken.
func (v venue) send(conn net.Conn) error {
	if v.count%v.batch != 0 {
		return errors.New("venue: the count is no multiple of the batch")
	}
	c, last := newChunk(v.batch, time.Now()), int64(0)
	due := time.Now()
	for range v.count / v.batch {
		if v.rate > 0 {
			due = due.Add(time.Second * time.Duration(v.batch) / time.Duration(v.rate))
			time.Sleep(time.Until(due))
		}
		sent := max(time.Now().UnixNano()-sentBase, last+1)
		last = sent + int64(v.batch)
		c.stamp(sent)
		if _, err := conn.Write(c.bytes); err != nil {
			return err
		}
	}
	return nil
}
