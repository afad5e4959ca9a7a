/*
 * The C reader's inputs of the check: a segment that the library's tests write, read N
 * times. Prints a line for each as a Go benchmark does. callgrind ends a part at
 * input_done.
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

__attribute__((noinline)) static void input_done(const char *name, long n, double ns)
{
	printf("Benchmark%s\t%ld\t%.2f ns/op\n", name, n, ns);
}

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

/* A look at a slot with nothing new. */
static void next_empty(tickring_reader *r, long n)
{
	tickring_record rec;
	tickring_from_latest(r);
	for (long i = 0; i < n; i++)
		(void)tickring_next(r, &rec, NULL);
	tickring_from_oldest(r);
}

static double cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	static const struct input inputs[] = {{"Next", next}, {"NextHead", next_head}, {"NextEmpty", next_empty}};
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
		inputs[i].run(r, n);
		input_done(inputs[i].name, n, (cpu_ns() - start) / (double)n);
	}
	tickring_detach(r);
	segment_free(&s);
	return 0;
}
