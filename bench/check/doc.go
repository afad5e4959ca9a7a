// Command check compares the working tree with its base: how many instructions fixed
// inputs need, counted by callgrind, and how long they take, by turns.
//
// An input is a benchmark of a package's test binary, or one of c/reader.c; inputs.txt
// names them. Both sides are built the same way, the base in a directory of its own.
// Files named check_timing_test.go, and c/reader.c, are the head's on both sides, so that
// both do the same work; where the base cannot be built with them it keeps its own.
//
// Instructions. Each binary runs under callgrind twice, with N and with 2N repetitions,
// and the difference is divided by N: what starting up costs is in both and cancels
// out. callgrind writes a part whenever the testing package puts a result into words,
// which is once for each benchmark, so that one run counts all of a package. The
// collector is off, the runtime has one processor and no preemption. The count is of
// all threads' user code; the kernel's is not in it.
//
// Ratios. The binaries run by turns, a few short rounds; a ratio is the median of the
// rounds' quotients. It is worse only if three quarters of the rounds are beyond the
// limit, and a second, longer series says so again: the machine is shared.
//
// Packages whose two binaries are the same bytes are the same program and not run.
package main
