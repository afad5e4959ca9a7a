/*
 * The C reader of the bench: the library as it is shipped, and stamps.
 *
 *     reader DIR FEED CPU head|whole spin|wait ticks|stages WARM
 *
 * Prints "ready" once attached, reads until CLOSED, then prints "samples N lost L" and N
 * triples of eight-byte numbers: receive time, a second time, and when this side had the
 * record. With ticks the second is the record's venue sequence, where the bench's writer
 * puts the time that was intended, and the third is in ticks; with stages the second is
 * the publish time and the third Unix ns, and only book tickers count. The first WARM
 * records are not among the samples.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "ticks.h"
#include "tickring.h"

/* Far more than any run of the bench gives; what is beyond is read and not kept. */
enum { CAPACITY = 1 << 20 };

struct sample {
	int64_t first, second, seen;
};

struct job {
	int head, wait, stages;
	long warm;
	long seen;
	size_t count;
	uint64_t lost;
	struct sample *samples;
};

static void take(struct job *j, const tickring_record *rec)
{
	struct sample s = {rec->recv_time_ns, 0, 0};
	if (j->stages) {
		s.seen = unix_ns();
		s.second = rec->publish_time_ns;
		if (rec->kind != TICKRING_KIND_BOOK_TICKER)
			return;
	} else {
		s.seen = ticks();
		s.second = (int64_t)rec->venue_sequence;
	}
	if (j->seen++ >= j->warm && j->count < CAPACITY)
		j->samples[j->count++] = s;
}

static int follow(tickring_reader *r, struct job *j)
{
	tickring_record rec;
	uint64_t lost;
	for (;;) {
		int a = j->head ? tickring_next_head(r, &rec, &lost) : tickring_next(r, &rec, &lost);
		switch (a) {
		case TICKRING_RECORD:
			take(j, &rec);
			break;
		case TICKRING_OVERRUN:
			j->lost += lost;
			break;
		case TICKRING_EMPTY:
		case TICKRING_STALE:
			if (j->wait)
				tickring_wait(r, 100000000);
			break;
		case TICKRING_CLOSED:
			return 0;
		default:
			fprintf(stderr, "reader: answer %d\n", a);
			return 1;
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		fprintf(stderr, "usage: reader DIR FEED CPU head|whole spin|wait ticks|stages WARM\n");
		return 2;
	}
	struct job j = {
	    .head = strcmp(argv[4], "head") == 0, .wait = strcmp(argv[5], "wait") == 0,
	    .stages = strcmp(argv[6], "stages") == 0, .warm = number(argv[7]),
	    .samples = malloc(CAPACITY * sizeof(struct sample)),
	};
	if (j.samples == NULL)
		die("memory");
	memset(j.samples, 1, CAPACITY * sizeof(struct sample)); /* no page fault later */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin((int)number(argv[3]));
	tickring_reader *r;
	int err = tickring_attach(argv[1], argv[2], NULL, &r);
	if (err != 0) {
		fprintf(stderr, "reader: %s\n", tickring_strerror(err));
		return 1;
	}
	tickring_from_latest(r);
	printf("ready\n");
	fflush(stdout);
	if (follow(r, &j) != 0)
		return 1;
	tickring_detach(r);
	printf("samples %zu lost %llu\n", j.count, (unsigned long long)j.lost);
	fwrite(j.samples, sizeof j.samples[0], j.count, stdout);
	free(j.samples);
	return fflush(stdout) != 0;
}
