package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/bench/internal/kit"
)

// The test binary is also the bench's program: its processes are this one again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "venue", "segment", "client", "decode":
			if err := command(os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// newBench has the programs that the test wants, in a directory of its own.
func newBench(t *testing.T, build func(bin string)) *bench {
	t.Helper()
	c, err := kit.ChooseCPUs()
	if err != nil {
		t.Skipf("two CPUs are wanted: %v", err)
	}
	helper, err := chooseHelper(c)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	tools, dir := t.TempDir(), t.TempDir()
	bin := filepath.Join(tools, "bin")
	require.NoError(t, os.Mkdir(bin, 0o750))
	goBuild(t, "./bench/measure", bin)
	build(bin)
	return &bench{Report: kit.Report{Out: t.Output()}, self: self, tools: tools, dir: dir, cpus: c, helper: helper,
		nsPerTick: kit.Calibrate(), rounds: 1, small: true}
}

func goBuild(t *testing.T, pkg, bin string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", bin+"/", pkg)
	cmd.Dir = "../.."
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
}

// buildC compiles one of the C programs, with the warnings as errors.
func buildC(t *testing.T, out string, sources ...string) {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			require.NoError(t, err)
		}
		t.Skip("no C compiler")
	}
	args := append([]string{"-std=c11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-I..", "-Ic",
		"-I../../cgo_reader/include", "-I../../cgo_reader/src", "-o", out}, sources...)
	text, err := exec.Command("cc", append(args, "-lm")...).CombinedOutput()
	require.NoError(t, err, string(text))
}

func libraryAnd(t *testing.T, source string) []string {
	t.Helper()
	list, err := filepath.Glob("../../cgo_reader/src/*.c")
	require.NoError(t, err)
	return append([]string{source}, list...)
}

// ordered checks that nothing was seen before it was sent, and that ids grow.
func ordered(t *testing.T, list []stamps, from, to int64) {
	t.Helper()
	for i, s := range list {
		assert.Greater(t, s.Sent, from)
		assert.Less(t, s.Seen, to)
		assert.Less(t, s.Sent, s.Seen, "sent before seen")
		if i > 0 {
			assert.Greater(t, s.Sent, list[i-1].Sent)
		}
	}
}

// Every frame of the venue arrives once, stamped on its way, through our publisher and
// through the client that a program would have otherwise; plain and TLS.
func TestEveryFrameIsStampedOnItsWay(t *testing.T) {
	b := newBench(t, func(bin string) {
		goBuild(t, "./cmd/tickring", bin)
		buildC(t, filepath.Join(bin, "stages"), libraryAnd(t, "c/stages.c")...)
	})
	for _, w := range []way{{true, 2_000, 100, 20, 1}, {false, 0, 640, 64, 64}} {
		for _, s := range b.subjects("") {
			if s.key == "copy" {
				continue
			}
			from := time.Now().UnixNano()
			list, lost, err := s.run(b, w)
			require.NoError(t, err, w.row(s))
			assert.Zero(t, lost, w.row(s))
			require.Len(t, list, w.count, w.row(s))
			ordered(t, list, from, time.Now().UnixNano())
		}
	}
	left, err := filepath.Glob(filepath.Join(b.dir, socketFeed))
	require.NoError(t, err)
	assert.Empty(t, left, "a segment is left behind")
}

// The C baseline fills the same ring, and its reader finds the venue's time in the text.
func TestCopyFillsTheSameRing(t *testing.T) {
	if _, err := os.Stat("/usr/include/openssl/ssl.h"); err != nil {
		require.NotEqual(t, "1", os.Getenv("TICKRING_REQUIRE_ALL"), "OpenSSL's headers are missing: install libssl-dev")
		fmt.Println("bench/full: skipped, OpenSSL's headers are missing: install libssl-dev")
		t.Skip("no OpenSSL")
	}
	b := newBench(t, func(bin string) {
		buildC(t, filepath.Join(bin, "stages"), libraryAnd(t, "c/stages.c")...)
		buildC(t, filepath.Join(bin, "copy"), "c/copy.c", "-lssl", "-lcrypto")
	})
	for _, secure := range []bool{false, true} {
		w := way{secure, 2_000, 100, 20, 1}
		from := time.Now().UnixNano()
		list, lost, err := b.runCopy(w)
		require.NoError(t, err)
		assert.Zero(t, lost)
		require.Len(t, list, w.count)
		ordered(t, list, from, time.Now().UnixNano())
	}
}

// A peer's two sides give every message, after it was sent, and say when it was due.
func TestStreamPeersCountAndStamp(t *testing.T) {
	b := newBench(t, func(bin string) { buildC(t, filepath.Join(bin, "stream"), "c/stream.c") })
	pace := pacing{"10k/s", 10_000, 200, 20}
	interval := int64(1e5 / b.nsPerTick)
	for _, kind := range []string{"unix", "tcp"} {
		samples, lost, err := pair("stream", kind)(b, pace, interval)
		require.NoError(t, err)
		assert.Zero(t, lost)
		require.Len(t, samples, pace.count)
		for i, s := range samples {
			assert.Less(t, s.First, s.Seen, "sent before seen")
			assert.LessOrEqual(t, s.Second, s.First, "due before sent")
			if i > 0 {
				assert.Equal(t, interval, s.Second-samples[i-1].Second, "due times keep the rate whatever happens")
			}
		}
	}
	_, _, err := pair("stream", "pigeon")(b, pace, interval)
	assert.ErrorContains(t, err, "want unix or tcp")
}

// What a reader writes is what the report reads, and damage is told.
func TestStampsSurviveThePipe(t *testing.T) {
	list := []stamps{{Sent: 1, Received: 2, Published: 3, Seen: 4}, {Sent: math.MinInt64, Seen: math.MaxInt64}}
	var pipe bytes.Buffer
	require.NoError(t, writeStamps(&pipe, list))
	whole := pipe.Bytes()
	got, lost, err := readStamps(bufio.NewReader(bytes.NewReader(whole)))
	require.NoError(t, err)
	assert.Equal(t, list, got)
	assert.Zero(t, lost)
	for _, broken := range [][]byte{nil, []byte("oops\n"), []byte("samples 99999999999 lost 0\n"), whole[:len(whole)-1]} {
		_, _, err := readStamps(bufio.NewReader(bytes.NewReader(broken)))
		assert.Error(t, err)
	}
}

// The stamp stands where the number was, and each frame of a chunk has its own.
func TestChunksAreStampedInPlace(t *testing.T) {
	c := newChunk(2, time.Unix(1_790_359_165, 0))
	before := len(c.bytes)
	c.stamp(123_456_789_012_345_678)
	assert.Len(t, c.bytes, before)
	assert.Contains(t, string(c.bytes), `"u":123456789012345678,"s"`)
	assert.Contains(t, string(c.bytes), `"u":123456789012345679,"s"`)
}

// HELP_CPU must be another CPU than the writer's.
func TestHelperIsChecked(t *testing.T) {
	c := kit.CPUs{Publisher: 0, Reader: 1}
	for _, bad := range []string{"0", "x", "-1", "100000"} {
		t.Setenv("HELP_CPU", bad)
		_, err := chooseHelper(c)
		assert.ErrorContains(t, err, "HELP_CPU", bad)
	}
}

// A peer that fails is named and left out; what is ours is not.
func TestFailedPeersAreLeftOut(t *testing.T) {
	b, left := &bench{Report: kit.Report{Out: t.Output()}}, leftOut{}
	assert.False(t, left.leave(b, keyC, "tickring", os.ErrClosed))
	assert.True(t, left.leave(b, "redis", "Redis", os.ErrClosed))
	assert.Equal(t, leftOut{"redis": true}, left)
	assert.Equal(t, "absent Redis: it failed: file already closed\n", b.Text())
}
