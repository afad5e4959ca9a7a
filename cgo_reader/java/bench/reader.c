/*
 * The C side of the bench: drain a full ring again and again, through the library as it is.
 *
 *     bench_reader PATH
 *
 * For each line on standard input it drains the segment from its oldest record ROUNDS times
 * and prints "RECORDS NANOSECONDS CHECK", nanoseconds of this thread's processor time.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tickring.h"

enum { ROUNDS = 4 };

static int64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	tickring_reader *reader;
	tickring_record rec;
	char line[16];
	int err = argc == 2 ? tickring_attach_path(argv[1], NULL, &reader) : TICKRING_E_ARGUMENT;
	if (err != 0) {
		fprintf(stderr, "bench_reader: %s\n", tickring_strerror(err));
		return 1;
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		uint64_t records = 0;
		uint64_t check = 0; /* so that what is read is used */
		int64_t start = cpu_ns();
		for (int i = 0; i < ROUNDS; i++) {
			tickring_from_oldest(reader);
			while (tickring_next(reader, &rec, NULL) == TICKRING_RECORD) {
				check += (uint64_t)rec.body.book_ticker.bid_price;
				records++;
			}
		}
		printf("%" PRIu64 " %" PRId64 " %" PRIu64 "\n", records, cpu_ns() - start, check);
		fflush(stdout);
	}
	tickring_detach(reader);
	return 0;
}
