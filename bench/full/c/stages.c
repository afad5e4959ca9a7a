/*
 * The C reader behind a socket: the library as it is shipped, and stamps.
 *
 *     stages DIR FEED CPU text|number yield|spin COUNT WARM
 *
 * Prints "ready" once attached, takes WARM + COUNT book tickers, then prints "samples N
 * lost L" and N quadruples of eight-byte numbers, all Unix ns: when the venue sent it,
 * when it was received, when it was published, and when this side had it. The venue's
 * time is the venue sequence (number), or the digits behind "u": in the record's body
 * (text, of copy.c), plus SENT_BASE. With yield the CPU is given up when there is
 * nothing: the venue runs on the same one.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "ticks.h"
#include "tickring.h"

/* As in venue.go: keeps the number at 18 digits. */
#define SENT_BASE 1000000000000000000

struct sample {
	int64_t sent, received, published, seen;
};

struct job {
	int text, yield;
	long count, warm, seen;
	uint64_t lost;
	struct sample *samples;
};

static int64_t digits(const unsigned char *at, const unsigned char *end)
{
	int64_t n = 0;
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (*at - '0');
	return n;
}

static int64_t sent_time(const struct job *j, const tickring_record *rec)
{
	if (!j->text)
		return (int64_t)rec->venue_sequence + SENT_BASE;
	const unsigned char *body = (const unsigned char *)&rec->body, *end = body + sizeof rec->body;
	const unsigned char *key = memmem(body, sizeof rec->body, "\"u\":", 4);
	if (key == NULL) {
		fprintf(stderr, "stages: a record without the time\n");
		exit(1);
	}
	return digits(key + 4, end) + SENT_BASE;
}

static void take(struct job *j, const tickring_record *rec)
{
	int64_t now = unix_ns();
	if (rec->kind != TICKRING_KIND_BOOK_TICKER)
		return;
	if (j->seen++ < j->warm)
		return;
	struct sample s = {sent_time(j, rec), rec->recv_time_ns, rec->publish_time_ns, now};
	j->samples[j->seen - j->warm - 1] = s;
}

static int follow(tickring_reader *r, struct job *j)
{
	tickring_record rec;
	uint64_t lost;
	while (j->seen < j->warm + j->count) {
		int a = tickring_next(r, &rec, &lost);
		if (a == TICKRING_RECORD)
			take(j, &rec);
		else if (a == TICKRING_OVERRUN) {
			j->lost += lost;
			j->count -= j->count < (long)lost ? j->count : (long)lost; /* those never come */
		} else if (a != TICKRING_EMPTY && a != TICKRING_STALE) {
			fprintf(stderr, "stages: answer %d\n", a);
			return 1;
		} else if (j->yield)
			sched_yield();
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		fprintf(stderr, "usage: stages DIR FEED CPU text|number yield|spin COUNT WARM\n");
		return 2;
	}
	struct job j = {
	    .text = strcmp(argv[4], "text") == 0, .yield = strcmp(argv[5], "yield") == 0,
	    .count = number(argv[6]), .warm = number(argv[7]),
	};
	j.samples = malloc((size_t)j.count * sizeof *j.samples);
	if (j.samples == NULL)
		die("memory");
	memset(j.samples, 1, (size_t)j.count * sizeof *j.samples); /* no page fault later */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin((int)number(argv[3]));
	tickring_reader *r;
	int err = tickring_attach(argv[1], argv[2], NULL, &r);
	if (err != 0) {
		fprintf(stderr, "stages: %s\n", tickring_strerror(err));
		return 1;
	}
	tickring_from_oldest(r);
	printf("ready\n");
	fflush(stdout);
	if (follow(r, &j) != 0)
		return 1;
	tickring_detach(r);
	long kept = j.seen > j.warm ? j.seen - j.warm : 0;
	printf("samples %ld lost %llu\n", kept, (unsigned long long)j.lost);
	fwrite(j.samples, sizeof j.samples[0], (size_t)kept, stdout);
	return fflush(stdout) != 0;
}
