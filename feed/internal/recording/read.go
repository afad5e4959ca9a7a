package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// ErrFormat: the file is no recording of this version.
var ErrFormat = errors.New("not a recording")

// ErrShort: the file ends within its header, as where a recorder was killed as it began
// it. It is an ErrFormat too.
var ErrShort = errors.New("shorter than its header")

// File reads a recording. One goroutine.
type File struct {
	// Path is the file's name, Part its number, CreatedNS when it was begun.
	Path      string
	Part      uint32
	CreatedNS int64
	// Blocks are all whole blocks, in order. Rebuilt says that the file has no
	// index and they were found one by one; Torn is how many bytes behind the last
	// of them are no block.
	Blocks  []Place
	Rebuilt bool
	Torn    int64

	file  io.ReaderAt
	close func() error
	unzip *zstd.Decoder
	buf   []byte
}

// Place is where a block lies, and what the index says of it.
type Place struct {
	Offset          int64
	FirstNS, LastNS int64
	Items, Flags    uint32
}

// Open opens a recording and finds its blocks.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open recording %q: %w", path, err), file.Close())
	}
	f, err := NewFile(file, info.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open recording %q: %w", path, err), file.Close())
	}
	f.Path, f.close = path, file.Close
	return f, nil
}

// NewFile reads a recording of size bytes from anywhere.
func NewFile(from io.ReaderAt, size int64) (*File, error) {
	f := &File{file: from}
	var head [fileHeader]byte
	if _, err := from.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("%w: %d bytes, %w", ErrFormat, size, ErrShort)
	}
	le := binary.LittleEndian
	switch {
	case string(head[:8]) != fileMagic:
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrFormat, fileMagic[:7])
	case crc32.Checksum(head[:fileHeader-4], castagnoli) != le.Uint32(head[fileHeader-4:]):
		return nil, fmt.Errorf("%w: its header is damaged", ErrFormat)
	case le.Uint32(head[8:]) != version:
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrFormat, le.Uint32(head[8:]), version)
	}
	f.Part, f.CreatedNS = le.Uint32(head[12:]), int64(le.Uint64(head[16:]))
	if !f.readIndex(size) {
		f.Rebuilt = true
		f.scan(size)
	}
	var err error
	f.unzip, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRaw), zstd.WithDecodeAllCapLimit(true))
	return f, err
}

// Close closes the file.
func (f *File) Close() error {
	f.unzip.Close()
	if f.close == nil {
		return nil
	}
	return f.close()
}

// readIndex takes the index at the end; false where there is none that holds.
func (f *File) readIndex(size int64) bool {
	if size < fileHeader+blockHeader+trailerSize {
		return false
	}
	var tail [trailerSize]byte
	if _, err := f.file.ReadAt(tail[:], size-trailerSize); err != nil {
		return false
	}
	le := binary.LittleEndian
	at := int64(le.Uint64(tail[8:]))
	if string(tail[:8]) != trailerMagic || crc32.Checksum(tail[:trailerSize-4], castagnoli) != le.Uint32(tail[trailerSize-4:]) ||
		at < fileHeader || at > size-blockHeader-trailerSize {
		return false
	}
	raw := make([]byte, size-trailerSize-at)
	if _, err := f.file.ReadAt(raw, at); err != nil {
		return false
	}
	entries := raw[blockHeader:]
	if le.Uint32(raw) != indexMagic || le.Uint32(raw[4:]) != crc32.Checksum(raw[8:blockHeader], castagnoli) ||
		int(le.Uint32(raw[8:])) != len(entries) || len(entries)%indexEntry != 0 ||
		le.Uint32(raw[16:]) != crc32.Checksum(entries, castagnoli) {
		return false
	}
	for ; len(entries) > 0; entries = entries[indexEntry:] {
		p := Place{
			Offset: int64(le.Uint64(entries)), FirstNS: int64(le.Uint64(entries[8:])), LastNS: int64(le.Uint64(entries[16:])),
			Items: le.Uint32(entries[24:]), Flags: le.Uint32(entries[28:]),
		}
		if p.Offset < fileHeader || p.Offset >= at {
			f.Blocks = nil
			return false
		}
		f.Blocks = append(f.Blocks, p)
	}
	return true
}

// scan walks over the blocks. What is not whole and sound ends the recording.
func (f *File) scan(size int64) {
	var buf []byte
	at := int64(fileHeader)
	for {
		b, packed, _, err := f.head(at, size)
		if err != nil {
			break
		}
		if int64(cap(buf)) < packed {
			buf = make([]byte, packed)
		}
		if _, err := f.file.ReadAt(buf[:packed], at+blockHeader); err != nil {
			break
		}
		if crc32.Checksum(buf[:packed], castagnoli) != b.sum {
			break
		}
		f.Blocks = append(f.Blocks, Place{Offset: at, FirstNS: b.FirstNS, LastNS: b.LastNS, Items: b.Items, Flags: b.Flags})
		at += blockHeader + packed
	}
	f.Torn = size - at
}

// summed is a block's header with the checksum of what follows it.
type summed struct {
	Block
	sum uint32
}

// head reads the header of a block.
func (f *File) head(at, size int64) (b summed, packed, raw int64, err error) {
	var head [blockHeader]byte
	if _, err := f.file.ReadAt(head[:], at); err != nil {
		return b, 0, 0, fmt.Errorf("block at %d: %w", at, err)
	}
	le := binary.LittleEndian
	if le.Uint32(head[:]) != blockMagic || le.Uint32(head[4:]) != crc32.Checksum(head[8:], castagnoli) {
		return b, 0, 0, fmt.Errorf("block at %d: %w: damaged header", at, ErrItem)
	}
	packed, raw = int64(le.Uint32(head[8:])), int64(le.Uint32(head[12:]))
	if size > 0 && at+blockHeader+packed > size || raw > maxRaw {
		return b, 0, 0, fmt.Errorf("block at %d: %w: cut short", at, ErrItem)
	}
	b.sum, b.Items = le.Uint32(head[16:]), le.Uint32(head[20:])
	b.FirstNS, b.LastNS = int64(le.Uint64(head[24:])), int64(le.Uint64(head[32:]))
	b.Sequence, b.Records, b.Flags = le.Uint64(head[40:]), le.Uint64(head[48:]), le.Uint32(head[56:])
	copy(b.Hash[:], head[64:])
	return b, packed, raw, nil
}

// ReadBlock reads the block of a number; the items hold until the next call. The
// error wraps ErrItem where it is damaged.
func (f *File) ReadBlock(number int) (Block, []byte, error) {
	at := f.Blocks[number].Offset
	b, packed, raw, err := f.head(at, 0)
	if err != nil {
		return Block{}, nil, err
	}
	// What a damaged length asks for is read piece by piece, so that it costs no more
	// memory than the file has bytes.
	sealed, err := io.ReadAll(io.NewSectionReader(f.file, at+blockHeader, packed))
	if err != nil || int64(len(sealed)) < packed {
		return Block{}, nil, fmt.Errorf("block at %d: %w: cut short", at, ErrItem)
	}
	if crc32.Checksum(sealed, castagnoli) != b.sum {
		return Block{}, nil, fmt.Errorf("block at %d: %w: wrong checksum", at, ErrItem)
	}
	if int64(cap(f.buf)) < raw {
		f.buf = make([]byte, 0, raw)
	}
	f.buf, err = f.unzip.DecodeAll(sealed, f.buf[:0])
	if err != nil || int64(len(f.buf)) != raw {
		return Block{}, nil, fmt.Errorf("block at %d: %w: cannot be decompressed", at, ErrItem)
	}
	return b.Block, f.buf, nil
}
