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
package main
