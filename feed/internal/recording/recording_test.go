package recording

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// items reads all items of a stream of bytes.
func items(t testing.TB, b []byte) (out []Item) {
	t.Helper()
	for len(b) > 0 {
		it, size, err := Next(b)
		require.NoError(t, err)
		require.Positive(t, size)
		out = append(out, it)
		b = b[size:]
	}
	return out
}

// Intent: what one thread puts another one takes, in order and whole, over many laps; a
// full ring refuses, and goes on refusing until it is resumed.
func TestRingCarriesItemsInOrder(t *testing.T) {
	const count = 5_000
	r := NewRing(4096)
	done := make(chan struct{})
	go func() {
		defer close(done)
		random := rand.New(rand.NewPCG(1, 2))
		payload := bytes.Repeat([]byte("0123456789abcdef"), 40)
		for n := 0; n < count; {
			r.Put(KindMessage, uint8(n), uint16(n), int64(n), payload[:random.IntN(len(payload))])
			if r.Lost() > 0 {
				runtime.Gosched()
				r.Resume() // the test wants every number: this one is put again
				continue
			}
			n++
		}
	}()
	want, rest := 0, []byte(nil)
	for end := time.Now().Add(20 * time.Second); want < count; {
		require.True(t, time.Now().Before(end), "%d of %d items came", want, count)
		if rest = r.Take(rest[:0]); len(rest) == 0 {
			runtime.Gosched()
		}
		for _, it := range items(t, rest) {
			require.EqualValues(t, want, it.Value)
			require.Equal(t, uint8(want), it.A)
			require.Equal(t, uint16(want), it.B)
			require.Equal(t, "0123456789abcdef"[:min(len(it.Payload), 16)], string(it.Payload[:min(len(it.Payload), 16)]))
			want++
		}
	}
	<-done
}

func TestFullRingRefusesUntilResumed(t *testing.T) {
	r := NewRing(1024)
	for n := range int64(100) {
		r.Put(KindClock, 0, 0, n, nil)
	}
	assert.EqualValues(t, 36, r.Lost(), "64 items of 16 bytes fit")
	got := items(t, r.Take(nil))
	require.Len(t, got, 64)
	assert.EqualValues(t, 63, got[63].Value)
	r.Put(KindClock, 0, 0, 100, nil)
	assert.EqualValues(t, 37, r.Lost(), "there is room, but what follows a hole is of no use")
	assert.Empty(t, r.Take(nil))
	r.Resume()
	r.Put(KindClock, 0, 0, 101, nil)
	assert.EqualValues(t, 101, items(t, r.Take(nil))[0].Value)
}

func TestPuttingAllocatesNothing(t *testing.T) {
	r, payload, buf := NewRing(1<<20), make([]byte, 300), make([]byte, 0, 1<<20)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		r.Put(KindMessage, 1, 2, 3, payload)
		buf = r.Take(buf[:0])
	}))
}

// BenchmarkPut is what a recording costs the hot thread for a message of 300 bytes.
func BenchmarkPut(b *testing.B) {
	r, payload, buf := NewRing(1<<20), make([]byte, 300), make([]byte, 0, 1<<20)
	for n := 0; b.Loop(); n++ {
		if n%1024 == 0 {
			buf = r.Take(buf[:0])
		}
		r.Put(KindMessage, 1, 0, 0, payload)
	}
}

// write writes blocks of so many items each.
func write(t testing.TB, path string, blocks int) {
	t.Helper()
	w, err := Create(Options{Path: path})
	require.NoError(t, err)
	for i := range blocks {
		require.NoError(t, w.WriteBlock(block(i)))
	}
	require.NoError(t, w.Close())
}

func block(i int) (Block, []byte) {
	var raw []byte
	for n := range 10 {
		raw = Append(raw, Item{Kind: KindClock, Value: int64(1000*i + n + 1), Payload: bytes.Repeat([]byte{byte(i)}, n)})
	}
	b := Block{Items: 10, FirstNS: int64(1000*i + 1), LastNS: int64(1000*i + 10), Sequence: uint64(i), Records: uint64(i), Flags: FlagMark | FlagHash}
	b.Hash[0] = byte(i)
	return b, raw
}

// check demands the first blocks of write.
func check(t *testing.T, f *File, blocks int) {
	t.Helper()
	require.Len(t, f.Blocks, blocks)
	for i := range blocks {
		want, raw := block(i)
		got, b, err := f.ReadBlock(i)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Equal(t, raw, b)
		assert.Equal(t, want.FirstNS, f.Blocks[i].FirstNS)
		assert.Equal(t, want.LastNS, f.Blocks[i].LastNS)
		assert.Equal(t, want.Flags, f.Blocks[i].Flags)
	}
}

// Intent: wherever a file ends it opens, with every block that is whole; a byte that
// was changed costs that block and what follows, and is never read as something else.
func TestFilesOpenWhereverTheyEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	write(t, path, 5)
	f, err := Open(path)
	require.NoError(t, err)
	assert.False(t, f.Rebuilt)
	check(t, f, 5)
	ends := []int64{fileHeader}
	for i := range f.Blocks {
		_, packed, _, err := f.head(f.Blocks[i].Offset, 0)
		require.NoError(t, err)
		ends = append(ends, f.Blocks[i].Offset+blockHeader+packed)
	}
	require.NoError(t, f.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for size := range len(whole) {
		if size%5 != 0 && !slices.ContainsFunc(ends, func(end int64) bool { return size-int(end) <= 1 && int(end)-size <= 1 }) {
			continue // every byte near the end of a block, every fifth elsewhere
		}
		f, err := NewFile(bytes.NewReader(whole[:size]), int64(size))
		if size < fileHeader {
			require.ErrorIs(t, err, ErrFormat, "%d bytes", size)
			continue
		}
		require.NoError(t, err)
		n := 0
		for n+1 < len(ends) && int64(size) >= ends[n+1] {
			n++
		}
		assert.True(t, f.Rebuilt)
		assert.Equal(t, int64(size)-ends[n], f.Torn)
		check(t, f, n)
		require.NoError(t, f.Close())
	}
	for at := fileHeader; at < int(ends[5]); at += 23 {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x40
		f, err := NewFile(bytes.NewReader(bad), int64(len(bad)))
		require.NoError(t, err)
		for i := range f.Blocks {
			want, raw := block(i)
			got, b, err := f.ReadBlock(i)
			if err != nil {
				assert.ErrorIs(t, err, ErrItem)
				continue
			}
			assert.Equal(t, want, got)
			assert.Equal(t, raw, b)
		}
		require.NoError(t, f.Close())
	}
}

func TestNothingIsReplacedWithoutForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x [1]*")
	write(t, path, 1)
	_, err := Create(Options{Path: path})
	require.ErrorIs(t, err, ErrExists)
	o := Options{Path: path, RotateBytes: 1}
	require.NoError(t, o.Vacant(), "parts have names of their own")
	w, err := Create(o)
	require.NoError(t, err)
	require.NoError(t, w.WriteBlock(block(0)))
	require.True(t, w.Due())
	require.NoError(t, w.Rotate())
	require.NoError(t, w.Close())
	assert.Equal(t, []string{path + ".0001", path + ".0002"}, w.Parts())
	require.ErrorIs(t, o.Vacant(), ErrExists)
	o.Force = true
	w, err = Create(o)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = os.Stat(path + ".0002")
	assert.ErrorIs(t, err, os.ErrNotExist, "the old recording's parts are gone")
}

// Intent: the hash leaves out what is of one place and time, and nothing else.
func TestHashIsOfTheRecordAlone(t *testing.T) {
	of := func(change func(r *ring.Record)) string {
		r := ring.Record{Commit: 8, Kind: ring.KindTrade, Flags: ring.FlagFirst, PublishTimeNS: 5, RecvTimeNS: 6, EventTimeNS: 7}
		change(&r)
		h := NewHash()
		h.Add(&r)
		return h.Text()
	}
	plain := of(func(*ring.Record) {})
	for name, change := range map[string]func(r *ring.Record){
		"commit": func(r *ring.Record) { r.Commit = 10 }, "publish time": func(r *ring.Record) { r.PublishTimeNS++ },
	} {
		assert.Equal(t, plain, of(change), name)
	}
	for name, change := range map[string]func(r *ring.Record){
		"kind": func(r *ring.Record) { r.Kind++ }, "price exponent": func(r *ring.Record) { r.PriceExponent-- },
		"quantity exponent": func(r *ring.Record) { r.QuantityExponent-- }, "flags": func(r *ring.Record) { r.Flags |= ring.FlagLast },
		"instrument": func(r *ring.Record) { r.Instrument++ }, "receive time": func(r *ring.Record) { r.RecvTimeNS++ },
		"venue sequence": func(r *ring.Record) { r.VenueSequence++ }, "body": func(r *ring.Record) { r.Body[9]++ },
		"event time": func(r *ring.Record) { r.EventTimeNS++ },
	} {
		assert.NotEqual(t, plain, of(change), name)
	}
}

// FuzzOpen: no file crashes the reader, makes it take memory without end, or is read
// as other items than its checksums are of.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x")
	write(f, path, 3)
	whole, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)-trailerSize])
	f.Add(whole[:fileHeader+blockHeader+40])
	f.Add(whole[:fileHeader])
	f.Add([]byte(fileMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := NewFile(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			require.ErrorIs(t, err, ErrFormat)
			return
		}
		defer file.Close()
		for i := range file.Blocks {
			_, raw, err := file.ReadBlock(i)
			if err != nil {
				continue
			}
			for len(raw) > 0 {
				it, size, err := Next(raw)
				if err != nil || size == 0 {
					break
				}
				require.LessOrEqual(t, len(it.Payload)+itemHeader, size)
				raw = raw[size:]
			}
		}
	})
}

// FuzzNext: no bytes crash the reader of items; what is read can be written again.
func FuzzNext(f *testing.F) {
	_, raw := block(1)
	f.Add(raw)
	f.Add(raw[:20])
	f.Add([]byte{255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			it, size, err := Next(b)
			if err != nil || size == 0 {
				return
			}
			again, n, err := Next(Append(nil, it))
			require.NoError(t, err)
			require.Equal(t, size, n)
			require.Equal(t, it, again)
			b = b[size:]
		}
	})
}
