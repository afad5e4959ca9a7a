/* What the drain programs in C and C++ share: processor time and the lines they answer to. */
#ifndef BENCH_DRAIN_H
#define BENCH_DRAIN_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* This thread's processor time: what else runs on the machine does not count. */
static inline int64_t cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

/* The next "turn N" of standard input; 0 at its end. */
static inline int turn(void)
{
	int drains;
	return scanf(" turn %d", &drains) == 1 ? drains : 0;
}

static inline void answer_turn(uint64_t records, int64_t took, uint64_t check)
{
	printf("%" PRIu64 " %" PRId64 " %" PRIu64 "\n", records, took, check);
	fflush(stdout);
}

#endif
