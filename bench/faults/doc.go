// Package faults kills, stops, starves and damages the real thing: the built
// binary as publisher and as simulated venue, a reader in Go and one in C, each a
// process of its own. It has tests only.
//
// Both readers judge every record as it comes (check_test.go and
// testdata/checker.c hold the same rules), follow the feed from generation to
// generation and report in lines of JSON. Figures are printed as lines that begin
// with "faults:". TICKRING_FULL=1 runs the full counts; without a C compiler the
// tests go on with the Go reader alone and say so, or fail under
// TICKRING_REQUIRE_ALL=1.
package faults
