package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// runSegment is "segment": it makes a segment for a writer that cannot make one, says
// so, and closes it when its standard input says a line or ends.
func runSegment(args []string) error {
	f := flag.NewFlagSet("segment", flag.ContinueOnError)
	dir := f.String("dir", "", "directory of the segment")
	feed := f.String("feed", "", "its name")
	if err := f.Parse(args); err != nil {
		return err
	}
	seg, err := shm.Create(shm.Options{Dir: *dir}, ring.Config{
		Feed: *feed, Venue: "bench", Source: ring.SourceSimulated, Slots: ring.DefaultSlots, MaxInstruments: 1,
	})
	if err != nil {
		return err
	}
	// It lays the ring out; the slots are the other writer's from then on.
	if _, err := ring.NewWriter(seg.Bytes(), func() int64 { return 0 }); err != nil {
		return err
	}
	if err := seg.Publish(); err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // its end says the same
	return seg.Close(true)
}
