package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tickring/tickring/bench/internal/kit"
)

// stamps are a message's way, Unix ns: sent by the venue, read from the socket,
// published, and had by the reader. Programs without the two in the middle leave 0.
type stamps struct{ Sent, Received, Published, Seen int64 }

// maxStamps bounds what a reader may say that it prints.
const maxStamps = 1 << 22

// readStamps reads "samples N lost L" and N quadruples.
func readStamps(from *bufio.Reader) (list []stamps, lost uint64, err error) {
	line, err := from.ReadString('\n')
	if err != nil {
		return nil, 0, fmt.Errorf("read the reader's count: %w", err)
	}
	var n int
	if _, err := fmt.Sscanf(line, "samples %d lost %d", &n, &lost); err != nil || n < 0 || n > maxStamps {
		return nil, 0, fmt.Errorf("the reader said %q", line)
	}
	list = make([]stamps, n)
	if err := binary.Read(from, binary.LittleEndian, list); err != nil && n > 0 {
		return nil, 0, fmt.Errorf("read %d samples: %w", n, err)
	}
	return list, lost, nil
}

// writeStamps is the other side of readStamps.
func writeStamps(to io.Writer, list []stamps) error {
	out := bufio.NewWriter(to)
	fmt.Fprintf(out, "samples %d lost 0\n", len(list))
	if err := binary.Write(out, binary.LittleEndian, list); err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	return out.Flush()
}

// The parts of a way.
var stageNames = []string{"sent->received", "received->published", "published->reader", "sent->reader"}

// wholeWay is the stage that all programs have.
const wholeWay = 3

func (s stamps) stages() [4]int64 {
	return [4]int64{s.Received - s.Sent, s.Published - s.Received, s.Seen - s.Published, s.Seen - s.Sent}
}

// stageSeries has a row for each stage that a program tells of.
func stageSeries(rows map[string]*kit.Series, name string, list []stamps) error {
	var values [4][]float64
	for _, s := range list {
		for i, v := range s.stages() {
			values[i] = append(values[i], float64(v))
		}
	}
	for i, stage := range stageNames {
		if i != wholeWay && list[0].Published == 0 {
			continue
		}
		key := name + " " + stage
		if rows[key] == nil {
			rows[key] = kit.NewSeries(key)
		}
		if err := rows[key].Add(values[i]); err != nil {
			return err
		}
	}
	return nil
}
