package jsonl

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// BenchmarkAppendRecord prints ns per line by kind: tail needs a million lines a
// second.
func BenchmarkAppendRecord(b *testing.B) {
	view, err := ring.OpenView(scriptedSegment(b))
	require.NoError(b, err)
	e, byKind := NewEncoder(view), map[string]ring.Record{}
	for _, r := range liveRecords() {
		if _, taken := byKind[KindName(r.Kind)]; !taken || r.Kind == ring.KindDepth && r.Depth().Asks == 2 {
			byKind[KindName(r.Kind)] = r
		}
	}
	for name, r := range byKind {
		r.RecvTimeNS, r.PublishTimeNS, r.Commit = 1788336082402208001, 1788336082402300000, 123456789012
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, 1<<16)
			b.ReportAllocs()
			for b.Loop() {
				dst = e.AppendRecord(dst[:0], &r)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}
