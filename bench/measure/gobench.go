package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// goBench is what a Go benchmark printed over its rounds.
type goBench struct {
	name        string
	ns          []float64
	allocations float64 // the most of any round
}

// parseGoBench reads the lines of a test binary's benchmarks, in the order of their
// first appearance; prefix is cut from the names, and the trailing CPU count.
func parseGoBench(text, prefix string) ([]goBench, error) {
	var list []goBench
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], prefix) {
			continue
		}
		name := strings.TrimPrefix(fields[0], prefix)
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		i := slices.IndexFunc(list, func(b goBench) bool { return b.name == name })
		if i < 0 {
			i = len(list)
			list = append(list, goBench{name: name})
		}
		for k := 2; k+1 < len(fields); k += 2 {
			v, err := strconv.ParseFloat(fields[k], 64)
			if err != nil {
				return nil, fmt.Errorf("benchmark line %q: %w", line, err)
			}
			switch fields[k+1] {
			case "ns/op":
				list[i].ns = append(list[i].ns, v)
			case "allocs/op":
				list[i].allocations = max(list[i].allocations, v)
			}
		}
	}
	return list, nil
}
