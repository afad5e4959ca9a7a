// Command quiet shows what disturbs the hot thread: the simulator and a publisher as
// processes over loopback TLS at 50,000 messages a second, and beside it a loop in C that
// does the same system calls and nothing else, on the same CPU, before and after.
//
// The publisher is the test binary of package feed, whose TestQuietPublisher puts a clock
// under the hot thread that notes the time between its readings, and reads the thread's
// context switches and the runtime's pauses. The hot thread spins, so that it always runs
// Go code and every stop of the world touches it: stw_touching_hot is the number of
// pauses. The gaps of both sides hold what the host takes away too.
//
// The thread's voluntary switches are the scheduler's: it preempts a goroutine that has
// run for 10 ms, and one that is locked to its thread sleeps until another has handed the
// processor back.
package main
