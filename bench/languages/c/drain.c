/*
 * The C side of the bench of languages, through the library as it is.
 *
 *     drain drain next|head PATH    a full ring again and again, see ../doc.go
 *     drain clock                   prints "TICKS NS", one moment by the bench's counter and
 *                                   by the monotonic clock
 */
#define _GNU_SOURCE
#include <string.h>

#include "drain.h"
#include "ticks.h"
#include "tickring.h"

enum { READINGS = 2000 };

static uint64_t drain(tickring_reader *r, int (*next)(tickring_reader *, tickring_record *, uint64_t *),
                      uint64_t *check)
{
	tickring_record rec;
	uint64_t records = 0;
	tickring_from_oldest(r);
	while (next(r, &rec, NULL) == TICKRING_RECORD) {
		*check += (uint64_t)rec.body.book_ticker.bid_price;
		records++;
	}
	return records;
}

/* The reading with the shortest way between the two looks at the counter. */
static void moment(void)
{
	int64_t best = INT64_MAX, at = 0, ns = 0;
	for (int i = 0; i < READINGS; i++) {
		int64_t from = ticks(), now = clock_ns(CLOCK_MONOTONIC), to = ticks();
		if (to - from < best) {
			best = to - from;
			at = from + best / 2;
			ns = now;
		}
	}
	printf("%" PRId64 " %" PRId64 "\n", at, ns);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "clock") == 0) {
		moment();
		return 0;
	}
	tickring_reader *r;
	int err = argc == 4 ? tickring_attach_path(argv[3], NULL, &r) : TICKRING_E_ARGUMENT;
	if (err != 0) {
		fprintf(stderr, "drain: %s\n", tickring_strerror(err));
		return 1;
	}
	int head = strcmp(argv[2], "head") == 0;
	for (int drains; (drains = turn()) > 0;) {
		uint64_t records = 0, check = 0;
		int64_t start = cpu_ns();
		for (int i = 0; i < drains; i++) /* two calls, so that each next is called directly */
			records += head ? drain(r, tickring_next_head, &check) : drain(r, tickring_next, &check);
		answer_turn(records, cpu_ns() - start, check);
	}
	tickring_detach(r);
	return 0;
}
