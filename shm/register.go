package shm

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tickring/tickring/ring"
	"golang.org/x/sys/unix"
)

const (
	// readersLockTries and readersLockWait bound how long a reader waits for the lock
	// of the file of readers, which anybody who may write it can hold for ever.
	readersLockTries = 100
	readersLockWait  = time.Millisecond
)

// Registration is a reader's slot in the feed's file of readers. Its methods are for
// the reader's thread. Nothing of it is needed to read, and no fault of it is one of
// the feed.
type Registration struct {
	path     string
	file     *os.File
	buf      []byte
	readers  *ring.Readers
	slot     int
	claim    uint64
	base     time.Time // a moment of the clock that reports are stamped with
	baseNS   int64     // CLOCK_MONOTONIC then
	reported time.Duration
	stop     error // why reports have ended
}

// Register names the reader of this mapping in the feed's file of readers, so that
// `tickring stat` and the publisher tell its lag by name, at most 48 bytes. Errors:
// ErrNoReaders, ErrPermission, ErrReadersFull, ErrReadersBusy, ErrNotRegular,
// ErrOwner, ring.ErrReaders and the versions'. The caller reads on without. It may
// block for a tenth of a second. After moving to a Successor see Follow.
func (m *Mapping) Register(name string) (*Registration, error) {
	g := &Registration{path: readersPath(m.path), slot: -1, base: time.Now(), baseNS: monotonicNS()}
	if err := g.open(name, m.generation); err != nil {
		g.release()
		return nil, readersFault("register in", g.path, err)
	}
	return g, nil
}

func (g *Registration) open(name string, generation uint64) (err error) {
	g.file, err = os.OpenFile(g.path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if _, err := readReaders(g.path, g.file); err != nil {
		return err
	}
	g.buf, err = unix.Mmap(int(g.file.Fd()), 0, ring.ReadersSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	who, err := describeReader(name, generation)
	if err != nil {
		return err
	}
	if err := g.lock(); err != nil {
		return err
	}
	defer g.unlock()
	full := false
	cut := Guard(g.buf, func() {
		g.readers, err = ring.OpenReaders(g.buf, who.boot)
		full = err == nil && !g.take(&who.slot)
	})
	if full {
		err = fmt.Errorf("%w: %d of them", ErrReadersFull, ring.ReaderSlots)
	}
	return errors.Join(cut, err)
}

// claimant is what a reader writes of itself, found out before it takes the lock.
type claimant struct {
	boot [16]byte
	slot ring.ReaderSlot
}

func describeReader(name string, generation uint64) (c claimant, err error) {
	if c.boot, err = BootID(); err != nil {
		return c, err
	}
	if c.slot.StartTime, err = startTime(); err != nil {
		return c, err
	}
	if c.slot.PIDNamespace, err = pidNamespace(); err != nil {
		return c, err
	}
	c.slot.PID, c.slot.Generation, c.slot.UpdatedMonotonicNS = uint32(os.Getpid()), generation, monotonicNS()
	c.slot.SetName(name)
	return c, nil
}

// take claims a slot: the first that was given back, else the first whose reader is
// gone, which takes longer to find out. The lock is held, the mapping guarded.
func (g *Registration) take(who *ring.ReaderSlot) bool {
	var slot ring.ReaderSlot
	for _, ask := range []bool{false, true} {
		for i := range ring.ReaderSlots {
			taken := g.readers.Slot(i, &slot)
			if !taken || ask && gone(&slot, who.PIDNamespace, who.UpdatedMonotonicNS) {
				g.slot, g.claim = i, g.readers.Claim(i, who)
				return true
			}
		}
	}
	return false
}

// lock takes the write lock on the file's first byte.
func (g *Registration) lock() error {
	for range readersLockTries {
		first := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Len: 1}
		err := unix.FcntlFlock(g.file.Fd(), unix.F_OFD_SETLK, &first)
		if err == nil || !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			return err
		}
		time.Sleep(readersLockWait)
	}
	return ErrReadersBusy
}

func (g *Registration) unlock() {
	first := unix.Flock_t{Type: unix.F_UNLCK, Whence: unix.SEEK_SET, Len: 1}
	_ = unix.FcntlFlock(g.file.Fd(), unix.F_OFD_SETLK, &first) // closing the file does it too
}

// Report tells the reader's cursor and losses, at most every 10 ms: calls in between
// cost a read of the clock, so call it every thousand records or when there is
// nothing to read. It makes no system call and does not allocate. A file that was cut
// short ends the reports (see Fault) and nothing else.
func (g *Registration) Report(r *ring.Reader) {
	if now := time.Since(g.base); g.stop == nil && now-g.reported >= ring.ReaderReportNS {
		g.reported = now
		g.store(r.View().Generation(), r.NextSequence(), r.Stats, g.baseNS+int64(now))
	}
}

// Tell is Report for a reader that has no ring.Reader: it has seen all up to sequence
// last.
func (g *Registration) Tell(v *ring.View, last uint64) {
	if now := time.Since(g.base); g.stop == nil && now-g.reported >= ring.ReaderReportNS {
		g.reported = now
		g.store(v.Generation(), last+1, ring.ReaderStats{}, g.baseNS+int64(now))
	}
}

func (g *Registration) store(generation, cursor uint64, stats ring.ReaderStats, nowNS int64) {
	held := false
	cut := Guard(g.buf, func() { held = g.readers.Report(g.slot, g.claim, generation, cursor, stats, nowNS) })
	switch {
	case cut != nil:
		g.stop = cut
	case !held:
		g.stop = fmt.Errorf("%w: slot %d was taken away", ErrReadersFull, g.slot)
	}
}

// Fault is nil while reports are stored, or says why they have ended.
func (g *Registration) Fault() error { return g.stop }

// Follow keeps the registration when the reader has moved to mapping next of the same
// feed: the same one, or a new one where the name leads to another file by now.
// Where that fails the old one is given back, and the error is Register's.
func (g *Registration) Follow(next *Mapping, name string) (*Registration, error) {
	if same, err := leadsTo(g.path, g.file); err == nil && same && g.stop == nil {
		return g, nil
	}
	_ = g.Close() // its file has no name any more, or its slot is lost
	return next.Register(name)
}

// Close gives the slot back; where the lock cannot be had it stays until the process
// ends. A second call does nothing.
func (g *Registration) Close() error {
	if g.file == nil {
		return nil
	}
	var err error
	if g.stop == nil {
		if err = g.lock(); err == nil {
			err = Guard(g.buf, func() { g.readers.Free(g.slot, g.claim) })
			g.unlock()
		}
	}
	g.release()
	if err != nil {
		return readersFault("unregister from", g.path, err)
	}
	return nil
}

func (g *Registration) release() {
	g.stop = ErrUnmapped
	if g.buf != nil {
		_ = unix.Munmap(g.buf) // of our own making
		g.buf = nil
	}
	if g.file != nil {
		_ = g.file.Close() // everything was stored through the mapping
		g.file = nil
	}
}
