package main

import (
	"slices"

	"github.com/tickring/tickring/bench/internal/kit"
)

// How much one round of the publish cost measures.
const (
	publishRounds = 5
	publishCount  = 1_000_000
	publishWarm   = 100_000
	// A reader at the writer's heels slows it down: fewer records do.
	publishReadCount = 200_000
)

// reportPublish measures what a record costs the writer: a frame of one record, no
// clock read, to the ring alone and to ring and board, alone and with a reader.
func (b *bench) reportPublish() error {
	b.Printf("\n== publish, ns per record; a frame of one record, without its stamp, ring of %d slots\n", b.slots)
	readers := []*side{nil, &sides[1]}
	if b.cReader == "" {
		b.Printf("   skipped: rows with a C reader (no C compiler)\n")
		readers = []*side{nil, &sides[2]}
	}
	rows, missed := map[string][]float64{}, map[string]uint64{}
	for range publishRounds {
		for _, mode := range []string{"ring", "board"} {
			for _, s := range readers {
				name, count := "publish_"+mode+"_0_readers", publishCount
				if s != nil {
					name, count = "publish_"+mode+"_1_reader", publishReadCount
				}
				_, lost, ns, err := b.transfer(s, mode, count, publishWarm, 0)
				if err != nil {
					return err
				}
				missed[name] += lost
				rows[name] = append(rows[name], ns)
			}
		}
	}
	for _, name := range []string{"publish_ring_0_readers", "publish_board_0_readers", "publish_ring_1_reader", "publish_board_1_reader"} {
		ns := rows[name]
		b.Printf("  %-28s median %7.1f  best %7.1f  worst %7.1f", name, kit.Median(ns), slices.Min(ns), slices.Max(ns))
		if missed[name] > 0 {
			b.Printf("  reader lost %d", missed[name])
		}
		b.Printf("\n")
		b.Figure(name, kit.Median(ns), "ns")
	}
	return nil
}
