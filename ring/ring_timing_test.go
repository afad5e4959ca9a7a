package ring

import "testing"

func benchmarkSegment(b *testing.B, depth int) (*Writer, *Reader) {
	buf := segmentBytes(b, Config{Feed: "bench", Slots: 4096, MaxInstruments: 64, BookDepth: depth})
	w, err := NewWriter(buf, func() int64 { return 1 })
	if err != nil {
		b.Fatal(err)
	}
	addInstruments(b, w, 64)
	w.Ready()
	b.Logf("publish: %s", publishName)
	return w, NewReader(w.View())
}

// One record of a frame of its own, to the ring alone.
func BenchmarkPublishRing(b *testing.B) {
	w, _ := benchmarkSegment(b, 20)
	r := derivedRecord(1)
	r.Kind = KindDepth
	for b.Loop() {
		w.BeginFrame(1)
		w.Publish(&r)
		w.EndFrame()
	}
}

// One record of a frame of its own, to the ring and the board.
func BenchmarkPublishRingAndBoard(b *testing.B) {
	w, _ := benchmarkSegment(b, 20)
	r := derivedRecord(1)
	id := uint16(0)
	for b.Loop() {
		id = (id + 1) % 64
		r.Instrument = id
		w.BeginFrame(1)
		w.Publish(&r)
		w.EndFrame()
	}
}

// A board book of 20 levels a side.
func BenchmarkWriteBook(b *testing.B) {
	w, _ := benchmarkSegment(b, 20)
	book := NewBook(20)
	for b.Loop() {
		w.WriteBook(3, book)
	}
}

// Heartbeat and all counters, every 50 ms.
func BenchmarkHeartbeat(b *testing.B) {
	w, _ := benchmarkSegment(b, 20)
	for b.Loop() {
		w.HotBeat(1)
		w.FlushCounters()
	}
}

// A record that is there, from this core's own cache.
func BenchmarkNext(b *testing.B) {
	w, r := benchmarkSegment(b, 20)
	publishTickers(w, 4096)
	var out Record
	r.Seek(1)
	for b.Loop() {
		if r.Next(&out) != AnswerRecord {
			r.Seek(1)
		}
	}
}

// A look at a slot with nothing new.
func BenchmarkNextEmpty(b *testing.B) {
	w, r := benchmarkSegment(b, 20)
	var out Record
	for looks := 0; b.Loop(); looks++ {
		if looks%(1<<20) == 0 {
			w.HotBeat(1)
		}
		r.Next(&out)
	}
}

func BenchmarkReadBoard(b *testing.B) {
	w, r := benchmarkSegment(b, 20)
	publishOne(w, Record{Kind: KindTicker})
	var out Record
	for b.Loop() {
		if r.View().ReadBoard(0, BoardTicker, &out) != AnswerRecord {
			b.Fatal("no record")
		}
	}
}

func BenchmarkReadBook(b *testing.B) {
	w, r := benchmarkSegment(b, 20)
	book := NewBook(20)
	w.WriteBook(0, book)
	for b.Loop() {
		if r.View().ReadBook(0, book) != AnswerRecord {
			b.Fatal("no book")
		}
	}
}

// The wake call with nobody asleep: what the hot thread is spared.
func BenchmarkRing(b *testing.B) {
	w, _ := benchmarkSegment(b, 20)
	for b.Loop() {
		Ring(w.Doorbell())
	}
}
