package ring

import "testing"

// checkBegin and checkDone are where make bench-check begins and ends to count: callgrind
// knows them by name. They call nothing, so that no growing stack enters them twice.
//
//go:noinline
//go:nosplit
func checkBegin() {}

//go:noinline
//go:nosplit
func checkDone() {}

// checked runs an input, once warm, b.N times.
func checked(b *testing.B, input func(n int)) {
	input(64)
	b.ResetTimer()
	checkBegin()
	input(b.N)
	checkDone()
}

// BenchmarkChecked are inputs of make bench-check.
func BenchmarkChecked(b *testing.B) {
	for _, c := range []struct {
		name  string
		input func(w *Writer, r *Reader, n int)
	}{
		{"publish_ring", checkPublishRing}, {"publish_board", checkPublishBoard}, {"write_book", checkWriteBook},
		{"next", checkNext}, {"next_empty", checkNextEmpty}, {"read_board", checkReadBoard}, {"read_book", checkReadBook},
	} {
		b.Run(c.name, func(b *testing.B) {
			w, r := benchmarkSegment(b, 20)
			publishTickers(w, 4096)
			w.WriteBook(0, NewBook(20))
			publishOne(w, Record{Kind: KindTicker})
			checked(b, func(n int) { c.input(w, r, n) })
		})
	}
}

func checkPublishRing(w *Writer, _ *Reader, n int) {
	r := derivedRecord(1)
	r.Kind = KindDepth
	for range n {
		w.BeginFrame(1)
		w.Publish(&r)
		w.EndFrame()
	}
}

func checkPublishBoard(w *Writer, _ *Reader, n int) {
	r := derivedRecord(1)
	for i := range n {
		r.Instrument = uint16(i) % 64
		w.BeginFrame(1)
		w.Publish(&r)
		w.EndFrame()
	}
}

func checkWriteBook(w *Writer, _ *Reader, n int) {
	book := NewBook(20)
	for range n {
		w.WriteBook(3, book)
	}
}

func checkNext(_ *Writer, r *Reader, n int) {
	var out Record
	r.Seek(2)
	for range n {
		if r.Next(&out) != AnswerRecord {
			r.Seek(2)
		}
	}
}

func checkNextEmpty(_ *Writer, r *Reader, n int) {
	var out Record
	r.SeekLatest()
	for range n {
		r.Next(&out)
	}
}

func checkReadBoard(_ *Writer, r *Reader, n int) {
	var out Record
	for range n {
		if r.View().ReadBoard(0, BoardTicker, &out) != AnswerRecord {
			panic("no record")
		}
	}
}

func checkReadBook(_ *Writer, r *Reader, n int) {
	book := NewBook(20)
	for range n {
		if r.View().ReadBook(0, book) != AnswerRecord {
			panic("no book")
		}
	}
}
