package readers

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// against is a rig of the reference and one other driver, which is not expected to end
// well.
func against(t *testing.T, run string) *rig {
	t.Helper()
	r := &rig{t: t, drivers: []*process{startDriver(t, present[0]), startDriver(t, candidate{name: "control", run: run})}}
	t.Cleanup(func() {
		assert.NoError(t, r.drivers[0].end())
		_ = r.drivers[1].end() // it was made to fail
	})
	return r
}

// The kit finds a driver that lies about one number, that keeps a line back, that dies, and
// that hangs.
func TestTheKitFindsWhatIsWrong(t *testing.T) {
	const patience = 500 * time.Millisecond
	s := write(t, t.TempDir(), layout("control", turns))
	s.beat()
	s.quotes(2)
	open := "open " + s.path()
	reference := strings.TrimPrefix(present[0].run, "exec ")
	cases := []struct{ name, run, want string }{
		{"no fault", "exec " + reference, ""},
		{"a wrong digit", reference + " | sed -u 's/ask_quantity=5/ask_quantity=6/'", "control differs on \"next 2\""},
		{"a missing line", reference + " | sed -u '/sequence=2/d'", "control differs on \"next 2\""},
		{"a line too many", reference + " | sed -u 's/^RECORD sequence=2/EMPTY\\n&/'", "control differs on \"next 2\""},
		{"death", "read line; echo OPENED generation=1 next=1; echo .; read line; exit 3", "control: ended within the reply to \"next 2\""},
		{"silence", "while read line; do echo OPENED generation=1 next=1; test \"$line\" = 'next 2' || echo .; done", "control: no reply to \"next 2\" within"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := against(t, c.run)
			require.Empty(t, r.verdict(open, r.start(open, replyWithin+slack)(), nil))
			within := replyWithin + slack
			if c.name == "silence" {
				within = patience
			}
			errs := r.verdict("next 2", r.start("next 2", within)(), nil)
			if c.want == "" {
				assert.Empty(t, errs)
				return
			}
			require.Len(t, errs, 1)
			assert.Contains(t, errs[0].Error(), c.want)
		})
	}
}

// A live log that is not whole is refused: a wrong hash, a hole, a wrong loss, an end too soon.
func TestAccountsThatDoNotAddUp(t *testing.T) {
	const records = 20
	run := func(first, last uint64) string { return runText(first, last, hashOf(first, last)) }
	good := []string{run(1, 4), "OVERRUN lost=6 next=11", run(11, records), "CLOSED"}
	overruns, read, faults := audit(good, records)
	assert.Empty(t, faults)
	assert.Equal(t, 1, overruns)
	assert.Equal(t, uint64(14), read)
	for name, bad := range map[string][]string{
		"hash":         {runText(1, 4, hashOf(1, 4)^1), good[1], good[2], "CLOSED"},
		"hole":         {run(1, 3), good[1], good[2], "CLOSED"},
		"loss":         {good[0], "OVERRUN lost=7 next=11", good[2], "CLOSED"},
		"untold loss":  {good[0], good[2], "CLOSED"},
		"end":          {good[0], good[1], run(11, 19), "CLOSED"},
		"no last word": good[:3],
		"twice":        {good[0], good[1], good[2], good[2], "CLOSED"},
		"other words":  {good[0], good[1], good[2], "EMPTY", "CLOSED"},
		"nothing":      {},
	} {
		_, _, faults := audit(bad, records)
		assert.NotEmpty(t, faults, name)
	}
}
