package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A publisher that is killed at random moments under full load, and started again
// at once, never makes a reader crash, hang or hand out a torn record; both end in
// its last generation, with every record accounted for.
func TestPublisherKilled(t *testing.T) {
	kills := counted(20, 200)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	fmt.Printf("faults: seed=%d\n", seed)
	const slots, underLoad = 256, 2048
	dir := feedDir(t)
	venues := []*venue{startVenue(t, 20_000, 20), startVenue(t, 20_000, 20, "--tls")}
	readers := startReaders(t, dir, 100*time.Millisecond)

	waits := []string{"adaptive", "block", "busy"}
	var generation uint64
	loaded := 0
	for i := range kills {
		p := startPublisher(t, dir, venues[i%2], slots, "--wait", waits[i%len(waits)])
		if random.IntN(5) > 0 { // the others are killed on their way to the first record
			generation = awaitFeed(t, dir, p, underLoad).View().Generation()
			loaded++
		}
		time.Sleep(time.Duration(random.Int64N(int64(400 * time.Millisecond))))
		p.kill()
	}
	p := startPublisher(t, dir, venues[0], slots)
	m := awaitFeed(t, dir, p, underLoad)
	generation = m.View().Generation()
	for _, r := range readers {
		r.await(t, "re-attach to the last generation", patience, func(s report) bool {
			return s.Generation == generation && s.Next > 1
		})
	}
	p.end(t)
	attached, torn, fates := 0, uint64(0), map[fate]int{}
	for _, r := range readers {
		r.awaitEvent(t, eventClosed, 0, patience)
		assert.Equal(t, m.View().LastSequence()+1, r.now().Next, "%s reader: drained to the last record", r.name)
		fates[r.close()]++
		last := r.now()
		if last.Generation == generation {
			attached++
		}
		torn += last.Torn + last.Misplaced
		assert.Empty(t, last.Why, "%s reader", r.name)
		assert.NotZero(t, last.Overruns, "%s reader: the ring was to be small enough to be lapped", r.name)
		fmt.Printf("faults: reader=%s generations=%d got=%d lost=%d skipped=%d overruns=%d rejected=%d board=%d busy=%d\n",
			r.name, last.Moved+1, last.Got, last.Lost, last.Skipped, last.Overruns, last.Rejected, last.Board, last.Busy)
	}
	fmt.Printf("faults: kills=%d loaded=%d generation=%d torn=%d hangs=%d crashes=%d reattached=%d/%d\n",
		kills, loaded, generation, torn, fates[hung], fates[crashed], attached, len(readers))
	assert.Zero(t, torn)
	assert.Equal(t, len(readers), fates[endedWell])
	assert.Equal(t, len(readers), attached)
}
