// Command measure is what make bench runs: what a frame costs from its bytes to the
// record, what a record costs the writer, and how long it takes to a reader in
// another process, beside the raw transfer of as many cache lines in the same run.
//
// Everything that is timed runs in a process of its own, pinned; this program starts
// them turn by turn, gathers their samples and prints the report. The C sides are
// ../ping.c and ../reader.c. All processes stamp with one counter (ticks).
package main
