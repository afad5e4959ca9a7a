// Package frames reads recorded frames from files, one after the other:
//
//	.jsonl      one frame a line
//	.jsonl.zst  the same, compressed
//	.bin        the whole file is one frame
//	.lpf        each frame behind its length, four bytes, big-endian
package frames

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// MaxFrame bounds one frame: twice the largest message that a session accepts.
const MaxFrame = 16 << 20

var (
	// ErrKind: the file's name has no ending that says what it holds.
	ErrKind = errors.New("want a .jsonl, .jsonl.zst, .bin or .lpf file")
	// ErrFrame: a frame is longer than MaxFrame, or the file ends within one.
	ErrFrame = errors.New("frame file is damaged")
)

// File is an open file of frames. It is owned by one thread.
type File struct {
	path   string
	file   *os.File
	unzip  *zstd.Decoder // nil when not compressed
	in     *bufio.Reader
	next   func() ([]byte, error)
	binary bool
	number int
	buf    []byte
}

// Open opens a file; its ending says how frames are told apart. Errors wrap
// ErrKind or the system's.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if !f.choose(path) {
		return nil, fmt.Errorf("decode %q: %w", path, ErrKind)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	f.file = file
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(fmt.Errorf("decode %q: is a directory; %w", path, ErrKind), file.Close())
	}
	var from io.Reader = file
	if strings.HasSuffix(path, ".zst") {
		f.unzip, err = zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxFrame<<4))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("decode %q: %w", path, err), file.Close())
		}
		from = f.unzip
	}
	f.in = bufio.NewReaderSize(from, 1<<16)
	return f, nil
}

func (f *File) choose(path string) bool {
	switch {
	case strings.HasSuffix(path, ".jsonl"), strings.HasSuffix(path, ".jsonl.zst"):
		f.next = f.nextLine
	case strings.HasSuffix(path, ".bin"):
		f.next, f.binary = f.whole, true
	case strings.HasSuffix(path, ".lpf"):
		f.next, f.binary = f.nextPrefixed, true
	default:
		return false
	}
	return true
}

// Next returns the next frame, or io.EOF. It holds until the next call.
func (f *File) Next() ([]byte, error) {
	f.number++
	frame, err := f.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("decode %q: frame %d: %w", f.path, f.number, err)
	}
	return frame, err
}

// Line is the number of the frame that Next returned last, from 1.
func (f *File) Line() int { return f.number }

// Binary says that frames may hold any bytes: the file is no text.
func (f *File) Binary() bool { return f.binary }

// Close closes the file.
func (f *File) Close() error {
	if f.unzip != nil {
		f.unzip.Close()
	}
	return f.file.Close()
}

func (f *File) nextLine() ([]byte, error) {
	f.buf = f.buf[:0]
	for {
		piece, err := f.in.ReadSlice('\n')
		if len(f.buf)+len(piece) > MaxFrame {
			return nil, fmt.Errorf("%w: longer than %d bytes", ErrFrame, MaxFrame)
		}
		f.buf = append(f.buf, piece...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(f.buf) > 0:
			return f.buf, nil
		case err != nil:
			return nil, err
		}
		return bytes.TrimSuffix(f.buf[:len(f.buf)-1], []byte("\r")), nil
	}
}

func (f *File) whole() ([]byte, error) {
	if f.number > 1 {
		return nil, io.EOF
	}
	frame, err := io.ReadAll(io.LimitReader(f.in, MaxFrame+1))
	if err != nil {
		return nil, err
	}
	if len(frame) > MaxFrame {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrFrame, MaxFrame)
	}
	return frame, nil
}

func (f *File) nextPrefixed() ([]byte, error) {
	var head [4]byte
	switch _, err := io.ReadFull(f.in, head[:]); {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("%w: the file ends within a length", ErrFrame)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxFrame {
		return nil, fmt.Errorf("%w: a length of %d bytes, at most %d are allowed", ErrFrame, size, MaxFrame)
	}
	if cap(f.buf) < int(size) {
		f.buf = make([]byte, size)
	}
	f.buf = f.buf[:size]
	if _, err := io.ReadFull(f.in, f.buf); err != nil {
		return nil, fmt.Errorf("%w: the file ends within a frame of %d bytes", ErrFrame, size)
	}
	return f.buf, nil
}
