// Command soak lets simulated venues misbehave in random order for as long as it
// is told, and holds what a publisher made of it against what the venues did:
//
//	go run ./bench/soak --for 10m --seed 7 --venue all
//
// The venues are Gate.io spot, MEXC spot and Gate.io's perpetuals, side by side, each in
// rounds with another of its book channels. Publisher and venue are real but for the
// process: sockets on loopback with TLS, 100 instruments (--pairs) on four channels, and
// a reader that judges every record. After
// each storm of faults the venue falls silent and everything is compared with its
// account: the streams that are subscribed, items published stream by stream, ids
// and update ids without an unreported hole, state words, bad messages. The last
// line is
//
//	soak: faults=N mismatches=0 lost=0 leaks=0 recovery_p99_ms=N
//
// and the program ends with 1 unless all is 0 and recovery keeps the limit of one
// second. The seed, which is printed first, gives the order of faults and their
// parameters again; the scheduler's part cannot be repeated.
//
// With --record what is judged is not the session but its recordings:
//
//	go run ./bench/soak --record --tickring bin/tickring --for 10m --venue all
//
// Each venue, with one leg and with two (in a run below a minute with one or the other),
// misbehaves over a handful of pairs, with the venues' own deadlines and with users that
// ask over the control socket. A process (tickring record) records the whole run in parts,
// others are killed with SIGKILL, the last of them seconds after they began. This process
// reads what each publishes while it runs, replays its files (tickring replay --speed max)
// and reads that too. Of the whole run all must be equal: number and hash of the records
// live, replayed, and as recorder and replay say them. Of a killed recorder the replay is
// the beginning of what was live, ends with a whole event, and lacks nothing that was a
// second old (but for what a busy machine let this process wait in that second). Each
// venue ends with a line
//
//	record: venue=V legs=N faults=N records=N hash=H replayed=N hash=H equal=true kills=N killed_records=N killed_lost_ms=N killed_equal=true
//
// where killed_records were replayed of all that were killed and killed_lost_ms is the age
// of the oldest record that one of them lost. The program ends with 1 where a venue's
// are not equal, or nothing was recorded or killed.
package main
