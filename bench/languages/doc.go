// Command languages is what make bench-readers runs: every language's reader beside the C
// reader, in one run.
//
// Cost: each way to read is a process "PROGRAM drain WAY PATH" over one full ring. For each
// line "turn N" it drains the ring N times from its oldest record, and answers "RECORDS NS
// CHECK": NS of its thread's processor time, CHECK the sum of what it took of the records.
// Each takes its turns beside one of C.
//
// Latency: "PROGRAM spin PATH WARM" reads what bench/measure's writer sends and prints what
// ../reader.c does. A language without the counter stamps with the monotonic clock, which
// two readings of both clocks around each run turn into the counter's ticks.
package main
