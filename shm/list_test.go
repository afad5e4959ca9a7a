package shm

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tickring/tickring/ring"
)

// List names every segment of a directory, the damaged ones with their reason,
// and nothing that is no segment.
func TestList(t *testing.T) {
	dir := t.TempDir()
	live := published(t, dir, "live")
	w, err := ring.NewWriter(live.Bytes(), func() int64 { return time.Now().UnixNano() })
	require.NoError(t, err)
	w.HotBeat(time.Now().UnixNano())
	silent := published(t, dir, "silent")
	require.NoError(t, silent.Close(false))
	boot := whole(t, "boot")
	binary.NativeEndian.PutUint64(boot[unsafe.Offsetof(ring.Header{}.BootID):], 7)
	for name, content := range map[string][]byte{
		"boot": boot, "short": {1, 2, 3}, "live.readers": {}, ".hidden": {},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	require.NoError(t, bindSocket(filepath.Join(dir, "control")))

	infos, err := List(dir)
	require.NoError(t, err)
	require.Len(t, infos, 4)
	assert.Equal(t, "boot", infos[0].Feed)
	require.ErrorIs(t, infos[0].Err, ErrOtherBoot)
	assert.Equal(t, "gateio", infos[0].Venue, "what can be read is said")
	assert.False(t, infos[0].Alive())

	l := infos[1]
	require.NoError(t, l.Err)
	assert.Equal(t, "live", l.Feed)
	assert.Equal(t, live.Path(), l.Path)
	assert.Equal(t, "gateio", l.Venue)
	assert.Equal(t, uint64(1), l.Generation)
	assert.Equal(t, ring.StateLive, l.State)
	assert.Equal(t, ring.SourceSimulated, l.Source)
	assert.Equal(t, uint32(os.Getpid()), l.OwnerPID)
	assert.Equal(t, int64(len(live.Bytes())), l.SizeBytes)
	assert.WithinDuration(t, time.Now(), time.Unix(0, l.CreatedNS), time.Minute)
	assert.GreaterOrEqual(t, l.HeartbeatAge, time.Duration(0))
	assert.Less(t, l.HeartbeatAge, time.Minute)

	require.ErrorIs(t, infos[2].Err, ring.ErrTooShort)
	assert.Equal(t, int64(3), infos[2].SizeBytes)
	assert.Equal(t, "silent", infos[3].Feed)
	assert.Negative(t, infos[3].HeartbeatAge, "it never beat")
	assert.False(t, infos[3].Alive())
}

// Alive is a heartbeat that moves in a segment that is live.
func TestAlive(t *testing.T) {
	assert.True(t, Info{State: ring.StateLive, HeartbeatAge: time.Millisecond}.Alive())
	assert.False(t, Info{State: ring.StateLive, HeartbeatAge: time.Second}.Alive())
	assert.False(t, Info{State: ring.StateLive, HeartbeatAge: -1}.Alive())
	assert.False(t, Info{State: ring.StateClosed, HeartbeatAge: 0}.Alive())
	assert.False(t, Info{State: ring.StateLive, Err: ErrOtherBoot}.Alive())
}

// A directory that is not there holds no segments; a file is no directory.
func TestListOfNoDirectory(t *testing.T) {
	infos, err := List(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	assert.Empty(t, infos)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = List(file)
	require.Error(t, err)
}
