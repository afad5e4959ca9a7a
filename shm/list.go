package shm

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

// Info is what List says of one file. Where Err is set, the fields that could not
// be read are zero.
type Info struct {
	Feed       string // the file's name
	Path       string
	Venue      string
	Generation uint64
	State      ring.State
	Source     ring.Source
	// OwnerPID is the publisher's, in its own pid namespace.
	OwnerPID  uint32
	SizeBytes int64
	CreatedNS int64 // Unix epoch
	// HeartbeatAge is how long ago the hot thread wrote its heartbeat, by the
	// clock of both; negative before its first.
	HeartbeatAge time.Duration
	// Watermark is the newest record that board and ring agree on: records so far.
	Watermark uint64
	// Instruments is the number of rows in the instrument table.
	Instruments int
	// Err says why the file cannot be opened as a segment, in words of OpenPath.
	Err error
}

// Alive says whether a publisher turns: LIVE, and a heartbeat that is not older
// than a reader would stand.
func (i Info) Alive() bool {
	return i.Err == nil && i.State == ring.StateLive &&
		i.HeartbeatAge >= 0 && i.HeartbeatAge < time.Duration(ring.StaleAfterNS)
}

// List describes the segments of a directory, by name; damaged ones with their
// reason. dir is as for Dir. A directory that is not there has none. Other files
// (locks, readers, sockets) are left out. Any thread.
func List(dir string) ([]Info, error) {
	dir = Dir(dir)
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault("list", dir, err)
	}
	var infos []Info
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, readersSuffix) || !entry.Type().IsRegular() {
			continue
		}
		infos = append(infos, describe(filepath.Join(dir, name)))
	}
	return infos, nil
}

// describe opens a file as a reader would, but without its pages in memory, and
// also when it is of another boot.
func describe(path string) Info {
	info := Info{Feed: filepath.Base(path), Path: path, HeartbeatAge: -1}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err == nil {
		info.SizeBytes = st.Size
	}
	m, err := mapPath(path)
	if err != nil {
		info.Err = fault("open segment", path, err)
		return info
	}
	err = m.Guard(func() { info.fill(m.view, time.Now()) })
	if err == nil {
		err = m.checkBoot()
	}
	if err != nil {
		info.Err = fault("open segment", path, err)
	}
	if err := m.Close(); err != nil && info.Err == nil {
		info.Err = fault("close segment", path, err)
	}
	return info
}

func (i *Info) fill(v *ring.View, now time.Time) {
	i.Venue, i.Generation, i.State, i.Source = v.Venue(), v.Generation(), v.State(), v.Source()
	i.OwnerPID, i.CreatedNS = v.OwnerPID(), v.CreatedRealtimeNS()
	i.Watermark, i.Instruments = v.Watermark(), v.InstrumentCount()
	if beat, at := v.HotHeartbeat(); beat > 0 {
		i.HeartbeatAge = max(0, now.Sub(time.Unix(0, at)))
	}
}
