package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

const (
	// recordSlots hold half a minute of the busiest of these feeds.
	recordSlots = 1 << 17
	// startLimit and endLimit are of a busy machine.
	startLimit = 30 * time.Second
	endLimit   = 30 * time.Second
)

// recorder is a process that records connections of its own and publishes them too,
// and a reader of what it publishes.
type recorder struct {
	feed, path string
	cmd        *exec.Cmd
	out, said  bytes.Buffer
	ended      chan struct{}
	err        error // of the process; once it has ended
	live       *transcript
	killedNS   int64 // when it was killed, Unix ns, but for what it waited for a CPU before
}

// startRecorder starts one and waits until its feed is there.
func startRecorder(program, dir, name string, args ...string) (*recorder, error) {
	r := &recorder{feed: name, path: filepath.Join(dir, name+".rec"), ended: make(chan struct{})}
	args = append([]string{"record", "--dir", dir, "--feed", name, "-o", r.path, "--json", "--quiet", "--source", "simulated",
		"--slots", fmt.Sprint(recordSlots)}, args...)
	r.cmd = exec.Command(program, args...)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.said
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start recorder: %w", err)
	}
	go func() {
		defer close(r.ended)
		r.err = r.cmd.Wait()
	}()
	if err := r.awaitFeed(dir); err != nil {
		return nil, err
	}
	return r, nil
}

// awaitFeed waits until the feed is there, and reads it. Of a recorder that fails nothing
// is left.
func (r *recorder) awaitFeed(dir string) error {
	for began := time.Now(); ; time.Sleep(look) {
		var err error
		if r.live, err = followFeed(dir, r.feed); err == nil {
			return nil
		}
		if r.hasEnded() {
			return fmt.Errorf("recorder ended: %w", r.explain())
		}
		if time.Since(began) > startLimit {
			return errors.Join(fmt.Errorf("no feed of the recorder: %w", err), r.kill())
		}
	}
}

func (r *recorder) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// explain is how it ended and what it said.
func (r *recorder) explain() error {
	return fmt.Errorf("%s, %s", r.cmd.ProcessState, strings.TrimSpace(r.said.String()))
}

// killAfter lets it live for a time and then kills it. A machine that is busy with others lets a
// recorder wait, and that is no fault of it: how long this process itself waited for a CPU in
// the time that may be lost is taken from the moment of the kill.
func (r *recorder) killAfter(life time.Duration) error {
	var waited time.Duration
	for end := time.Now().Add(life); time.Now().Before(end); {
		began := time.Now()
		time.Sleep(look)
		if time.Until(end) < lossLimit {
			waited += time.Since(began) - look
		}
	}
	err := r.kill()
	r.killedNS -= int64(waited)
	return err
}

// kill ends it by force, and its reader once that has read everything. One that had
// ended by itself is an error.
func (r *recorder) kill() error {
	var err error
	if r.hasEnded() {
		err = fmt.Errorf("%s ended by itself: %w", r.feed, r.explain())
	}
	r.killedNS = time.Now().UnixNano()
	_ = r.cmd.Process.Kill() // it may be ending: how it ended is seen next
	<-r.ended
	if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); err == nil && (!ok || status.Signal() != syscall.SIGKILL) {
		err = fmt.Errorf("%s ended by itself: %w", r.feed, r.explain())
	}
	if r.live == nil {
		return err
	}
	return errors.Join(err, r.live.end())
}

// close ends it as a user would, and gives what it says that it recorded.
func (r *recorder) close() (sum feed.RecordSummary, err error) {
	if r.hasEnded() {
		return sum, errors.Join(fmt.Errorf("%s ended by itself: %w", r.feed, r.explain()), r.live.end())
	}
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return sum, fmt.Errorf("interrupt recorder: %w", err)
	}
	select {
	case <-r.ended:
	case <-time.After(endLimit):
		return sum, errors.Join(errors.New("the recorder does not end"), r.kill())
	}
	if err := r.live.end(); err != nil {
		return sum, err
	}
	if r.err != nil {
		return sum, fmt.Errorf("recorder: %w", r.explain())
	}
	if err := json.Unmarshal(r.out.Bytes(), &sum); err != nil {
		return sum, fmt.Errorf("summary of the recorder: %w", err)
	}
	return sum, nil
}

// discard ends one that may have ended already; nothing of it is wanted any more.
func (r *recorder) discard() error {
	if r.hasEnded() {
		return nil
	}
	return r.kill()
}

// files are the recording's parts in order: their numbers have leading zeros.
func (r *recorder) files() ([]string, error) {
	if _, err := os.Stat(r.path); err == nil {
		return []string{r.path}, nil
	}
	parts, err := filepath.Glob(r.path + ".*")
	if err == nil && len(parts) == 0 {
		err = fmt.Errorf("no file %s", r.path)
	}
	return parts, err
}

// replayed is a replay as it says itself, and as a reader of its segment got it.
type replayed struct {
	feed.ReplaySummary
	read *transcript
}

// replay replays the recorder's files as fast as it goes, into a segment that holds all.
func (r *recorder) replay(program, dir string) (*replayed, error) {
	files, err := r.files()
	if err != nil {
		return nil, err
	}
	name := r.feed + "-replay"
	defer removeFeed(dir, name)
	// A power of two above what the reader got: of a replay that has more, its reader loses
	// some and says so.
	slots := 1 << bits.Len64(max(r.live.count(), ring.MinSlots))
	args := append([]string{"replay", "--dir", dir, "--feed", name, "--speed", "max", "--json", "--quiet", "--slots", fmt.Sprint(slots)}, files...)
	cmd := exec.Command(program, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	p := &replayed{}
	if len(out) > 0 {
		err = errors.Join(err, json.Unmarshal(out, &p.ReplaySummary))
	}
	if err != nil && len(files) == 1 && strings.Contains(said.String(), nothingWhole) {
		return replayedNothing(), nil
	}
	if err != nil {
		return p, fmt.Errorf("replay %s: %w: %s", r.feed, err, strings.TrimSpace(said.String()))
	}
	if p.read, err = followFeed(dir, name); err != nil {
		return p, err
	}
	return p, p.read.end()
}

// nothingWhole is what a replay says of a recorder that was killed before it wrote
// anything: whether it was too young for that is for the judge.
const nothingWhole = "there is no whole block in it"

func replayedNothing() *replayed {
	p := &replayed{read: newTranscript()}
	p.Hash = p.read.sum()
	return p
}

// removeFeed removes a segment that nobody reads any more: it is large.
func removeFeed(dir, name string) {
	_ = os.Remove(filepath.Join(dir, name)) // the whole directory goes at the end
}
