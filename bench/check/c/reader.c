/*
 * The C reader's inputs of the check: a segment that the library's tests write, read N
 * times. Prints a line for each as a Go benchmark does. callgrind counts
 * from checkBegin to checkDone.
 *
 *     reader N
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "segment.h"
#include "tickring.h"

enum { SLOTS = 1024, FULL = SLOTS - SLOTS / 4 };

struct input {
	const char *name;
	void (*run)(tickring_reader *r, long n);
};

/* Where the check begins and ends to count; unlike, or the compiler makes one of them. */
__attribute__((noinline)) static void checkBegin(void) { __asm__ volatile(""); }
__attribute__((noinline)) static void checkDone(void) { __asm__ volatile("nop"); }

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "reader: %s\n", what);
	exit(1);
}

/* A ring of records read from the oldest on, again and again. */
static void next(tickring_reader *r, long n)
{
	tickring_record rec;
	for (long i = 0; i < n; i++)
		if (tickring_next(r, &rec, NULL) != TICKRING_RECORD) {
			tickring_from_oldest(r);
			must(tickring_next(r, &rec, NULL) == TICKRING_RECORD, "no record");
		}
}

static void next_head(tickring_reader *r, long n)
{
	tickring_record rec;
	for (long i = 0; i < n; i++)
		if (tickring_next_head(r, &rec, NULL) != TICKRING_RECORD) {
			tickring_from_oldest(r);
			must(tickring_next_head(r, &rec, NULL) == TICKRING_RECORD, "no record");
		}
}

static double cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	static const struct input inputs[] = {{"next", next}, {"next_head", next_head}};
	long n = argc == 2 ? atol(argv[1]) : 0;
	if (n < 1) {
		fprintf(stderr, "usage: reader N\n");
		return 2;
	}
	struct segment s;
	segment_make(&s, (struct segment_shape){.slots = SLOTS, .instruments = 8, .book_depth = 20, .generation = 1});
	for (int i = 0; i < FULL; i++) {
		tickring_record rec = numbered(s.next);
		segment_publish(&s, &rec);
	}
	tickring_reader *r;
	must(tickring_attach(s.dir, "test", NULL, &r) == 0, "cannot attach");
	tickring_from_oldest(r);
	for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
		double start = cpu_ns();
		checkBegin();
		inputs[i].run(r, n);
		checkDone();
		printf("Benchmark%s\t%ld\t%.2f ns/op\n", inputs[i].name, n, (cpu_ns() - start) / (double)n);
	}
	tickring_detach(r);
	segment_free(&s);
	return 0;
}
