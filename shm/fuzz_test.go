package shm

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"github.com/tickring/tickring/ring"
)

// FuzzOpen writes a file of any header and any length and opens it. The answer
// is an *Error or a mapping that can be looked at all over; never a crash, and
// never a size that makes the reader take memory for it.
func FuzzOpen(f *testing.F) {
	golden := whole(f, "f")
	head := golden[:ring.HeaderSize]
	var h ring.Header
	f.Add(head, uint32(len(golden)), true)
	f.Add(head, uint32(len(golden)-1), true)
	f.Add(head[:100], uint32(100), false)
	for _, at := range []uintptr{unsafe.Offsetof(h.Magic), unsafe.Offsetof(h.TotalSize), unsafe.Offsetof(h.DirectoryCount),
		unsafe.Offsetof(h.BookDepth), unsafe.Offsetof(h.Directory) + 8, unsafe.Offsetof(h.Directory) + 16,
		unsafe.Offsetof(h.InstrumentCount), unsafe.Offsetof(h.State), unsafe.Offsetof(h.Watermark), unsafe.Offsetof(h.LastSequence)} {
		damaged := append([]byte(nil), head...)
		binary.NativeEndian.PutUint64(damaged[at:], 1<<63-1)
		f.Add(damaged, uint32(len(golden)), true)
	}
	boot, err := BootID()
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, head []byte, size uint32, ours bool) {
		if ours && len(head) == ring.HeaderSize { // whatever boot and layout it was found with
			head = append([]byte(nil), head...)
			copy(head[unsafe.Offsetof(h.BootID):], boot[:])
			binary.NativeEndian.PutUint64(head[unsafe.Offsetof(h.FormatHash):], ring.FormatHash)
			binary.NativeEndian.PutUint32(head[unsafe.Offsetof(h.LayoutVersion):], ring.LayoutVersion)
		}
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, head, 0o600); err != nil {
			t.Fatal(err)
		}
		const largest = 1 << 20
		if err := os.Truncate(path, int64(size%largest)); err != nil {
			t.Fatal(err)
		}
		m, err := Open(dir, "f")
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("not an *Error: %v", err)
			}
			return
		}
		if err := m.Guard(func() { look(m.View()) }); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// look touches what a view gives, and reads as a reader does.
func look(v *ring.View) {
	var instrument ring.Instrument
	var state ring.InstrumentState
	var connection ring.Connection
	for id := range v.InstrumentCount() {
		v.Instrument(id, &instrument)
		v.InstrumentState(id, &state)
	}
	for row := range ring.MaxConnections + 1 {
		v.Connection(row, &connection)
	}
	r := ring.NewReader(v)
	r.SeekOldest()
	var record ring.Record
	for range 100 {
		if r.Next(&record) == ring.AnswerEmpty {
			break
		}
	}
	new(Info).fill(v, time.Now())
}
