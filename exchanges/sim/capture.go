package sim

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/gobwas/ws"
	"github.com/klauspost/compress/zstd"
)

// maxRowBytes bounds a row of a capture; the longest known has 5 MB.
const maxRowBytes = 64 << 20

// route says whose frame it is: one with a pair goes to those that asked for the
// channel, the pair and, where the frame names one, the level; any other frame to
// all that asked for anything.
type route struct {
	channel, pair, level string
	delta                bool // its frames change a book the client keeps
}

// capturedFrame is a data frame of a capture.
type capturedFrame struct {
	timeNS int64 // receive time; 0 where the source kept none
	route  int32 // index into capture.routes
	op     ws.OpCode
	data   []byte
}

// restRow is a captured REST answer.
type restRow struct {
	path  string
	query url.Values
	body  []byte
}

// capture is a recording in memory: the data frames in order, with their routes
// numbered, and the REST answers.
type capture struct {
	frames []capturedFrame
	routes []route
	rest   []restRow
	asked  [][]byte // what the recording's own client sent
}

// router reads the route of a text or binary frame; false is a frame the server
// does not resend, because it answers requests itself.
type router func(op ws.OpCode, frame []byte) (route, bool)

// loadCapture reads a recording. The error names the row.
func loadCapture(name string, routeOf router) (*capture, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".zst") {
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("open capture %q: %w", name, err)
		}
		defer z.Close()
		r = z
	}
	c := &capture{}
	if err := c.readRows(r, routeOf); err != nil {
		return nil, fmt.Errorf("read capture %q: %w", name, err)
	}
	if len(c.frames) == 0 {
		return nil, fmt.Errorf("read capture %q: no data frame in it", name)
	}
	return c, nil
}

func (c *capture) readRows(r io.Reader, routeOf router) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 1<<20), maxRowBytes)
	numbers := map[route]int32{}
	row := 0
	for scanner.Scan() {
		row++
		if len(scanner.Bytes()) == 0 {
			continue
		}
		if err := c.addRow(scanner.Bytes(), routeOf, numbers); err != nil {
			return fmt.Errorf("row %d: %w", row, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("row %d: %w", row+1, err)
	}
	return nil
}

// captureRow is one line of the file.
type captureRow struct {
	timeNS       int64 // 0 where the source kept none
	dir, op, url string
	data         string
	b64          string
	hasData      bool // of the member the op wants
}

var errRow = errors.New("not a JSON object")

func readRow(line []byte) (r captureRow, err error) {
	ok := members(line, func(name, value []byte) {
		switch string(name) {
		case "t":
			if string(value) != "null" {
				r.timeNS, err = strconv.ParseInt(string(value), 10, 64)
			}
		case "dir":
			r.dir, _ = text(value)
		case "op":
			r.op, _ = text(value)
		case "url":
			r.url, _ = text(value)
		case "data":
			r.data, r.hasData = text(value)
		case "b64":
			r.b64, r.hasData = text(value)
		}
	})
	if !ok {
		return r, errRow
	}
	return r, err
}

func (c *capture) addRow(line []byte, routeOf router, numbers map[route]int32) error {
	row, err := readRow(line)
	if err != nil {
		return err
	}
	if (row.op == "text" || row.op == "rest" || row.op == "bin") && !row.hasData {
		return errors.New("no data member")
	}
	switch {
	case row.op == "rest":
		u, err := url.Parse(row.url)
		if err != nil {
			return err
		}
		c.rest = append(c.rest, restRow{u.Path, u.Query(), []byte(row.data)})
	case row.op == "text" && row.dir == "out":
		c.asked = append(c.asked, []byte(row.data))
	case row.op == "text" && row.dir == "in":
		c.addFrame(row.timeNS, ws.OpText, []byte(row.data), routeOf, numbers)
	case row.op == "bin" && row.dir == "in":
		data, err := base64.StdEncoding.DecodeString(row.b64)
		if err != nil {
			return err
		}
		c.addFrame(row.timeNS, ws.OpBinary, data, routeOf, numbers)
	}
	return nil
}

func (c *capture) addFrame(timeNS int64, op ws.OpCode, data []byte, routeOf router, numbers map[route]int32) {
	r, ok := routeOf(op, data)
	if !ok {
		return
	}
	n, known := numbers[r]
	if !known {
		n = int32(len(c.routes))
		numbers[r] = n
		c.routes = append(c.routes, r)
	}
	c.frames = append(c.frames, capturedFrame{timeNS, n, op, data})
}
