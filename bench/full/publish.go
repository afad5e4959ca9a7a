package main

import (
	"fmt"
	"slices"
)

// reportPublish measures what a record costs our writer with so many readers.
func (b *bench) reportPublish() error {
	count, warm := 200_000, 50_000
	if b.small {
		count, warm = 2_000, 500
	}
	rows := map[int][]float64{}
	lost := map[int]uint64{}
	readers := []int{0, 1, 4, 16}
	for range b.rounds {
		for _, n := range readers {
			_, missed, ns, err := transfer{"c", b.readerCPUs(n), "board", count, warm, 0}.run(b)
			if err != nil {
				return err
			}
			rows[n] = append(rows[n], ns)
			lost[n] += missed
		}
	}
	b.Printf("\n== publish, ns per record to ring and board, as fast as it can; C readers spin on the CPUs that are not the writer's\n")
	for _, n := range readers {
		b.Printf("  %2d readers  median %7.1f  best %7.1f  worst %7.1f  lost by all %d\n", n, middle(rows[n]), slices.Min(rows[n]), slices.Max(rows[n]), lost[n])
		b.Figure(fmt.Sprintf("publish_board_%d_readers", n), middle(rows[n]), "ns")
	}
	return nil
}
