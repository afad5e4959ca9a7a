package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// transcript is what a reader got of a feed, as the hash of each beginning of it: a
// recording that ends anywhere can be held against it. The hash is made here from what
// the documentation says of it: SHA-256 over the fields of each record in the order of
// the layout, but for commit and publish time.
type transcript struct {
	m      *shm.Mapping
	reader *ring.Reader
	hash   hash.Hash
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once

	// Of the goroutine that follows, until done.
	sums   [][sha256.Size]byte // of the first record, the first two, and so on
	recvNS []int64
	kinds  []ring.Kind
	flags  ring.Flags // of the last record
	failed string
}

// followFeed reads a feed from its first record.
func followFeed(dir, feed string) (*transcript, error) {
	m, err := shm.Open(dir, feed)
	if err != nil {
		return nil, err
	}
	t := newTranscript()
	t.m, t.reader = m, ring.NewReader(m.View())
	t.reader.Seek(1)
	go func() {
		defer close(t.done)
		t.follow()
	}()
	return t, nil
}

func newTranscript() *transcript {
	return &transcript{hash: sha256.New(), stop: make(chan struct{}), done: make(chan struct{})}
}

// follow reads until the feed is closed, or it is stopped and nothing is left.
func (t *transcript) follow() {
	var r ring.Record
	for {
		switch a := t.reader.Next(&r); a {
		case ring.AnswerRecord:
			t.add(&r)
		case ring.AnswerEmpty, ring.AnswerStale:
			select {
			case <-t.stop:
				return
			default:
				t.reader.Wait(20 * time.Millisecond)
			}
		case ring.AnswerClosed:
			return
		case ring.AnswerOverrun:
			t.failed = fmt.Sprintf("the reader lost %d records", t.reader.Lost())
			return
		default:
			t.failed = "the reader got " + a.String()
			return
		}
	}
}

func (t *transcript) add(r *ring.Record) {
	var buf [ring.RecordSize]byte
	b := append(buf[:0], byte(r.Kind), byte(r.PriceExponent), byte(r.QuantityExponent), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(r.Flags))
	b = binary.LittleEndian.AppendUint16(b, r.Instrument)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.RecvTimeNS))
	b = binary.LittleEndian.AppendUint64(b, r.VenueSequence)
	for _, word := range r.Body {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	t.hash.Write(binary.LittleEndian.AppendUint64(b, uint64(r.EventTimeNS)))
	var sum [sha256.Size]byte
	t.hash.Sum(sum[:0])
	t.sums, t.recvNS, t.kinds = append(t.sums, sum), append(t.recvNS, r.RecvTimeNS), append(t.kinds, r.Kind)
	t.flags = r.Flags
}

// end reads what is left and lets the feed go; what was read stays. Once more does
// nothing.
func (t *transcript) end() error {
	var err error
	t.once.Do(func() {
		close(t.stop)
		<-t.done
		err = t.m.Close()
	})
	return err
}

// count is how many records came.
func (t *transcript) count() uint64 { return uint64(len(t.sums)) }

// sum is the hash of all records, in hexadecimal.
func (t *transcript) sum() string {
	if len(t.sums) == 0 {
		empty := sha256.Sum256(nil)
		return hex.EncodeToString(empty[:])
	}
	return hex.EncodeToString(t.sums[len(t.sums)-1][:])
}

// torn says that the last record is not the last of its event.
func (t *transcript) torn() bool { return len(t.sums) > 0 && t.flags&ring.FlagLast == 0 }

// age is how old the oldest record behind the first n was at a time, in Unix ns; 0 where
// there is none.
func (t *transcript) age(n uint64, atNS int64) time.Duration {
	if n >= t.count() {
		return 0
	}
	return max(0, time.Duration(atNS-t.recvNS[n]))
}

// differs says where another transcript begins to be another one, "" where it is the
// beginning of this.
func (t *transcript) differs(other *transcript) string {
	for i, sum := range other.sums {
		if i >= len(t.sums) {
			return fmt.Sprintf("%d records, and there were %d", len(other.sums), len(t.sums))
		}
		if sum != t.sums[i] {
			return fmt.Sprintf("record %d of %d is another: a %s where a %s was", i+1, len(other.sums), other.kinds[i], t.kinds[i])
		}
	}
	return ""
}
