/* Several feeds merged on one clock. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tickring_internal.h"

struct feed {
	tickring_reader *reader;
	tickring_record record; /* waits to be handed out when held */
	uint64_t generation;
	int held;
	int moved; /* to another generation, and nobody was told */
	int told;  /* the state that was said last, RECORD for none */
};

struct tickring_poller {
	uint32_t count;
	uint32_t last;  /* feed served last */
	uint32_t turns; /* times in a row */
	struct feed feeds[TICKRING_POLLER_FEEDS];
};

#define NO_FEED UINT32_MAX

int tickring_poller_new(tickring_poller **out)
{
	if (out == NULL)
		return TICKRING_E_ARGUMENT;
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return TICKRING_E_MEMORY;
	(*out)->last = NO_FEED;
	return 0;
}

int tickring_poller_add(tickring_poller *p, tickring_reader *reader)
{
	if (reader == NULL || p->count == TICKRING_POLLER_FEEDS)
		return TICKRING_E_ARGUMENT;
	p->feeds[p->count].reader = reader;
	p->feeds[p->count].generation = tickring_generation(reader);
	return (int)p->count++;
}

tickring_reader *tickring_poller_reader(const tickring_poller *p, uint32_t feed)
{
	return feed < p->count ? p->feeds[feed].reader : NULL;
}

void tickring_poller_free(tickring_poller *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->count; i++)
		tickring_detach(p->feeds[i].reader);
	free(p);
}

/* The feed with the oldest record that is held, but for one; NO_FEED when there is none. */
static uint32_t oldest(const tickring_poller *p, uint32_t but)
{
	uint32_t best = NO_FEED;
	for (uint32_t i = 0; i < p->count; i++) {
		const struct feed *f = &p->feeds[i];
		if (f->held && i != but &&
		    (best == NO_FEED ||
		     f->record.publish_time_ns < p->feeds[best].record.publish_time_ns))
			best = i;
	}
	return best;
}

static uint32_t choose(tickring_poller *p)
{
	uint32_t best = oldest(p, NO_FEED);
	if (best == NO_FEED)
		return best;
	if (best == p->last && p->turns >= TICKRING_POLLER_TURNS) {
		uint32_t other = oldest(p, best);
		best = other != NO_FEED ? other : best;
	}
	if (best != p->last) {
		p->last = best;
		p->turns = 0;
	}
	p->turns++;
	return best;
}

/* What a feed answers now; a move of auto_reattach is noted. */
static int read_feed(struct feed *f, uint64_t *lost)
{
	int answer = tickring_next(f->reader, &f->record, lost);
	if (f->generation != tickring_generation(f->reader)) {
		f->generation = tickring_generation(f->reader);
		f->moved = 1;
	}
	if (answer == TICKRING_RECORD)
		f->held = 1;
	if (answer == TICKRING_RECORD || answer == TICKRING_EMPTY || f->moved)
		f->told = TICKRING_RECORD;
	return answer;
}

/*
 * Fill what is not held. A loss, a move of auto_reattach and a new state of a feed are
 * returned at once, before records of others: a busy feed must not hide that another has
 * fallen silent. Else EMPTY.
 */
static int refill(tickring_poller *p, uint64_t *lost, uint32_t *feed)
{
	for (uint32_t i = 0; i < p->count; i++) {
		struct feed *f = &p->feeds[i];
		if (f->held)
			continue;
		int answer = read_feed(f, lost);
		if (answer == TICKRING_RECORD || answer == TICKRING_EMPTY)
			continue;
		if (answer != TICKRING_OVERRUN && !f->moved) {
			if (answer == f->told)
				continue;
			f->told = answer;
		}
		f->moved = 0;
		*feed = i;
		return answer;
	}
	return TICKRING_EMPTY;
}

int tickring_poller_next(tickring_poller *p, tickring_record *out, uint64_t *lost,
                         uint32_t *feed)
{
	int news = refill(p, lost, feed);
	if (news != TICKRING_EMPTY)
		return news;
	uint32_t best = choose(p);
	if (best == NO_FEED)
		return TICKRING_EMPTY;
	*out = p->feeds[best].record;
	p->feeds[best].held = 0;
	*feed = best;
	return TICKRING_RECORD;
}

/* Whether next has something to say. */
static int any(tickring_poller *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct feed *f = &p->feeds[i];
		if (f->held)
			return 1;
		int answer = tickring_glance(f->reader);
		if (answer == TICKRING_RECORD || (answer != TICKRING_EMPTY && answer != f->told))
			return 1;
	}
	return 0;
}

/* Whether a slot has filled; cheaper than any. */
static int spin(const tickring_poller *p)
{
	for (uint32_t turn = 0; turn < p->feeds[0].reader->options.spin; turn++)
		for (uint32_t i = 0; i < p->count; i++)
			if (p->feeds[i].held || tickring_ready(p->feeds[i].reader))
				return 1;
	return 0;
}

/* futex_waitv of Linux 5.16, in case the system's headers are older. */
#define SYS_FUTEX_WAITV 449
#define WAIT_SIZE_U32 2
struct bell {
	uint64_t value;
	uint64_t at;
	uint32_t flags;
	uint32_t reserved;
};

static void listen_to(const tickring_poller *p, struct bell *bells)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const unsigned char *word =
			p->feeds[i].reader->seg.base + offsetof(tickring_header, doorbell);
		bells[i] = (struct bell){.value = tickring_load32_acquire(word),
		                         .at = (uint64_t)(uintptr_t)word,
		                         .flags = WAIT_SIZE_U32};
	}
}

/* Sleep until a doorbell changes, at most ns. */
static void nap(const struct bell *bells, uint32_t count, int64_t ns)
{
	int64_t end = tickring_clock_ns() + ns;
	struct timespec until = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};
	if (syscall(SYS_FUTEX_WAITV, bells, count, 0, &until, CLOCK_MONOTONIC) >= 0 || errno != ENOSYS)
		return;
	struct timespec ts = {.tv_sec = 0, .tv_nsec = ns < 1000000 ? ns : 1000000};
	nanosleep(&ts, NULL); /* the caller looks again in any case */
}

int tickring_poller_wait(tickring_poller *p, int64_t timeout_ns)
{
	struct bell bells[TICKRING_POLLER_FEEDS];
	if (p->count == 0)
		return TICKRING_EMPTY;
	if (spin(p))
		return TICKRING_RECORD;
	int64_t start = tickring_clock_ns();
	for (;;) {
		/* The bells are read before the slots: a record after that look changes one. */
		listen_to(p, bells);
		if (any(p))
			return TICKRING_RECORD;
		int64_t ns = TICKRING_NAP_NS;
		if (timeout_ns >= 0) {
			int64_t left = timeout_ns - (tickring_clock_ns() - start);
			if (left <= 0)
				return TICKRING_EMPTY;
			ns = left < ns ? left : ns;
		}
		nap(bells, p->count, ns);
	}
}
