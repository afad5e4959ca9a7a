package recording

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/tickring/tickring/ring"
)

// Bounds of a block.
const (
	// flushEvery: what a killed recorder loses is younger; half of the second that
	// is promised.
	flushEvery = 400 * time.Millisecond
	// fullBlock is written at the next mark, however young it is.
	fullBlock = 1 << 20
	// unmarked: so much without a mark is written all the same.
	unmarked = 64 << 20
)

// Summary is what a recording holds.
type Summary struct {
	Files  []string `json:"files"`
	Bytes  int64    `json:"bytes"`     // of the files
	Raw    int64    `json:"raw_bytes"` // before compression
	Blocks int      `json:"blocks"`
	Items  uint64   `json:"items"`
	// FramesIn and FramesOut are WebSocket messages.
	FramesIn  uint64 `json:"frames_in"`
	FramesOut uint64 `json:"frames_out"`
	// FirstNS and LastNS are the times of the first and the last input, Unix ns.
	FirstNS int64 `json:"first_ns"`
	LastNS  int64 `json:"last_ns"`
	// Losses is how often the ring in memory was full; LostItems how many items that
	// cost. Nothing of the feed was lost.
	Losses    int    `json:"losses"`
	LostItems uint64 `json:"lost_items"`
	// Records are those published between the first and the last mark, Hash their
	// hash; "" where a loss or a lapped reader left a hole in them.
	Records uint64 `json:"records"`
	Hash    string `json:"hash"`
	// PartHashes are the hashes of the parts, each since its beginning.
	PartHashes []string `json:"part_hashes"`
}

// Recorder makes blocks of the stream of items that it is given, and reads the
// feed's records beside it for their hash. One goroutine.
type Recorder struct {
	w      *Writer
	sum    Summary
	config []byte // the config item, for the beginning of each part
	rest   []byte // bytes of an item that is not whole yet
	items  []byte // of the block that is being filled
	block  Block
	marked int // bytes of items up to the last mark
	nowNS  int64

	reader      *ring.Reader
	part, total *Hash
	record      ring.Record
	holed       bool // of the part: records were missed
	totalHoled  bool
	waits       bool // for the checkpoint that begins the next part
	flushed     time.Time
}

// NewRecorder creates the file. config is the payload of its first item.
func NewRecorder(o Options, config []byte) (*Recorder, error) {
	w, err := Create(o)
	if err != nil {
		return nil, err
	}
	r := &Recorder{w: w, config: Append(nil, Item{Kind: KindConfig, Payload: config}), flushed: time.Now(),
		part: NewHash(), total: NewHash()}
	r.begin()
	return r, nil
}

// Attach gives the feed's records, for the hash.
func (r *Recorder) Attach(v *ring.View) { r.reader = ring.NewReader(v) }

// begin begins a block with the config item: the first one of a part.
func (r *Recorder) begin() {
	r.items, r.block = append(r.items[:0], r.config...), Block{Items: 1}
	r.sum.Items++
}

// WantsCheckpoint says that the next part is due: the source is to send a
// checkpoint. It says so once.
func (r *Recorder) WantsCheckpoint() bool {
	if r.waits || !r.w.Due() {
		return false
	}
	r.waits = true
	return true
}

// Take takes the next bytes of the stream of items, and writes what is due; call it
// every few milliseconds, with nothing where nothing came.
func (r *Recorder) Take(b []byte) error {
	if len(r.rest) > 0 {
		r.rest = append(r.rest, b...)
		b = r.rest
	}
	for len(b) > 0 {
		it, size, err := Next(b)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		if err := r.item(&it, b[:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	r.rest = append(r.rest[:0], b...)
	return nil
}

func (r *Recorder) item(it *Item, raw []byte) error {
	switch it.Kind {
	case KindStart, KindCheckpoint, KindLoss:
		if err := r.base(it); err != nil {
			return err
		}
	case KindMessage:
		r.sum.FramesIn++
	case KindSent:
		r.sum.FramesOut++
	}
	if it.Kind.Timed() {
		r.nowNS = it.Value
		if r.block.FirstNS == 0 {
			r.block.FirstNS = it.Value
		}
		if r.sum.FirstNS == 0 {
			r.sum.FirstNS = it.Value
		}
		r.block.LastNS, r.sum.LastNS = it.Value, it.Value
	}
	r.items = append(r.items, raw...)
	r.block.Items++
	r.sum.Items++
	if it.Kind == KindMark {
		return r.mark(uint64(it.Value))
	}
	if len(r.items) >= unmarked {
		return r.cut()
	}
	return nil
}

// base begins a block, and where it is due a part, with what a replay can begin at.
func (r *Recorder) base(it *Item) error {
	if it.Kind == KindLoss {
		r.sum.Losses++
		r.sum.LostItems += uint64(it.Value)
		r.holed, r.totalHoled = true, true
		return r.cut()
	}
	lost := r.block.Items == 1 && r.items[4] == uint8(KindLoss)
	if !lost && it.Kind == KindCheckpoint && r.sum.Blocks > 0 {
		if err := r.cut(); err != nil {
			return err
		}
	}
	if r.waits && it.Kind == KindCheckpoint {
		r.waits = false
		r.endPart()
		if err := r.w.Rotate(); err != nil {
			return err
		}
		held := append([]byte(nil), r.items...)
		r.begin()
		if lost {
			r.items = append(r.items, held...)
			r.block.Items++
		}
	}
	r.block.Flags |= FlagBase
	r.part, r.holed = NewHash(), false
	if r.reader != nil {
		r.reader.Seek(uint64(it.Value) + 1)
	}
	return nil
}

func (r *Recorder) endPart() {
	text := r.part.Text()
	if r.holed || r.reader == nil {
		text = ""
	}
	r.sum.PartHashes = append(r.sum.PartHashes, text)
}

// mark takes the records in that were published up to the mark, and writes the block
// when it is due.
func (r *Recorder) mark(sequence uint64) error {
	r.read(sequence)
	r.block.Flags |= FlagMark
	r.block.Sequence = sequence
	r.marked = len(r.items)
	if len(r.items) >= fullBlock || time.Since(r.flushed) >= flushEvery {
		return r.cut()
	}
	return nil
}

// read takes the records up to a sequence into the hashes.
func (r *Recorder) read(sequence uint64) {
	for r.reader != nil && !r.holed && r.reader.NextSequence() <= sequence {
		switch r.reader.Next(&r.record) {
		case ring.AnswerRecord:
			r.part.Add(&r.record)
			r.total.Add(&r.record)
		default: // lapped, or the segment is not what it was
			r.holed, r.totalHoled = true, true
		}
	}
	r.block.Records = r.part.Records()
}

// cut writes what was gathered as a block.
func (r *Recorder) cut() error {
	if r.block.Items == 0 {
		return nil
	}
	if r.marked < len(r.items) {
		r.block.Flags &^= FlagMark // items follow the mark: the hash is not theirs
	}
	if r.block.Flags&FlagMark != 0 && r.reader != nil && !r.holed {
		r.block.Flags |= FlagHash
		r.block.Hash = r.part.Sum()
	}
	if err := r.w.WriteBlock(r.block, r.items); err != nil {
		return err
	}
	r.sum.Blocks++
	r.sum.Raw += int64(len(r.items))
	r.items, r.marked, r.flushed = r.items[:0], 0, time.Now()
	r.block = Block{Records: r.part.Records(), Sequence: r.block.Sequence}
	return nil
}

// Progress is what was recorded so far.
func (r *Recorder) Progress() Summary {
	s := r.sum
	s.Files, s.Bytes, s.Records = r.w.Parts(), r.w.Bytes(), r.total.Records()
	return s
}

// Close writes what is left and the index.
func (r *Recorder) Close() (Summary, error) {
	err := errors.Join(r.cut(), r.w.Close())
	r.endPart()
	if r.reader != nil && !r.totalHoled {
		sum := r.total.Sum()
		r.sum.Hash = hex.EncodeToString(sum[:])
	}
	if err != nil {
		err = fmt.Errorf("end recording: %w", err)
	}
	return r.Progress(), err
}
