/* What the bench's C programs share: the clock, pinning, and how they end. */
#ifndef BENCH_TICKS_H
#define BENCH_TICKS_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Unix time in ns. */
static inline int64_t unix_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * The counter that every process of the bench stamps with: the time stamp counter on
 * x86-64, read after all earlier loads are done, Unix ns elsewhere.
 */
static inline int64_t ticks(void)
{
#if defined(__x86_64__)
	__builtin_ia32_lfence();
	return (int64_t)__builtin_ia32_rdtsc();
#else
	return unix_ns();
#endif
}

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Binds the calling process to one CPU. */
static inline void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		die("pin to CPU");
}

/* A number of the command line. */
static inline long number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (*text == 0 || *end != 0 || n < 0) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(2);
	}
	return n;
}

#endif
