// Command check compares the working tree with its base: how many instructions fixed
// inputs need, counted by callgrind, and how long they take, by turns.
//
// An input is a benchmark of a package's test binary, or one of c/reader.c; inputs.txt
// names them. Both sides are built the same way, the base in a directory of its own.
// Files named check_timing_test.go, and c/reader.c, are the head's on both sides, so that
// both do the same work; where the base cannot be built with them it keeps its own.
//
// Instructions. Each binary runs once under callgrind, which counts from where an input
// calls checkBegin to where it calls checkDone, and writes a part each time: one run
// counts all of a package, and starting up, making the input's world and warming up are
// not in it. The collector is off, the runtime has one processor and no preemption by
// signals; of the threads the one that did most counts. The kernel's instructions are
// not counted.
//
// Ratios. The binaries run by turns, a few short rounds; a ratio is the median of the
// rounds' quotients. The base runs twice a round, which tells the machine's noise. A
// ratio is worse only if three quarters of the rounds are beyond the limit and beyond
// three quarters of that noise, and a second, longer series says so again.
//
// Packages whose two binaries are the same bytes are the same program and not run.
package main
