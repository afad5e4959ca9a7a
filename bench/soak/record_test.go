package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// A short run of every venue: what was recorded of it is replayed to the last record, and
// killed recorders lose less than the limit.
func TestShortRecordings(t *testing.T) {
	program := filepath.Join(t.TempDir(), "tickring")
	text, err := exec.Command("go", "build", "-o", program, "../../cmd/tickring").CombinedOutput()
	require.NoError(t, err, "%s", text)
	var out bytes.Buffer
	results, err := record(options{length: 5 * time.Second, venue: allVenues, pairs: shortPairs, program: program, out: &out})
	t.Logf("\n%s", &out)
	require.NoError(t, err)
	require.Len(t, results, len(venues))
	for _, r := range results {
		t.Log(r)
		assert.True(t, r.good(), r.venue)
	}
}

// scriptEndNS is a tenth of a second behind the last record of a script of twenty.
const scriptEndNS = int64(2 * time.Second)

// script is what a test lets readers get: n trades, a tenth of a second apart.
func script(n int) []ring.Record {
	var all []ring.Record
	for i := range n {
		r := ring.Record{Kind: ring.KindTrade, Flags: ring.FlagFirst | ring.FlagLast, RecvTimeNS: int64(i) * int64(100*ms), VenueSequence: uint64(i)}
		r.Trade().Price, r.EventTimeNS = 100, r.RecvTimeNS
		all = append(all, r)
	}
	return all
}

// heard is the transcript of records.
func heard(records []ring.Record) *transcript {
	t := newTranscript()
	for i := range records {
		t.add(&records[i])
	}
	return t
}

// replayOf is a replay that gave its reader these records and says so.
func replayOf(records []ring.Record) *replayed {
	p := &replayed{read: heard(records)}
	p.Records, p.Hash = p.read.count(), p.read.sum()
	return p
}

// What a replay may get wrong, of twenty records.
var changes = []struct {
	name   string
	change func(all []ring.Record) []ring.Record
	found  string
}{
	{"a record is dropped", func(all []ring.Record) []ring.Record { return append(all[:7], all[8:]...) }, "record 8 of 19 is another"},
	{"a record comes twice", func(all []ring.Record) []ring.Record {
		return append(all[:8], append([]ring.Record{all[7]}, all[8:]...)...)
	}, "record 9 of 21 is another"},
	{"the last comes twice", func(all []ring.Record) []ring.Record { return append(all, all[19]) }, "21 records, and there were 20"},
	{"two change places", func(all []ring.Record) []ring.Record {
		all[7], all[8] = all[8], all[7]
		return all
	}, "record 8 of 20 is another"},
	{"a price", func(all []ring.Record) []ring.Record { all[7].Trade().Price++; return all }, "record 8 of 20 is another"},
	{"a kind", func(all []ring.Record) []ring.Record { all[7].Kind = ring.KindDepth; return all }, "a DEPTH where a TRADE was"},
	{"a flag", func(all []ring.Record) []ring.Record { all[7].Flags |= ring.FlagRepeat; return all }, "record 8 of 20 is another"},
	{"an instrument", func(all []ring.Record) []ring.Record { all[7].Instrument++; return all }, "record 8 of 20 is another"},
	{"an exponent", func(all []ring.Record) []ring.Record { all[7].PriceExponent--; return all }, "record 8 of 20 is another"},
	{"a venue sequence", func(all []ring.Record) []ring.Record { all[7].VenueSequence++; return all }, "record 8 of 20 is another"},
	{"a receive time", func(all []ring.Record) []ring.Record { all[7].RecvTimeNS++; return all }, "record 8 of 20 is another"},
	{"an event time", func(all []ring.Record) []ring.Record { all[7].EventTimeNS++; return all }, "record 8 of 20 is another"},
}

// Both comparisons find whatever a replay gets wrong, and nothing where only times of
// publishing differ.
func TestReplayIsHeldAgainstWhatWasLive(t *testing.T) {
	live := heard(script(20))
	said := feed.RecordSummary{Records: live.count(), Hash: live.sum()}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			p := replayOf(c.change(script(20)))
			assert.Contains(t, wholeDiffers(said, live, p), c.found)
			assert.Contains(t, killedDiffers(live, p, scriptEndNS), c.found)
		})
	}
	later := script(20)
	later[7].PublishTimeNS++
	assert.Empty(t, wholeDiffers(said, live, replayOf(later)))
	assert.Empty(t, killedDiffers(live, replayOf(later), scriptEndNS))
}

// Of a whole recording nothing may be missing, and recorder, replay and readers agree.
func TestWholeRecordingIsWhole(t *testing.T) {
	live := heard(script(20))
	said := feed.RecordSummary{Records: live.count(), Hash: live.sum()}
	require.Empty(t, wholeDiffers(said, live, replayOf(script(20))))

	assert.Contains(t, wholeDiffers(said, live, replayOf(script(19))), "19 records were replayed of 20")
	assert.Contains(t, wholeDiffers(feed.RecordSummary{Records: 20}, live, replayOf(script(20))), "the recorder says 20 records")
	assert.Contains(t, wholeDiffers(feed.RecordSummary{Records: 19, Hash: said.Hash}, live, replayOf(script(20))), "the recorder says 19 records")
	liar := replayOf(script(20))
	liar.Hash = said.Hash[1:]
	assert.Contains(t, wholeDiffers(said, live, liar), "the replay says 20 records")
	lapped := heard(script(20))
	lapped.failed = "the reader lost 3 records"
	assert.Contains(t, wholeDiffers(said, lapped, replayOf(script(20))), "lost 3 records")
}

// A killed recorder may lack less than a second, and nothing torn.
func TestKilledRecordingMayEndEarly(t *testing.T) {
	live := heard(script(20))
	assert.Empty(t, killedDiffers(live, replayOf(script(11)), scriptEndNS), "900 ms")
	assert.Contains(t, killedDiffers(live, replayOf(script(10)), scriptEndNS), "the last 1000 ms are lost")
	assert.Contains(t, killedDiffers(live, replayOf(nil), scriptEndNS), "the last 2000 ms are lost")

	torn := script(15)
	torn[14].Flags = ring.FlagFirst
	cut := script(20)
	cut[14].Flags = ring.FlagFirst
	assert.Contains(t, killedDiffers(heard(cut), replayOf(torn), scriptEndNS), "within an event")
	liar := replayOf(script(15))
	liar.Records++
	assert.Contains(t, killedDiffers(live, liar, scriptEndNS), "the replay says 16 records")
}

// A recorder that was killed before it wrote anything gave nothing, any other error is one;
// whether it was young enough is seen by the age of what was live.
func TestReplayOfNothing(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{feed: "killed", path: filepath.Join(dir, "killed.rec"), live: heard(script(20))}
	says := func(text string) string {
		path := filepath.Join(dir, "program")
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho '"+text+"' >&2\nexit 1\n"), 0o700))
		return path
	}
	require.NoError(t, os.WriteFile(r.path+".0001", nil, 0o600))
	p, err := r.replay(says("recording: "+nothingWhole), dir)
	require.NoError(t, err)
	assert.Contains(t, killedDiffers(r.live, p, scriptEndNS), "the last 2000 ms are lost")
	assert.Empty(t, killedDiffers(r.live, p, scriptEndNS/2-1))

	_, err = r.replay(says("it is damaged"), dir)
	assert.ErrorContains(t, err, "it is damaged")
	require.NoError(t, os.WriteFile(r.path+".0002", nil, 0o600))
	_, err = r.replay(says("recording: "+nothingWhole), dir)
	assert.ErrorContains(t, err, nothingWhole, "what was whole before is lost")
}

// Any part of a result that is not as it should be makes it bad.
func TestRecordResultIsGood(t *testing.T) {
	good := recordResult{equal: true, killedEqual: true, records: 1, kills: 1, killedRecords: 1, faults: 1, killedLoss: lossLimit - 1}
	require.True(t, good.good())
	for name, spoil := range map[string]func(r *recordResult){
		"not equal":        func(r *recordResult) { r.equal = false },
		"killed not equal": func(r *recordResult) { r.killedEqual = false },
		"no records":       func(r *recordResult) { r.records = 0 },
		"no kills":         func(r *recordResult) { r.kills = 0 },
		"nothing killed":   func(r *recordResult) { r.killedRecords = 0 },
		"no faults":        func(r *recordResult) { r.faults = 0 },
		"a second lost":    func(r *recordResult) { r.killedLoss = lossLimit },
	} {
		bad := good
		spoil(&bad)
		assert.False(t, bad.good(), name)
	}
}
