package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Sizes and marks of a file.
const (
	fileHeader  = 64
	blockHeader = 128
	indexEntry  = 32
	trailerSize = 32
	version     = 1

	fileMagic    = "TICKREC\x00"
	blockMagic   = uint32('T') | 'R'<<8 | 'B'<<16 | 'K'<<24
	indexMagic   = uint32('T') | 'R'<<8 | 'I'<<16 | 'X'<<24
	trailerMagic = "TICKEND\x00"

	// maxRaw bounds what one block holds, and so what a reader takes for it: a
	// checkpoint of 4,096 instruments with deep books.
	maxRaw = MaxItem + 1<<20
	// partDigits number the parts of a rotated recording.
	partDigits = 4
	maxParts   = 9999
)

// Flags of a block.
const (
	// FlagBase: the block begins with a start or a checkpoint; a replay may begin here.
	FlagBase uint32 = 1 << iota
	// FlagHash: Block.Hash is known.
	FlagHash
	// FlagMark: the block ends with a mark.
	FlagMark
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Block is what a block's header says of it.
type Block struct {
	Items           uint32
	Flags           uint32
	FirstNS, LastNS int64 // times of its first and last input, Unix ns
	// Sequence is the feed's last one at the block's last mark. Records is how many
	// there were since the base before, and Hash the hash of those.
	Sequence, Records uint64
	Hash              [32]byte
}

// Options of a new recording.
type Options struct {
	// Path is the file; with a rotation the parts are PATH.0001 and so on.
	Path string
	// Force replaces what is there.
	Force bool
	// RotateBytes and RotateEvery begin a new part; 0 never.
	RotateBytes int64
	RotateEvery time.Duration
}

func (o *Options) rotates() bool { return o.RotateBytes > 0 || o.RotateEvery > 0 }

// ErrExists: the recording is there already.
var ErrExists = errors.New("file exists; give --force to replace it")

// Writer writes blocks into files. One goroutine.
type Writer struct {
	opts    Options
	zip     *zstd.Encoder
	file    *os.File
	parts   []string
	offset  int64
	written int64 // of all parts
	begun   time.Time
	index   []byte
	buf     []byte
}

// Create makes the first file. It refuses to replace one without Force.
func Create(o Options) (*Writer, error) {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("create recording %q: %w", o.Path, err)
	}
	w := &Writer{opts: o, zip: zip}
	old, err := o.occupied()
	if err != nil {
		return nil, err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("create recording %q: %w", o.Path, err)
		}
	}
	return w, w.open()
}

// Vacant says what is in the way of a new recording: ErrExists, or nil.
func (o *Options) Vacant() error {
	_, err := o.occupied()
	return err
}

// occupied are the files that a new recording replaces; ErrExists where it must not.
func (o *Options) occupied() (old []string, err error) {
	pattern := escapeGlob(o.Path)
	if o.rotates() {
		pattern += "." + strings.Repeat("[0-9]", partDigits)
	}
	if old, err = filepath.Glob(pattern); err != nil {
		return nil, fmt.Errorf("create recording %q: %w", o.Path, err)
	}
	if len(old) > 0 && !o.Force {
		return nil, fmt.Errorf("create recording %q: %w", old[0], ErrExists)
	}
	return old, nil
}

// escapeGlob makes a pattern that is the text itself.
func escapeGlob(text string) string {
	var out []byte
	for i := range len(text) {
		switch text[i] {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, text[i])
	}
	return string(out)
}

func (w *Writer) open() error {
	name := w.opts.Path
	if w.opts.rotates() {
		if len(w.parts) == maxParts {
			return fmt.Errorf("create recording %q: more than %d parts; rotate less often", name, maxParts)
		}
		name = fmt.Sprintf("%s.%0*d", name, partDigits, len(w.parts)+1)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, os.ErrExist) {
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("create recording %q: %w", name, err)
	}
	var head [fileHeader]byte
	copy(head[:], fileMagic)
	binary.LittleEndian.PutUint32(head[8:], version)
	binary.LittleEndian.PutUint32(head[12:], uint32(len(w.parts)+1))
	binary.LittleEndian.PutUint64(head[16:], uint64(time.Now().UnixNano()))
	binary.LittleEndian.PutUint32(head[fileHeader-4:], crc32.Checksum(head[:fileHeader-4], castagnoli))
	w.file, w.parts, w.offset, w.begun, w.index = file, append(w.parts, name), 0, time.Now(), w.index[:0]
	return w.write(head[:])
}

func (w *Writer) write(b []byte) error {
	n, err := w.file.Write(b)
	w.offset += int64(n)
	w.written += int64(n)
	if err != nil {
		return fmt.Errorf("write recording %q: %w", w.file.Name(), err)
	}
	return nil
}

// WriteBlock writes one block of whole items, with one call of write.
func (w *Writer) WriteBlock(b Block, items []byte) error {
	if cap(w.buf) < blockHeader {
		w.buf = make([]byte, blockHeader, 1<<20)
	}
	w.buf = w.zip.EncodeAll(items, w.buf[:blockHeader])
	head := w.buf[:blockHeader]
	clear(head)
	le := binary.LittleEndian
	le.PutUint32(head, blockMagic)
	le.PutUint32(head[8:], uint32(len(w.buf)-blockHeader))
	le.PutUint32(head[12:], uint32(len(items)))
	le.PutUint32(head[16:], crc32.Checksum(w.buf[blockHeader:], castagnoli))
	le.PutUint32(head[20:], b.Items)
	le.PutUint64(head[24:], uint64(b.FirstNS))
	le.PutUint64(head[32:], uint64(b.LastNS))
	le.PutUint64(head[40:], b.Sequence)
	le.PutUint64(head[48:], b.Records)
	le.PutUint32(head[56:], b.Flags)
	copy(head[64:], b.Hash[:])
	le.PutUint32(head[4:], crc32.Checksum(head[8:], castagnoli))
	at := w.offset
	if err := w.write(w.buf); err != nil {
		return err
	}
	w.index = le.AppendUint64(w.index, uint64(at))
	w.index = le.AppendUint64(w.index, uint64(b.FirstNS))
	w.index = le.AppendUint64(w.index, uint64(b.LastNS))
	w.index = le.AppendUint32(w.index, b.Items)
	w.index = le.AppendUint32(w.index, b.Flags)
	return nil
}

// Due says that a new part is to begin.
func (w *Writer) Due() bool {
	return w.opts.RotateBytes > 0 && w.offset >= w.opts.RotateBytes ||
		w.opts.RotateEvery > 0 && time.Since(w.begun) >= w.opts.RotateEvery
}

// Rotate ends the part and begins the next one.
func (w *Writer) Rotate() error {
	if err := w.finish(); err != nil {
		return err
	}
	return w.open()
}

// finish writes the index and closes the file.
func (w *Writer) finish() error {
	le := binary.LittleEndian
	at := w.offset
	out := make([]byte, blockHeader, blockHeader+len(w.index)+trailerSize)
	le.PutUint32(out, indexMagic)
	le.PutUint32(out[8:], uint32(len(w.index)))
	le.PutUint32(out[16:], crc32.Checksum(w.index, castagnoli))
	le.PutUint32(out[4:], crc32.Checksum(out[8:blockHeader], castagnoli))
	out = append(out, w.index...)
	out = append(out, trailerMagic...)
	out = le.AppendUint64(out, uint64(at))
	out = append(out, make([]byte, trailerSize-16-4)...)
	out = le.AppendUint32(out, crc32.Checksum(out[len(out)-(trailerSize-4):], castagnoli))
	if err := w.write(out); err != nil {
		return errors.Join(err, w.file.Close())
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("close recording %q: %w", w.file.Name(), err)
	}
	return nil
}

// Close writes the index of the last part. The Writer is of no more use.
func (w *Writer) Close() error { return errors.Join(w.finish(), w.zip.Close()) }

// Parts are the files written so far; Bytes what they hold.
func (w *Writer) Parts() []string { return w.parts }

// Bytes is how much was written, over all parts.
func (w *Writer) Bytes() int64 { return w.written }
