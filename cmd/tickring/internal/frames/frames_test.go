package frames

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readAll(t *testing.T, name string, content []byte) (frames []string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o644))
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	for {
		frame, err := f.Next()
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		frames = append(frames, string(frame))
		require.Equal(t, len(frames), f.Line())
	}
}

func prefixed(frames ...string) (out []byte) {
	for _, f := range frames {
		out = binary.BigEndian.AppendUint32(out, uint32(len(f)))
		out = append(out, f...)
	}
	return out
}

func compressed(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	require.NoError(t, err)
	_, err = w.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// Intent: each kind of file gives exactly its frames, numbered from 1.
func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	cases := []struct {
		name, file string
		content    []byte
		want       []string
	}{
		{"lines", "a.jsonl", []byte("{}\n[1]\n"), []string{"{}", "[1]"}},
		{"a last line without its end", "a.jsonl", []byte("{}\n[1]"), []string{"{}", "[1]"}},
		{"lines of another system", "a.jsonl", []byte("{}\r\n[1]\r\n"), []string{"{}", "[1]"}},
		{"an empty line is a frame: the numbers must hold", "a.jsonl", []byte("{}\n\n[1]\n"), []string{"{}", "", "[1]"}},
		{"a line longer than any buffer", "a.jsonl", []byte(long + "\n{}\n"), []string{long, "{}"}},
		{"an empty file has no line", "a.jsonl", nil, nil},
		{"compressed lines", "a.jsonl.zst", compressed(t, "{}\n"+long+"\n"), []string{"{}", long}},
		{"a whole file, line feeds and all", "a.bin", []byte("{\n}\n"), []string{"{\n}\n"}},
		{"an empty whole file is one empty frame", "a.bin", nil, []string{""}},
		{"frames behind their lengths", "a.lpf", prefixed("{}", "", "a\nb"), []string{"{}", "", "a\nb"}},
		{"no frames behind their lengths", "a.lpf", nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := readAll(t, c.file, c.content)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// Intent: a damaged file gives the frames before the damage, then an error that
// names file and frame.
func TestDamagedFiles(t *testing.T) {
	cases := []struct {
		name, file string
		content    []byte
		says       string
	}{
		{"cut within a length", "a.lpf", append(prefixed("{}"), 0, 0), "within a length"},
		{"cut within a frame", "a.lpf", append(prefixed("{}"), 0, 0, 0, 9, 'x'), "within a frame"},
		{"an enormous length", "a.lpf", append(prefixed("{}"), 0xFF, 0xFF, 0xFF, 0xFF), "at most"},
		{"an enormous line", "a.jsonl", append([]byte("{}\n"), bytes.Repeat([]byte("x"), MaxFrame+1)...), "longer than"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := readAll(t, c.file, c.content)
			require.ErrorIs(t, err, ErrFrame)
			assert.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, c.file)
			assert.ErrorContains(t, err, "frame 2")
			assert.Equal(t, []string{"{}"}, got)
		})
	}
	_, err := readAll(t, "a.jsonl.zst", []byte("not compressed at all"))
	assert.ErrorContains(t, err, "frame 1")
}

// Intent: what cannot be opened is refused with its own error.
func TestOpenRefuses(t *testing.T) {
	_, err := Open("x.txt")
	assert.ErrorIs(t, err, ErrKind)
	_, err = Open(filepath.Join(t.TempDir(), "x.jsonl"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	dir := filepath.Join(t.TempDir(), "d.jsonl")
	require.NoError(t, os.Mkdir(dir, 0o755))
	_, err = Open(dir)
	assert.ErrorIs(t, err, ErrKind)
}
