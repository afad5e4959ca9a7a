/* Several feeds as one stream. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "segment.h"

#define SECOND INT64_C(1000000000)

static const struct segment_shape shape = {16, 3, 5, 1};

static uint64_t publish_at(struct segment *s, int64_t time_ns)
{
	tickring_record rec = numbered(s->next);
	rec.publish_time_ns = time_ns;
	return segment_publish(s, &rec);
}

static tickring_reader *attach(const struct segment *s, const tickring_options *options)
{
	tickring_reader *r = NULL;
	CHECK_EQ(tickring_attach(s->dir, "test", options, &r), 0);
	return r;
}

/* The next answer is a record of that feed with that sequence. */
static void expect(tickring_poller *p, uint32_t feed, uint64_t sequence)
{
	tickring_record rec;
	uint32_t from = UINT32_MAX;
	CHECK_EQ(tickring_poller_next(p, &rec, NULL, &from), TICKRING_RECORD);
	CHECK_EQ(from, feed);
	CHECK_EQ(tickring_sequence(&rec), sequence);
}

static void merging(struct segment *a, struct segment *b, tickring_poller *p)
{
	tickring_record rec;
	uint32_t feed = 7;
	uint64_t lost = 0;
	CHECK_EQ(tickring_poller_next(p, &rec, &lost, &feed), TICKRING_EMPTY);
	CHECK_EQ(feed, 7);
	publish_at(a, 10);
	publish_at(a, 30);
	publish_at(b, 20);
	publish_at(b, 30);
	expect(p, 0, 1);
	expect(p, 1, 1);
	expect(p, 0, 2);
	expect(p, 1, 2);
	CHECK_EQ(tickring_poller_next(p, &rec, &lost, &feed), TICKRING_EMPTY);
	for (int i = 0; i < 20; i++)
		publish_at(b, 40 + i);
	publish_at(a, 45);
	CHECK_EQ(tickring_poller_next(p, &rec, &lost, &feed), TICKRING_OVERRUN);
	CHECK_EQ(feed, 1);
	CHECK_EQ(lost, 22 - 16 + 2 - 3);
	expect(p, 0, 3); /* b lost its older ones */
	expect(p, 1, 8);
	while (tickring_poller_next(p, &rec, &lost, &feed) == TICKRING_RECORD)
		;
}

/* Each end is said once, and does not stop the other feed. */
static void ends(struct segment *a, struct segment *b, tickring_poller *p)
{
	tickring_record rec;
	uint32_t feed = 7;
	store32(HEADER_FIELD(b, state), TICKRING_STATE_CLOSED);
	CHECK_EQ(tickring_poller_wait(p, SECOND), TICKRING_RECORD);
	CHECK_EQ(tickring_poller_next(p, &rec, NULL, &feed), TICKRING_CLOSED);
	CHECK_EQ(feed, 1);
	CHECK_EQ(tickring_poller_next(p, &rec, NULL, &feed), TICKRING_EMPTY);
	CHECK_EQ(tickring_poller_wait(p, 1000000), TICKRING_EMPTY);
	uint64_t n = publish_at(a, 50);
	CHECK_EQ(tickring_poller_wait(p, SECOND), TICKRING_RECORD);
	expect(p, 0, n);
	CHECK_EQ(tickring_poller_next(p, &rec, NULL, &feed), TICKRING_EMPTY);
}

/* A move of auto_reattach is told, once, whoever made it. */
static void moves(struct segment *a, struct segment *b, tickring_poller *p)
{
	tickring_record rec;
	uint32_t feed = 7;
	struct segment old = *b;
	segment_replace(b, &old, (struct segment_shape){16, 3, 5, 2});
	/* The name is tried every 100 ms; SUPERSEDED without a successor may come first. */
	for (int tries = 0; tries < 100; tries++) {
		tickring_poller_wait(p, SECOND);
		CHECK_EQ(tickring_poller_next(p, &rec, NULL, &feed), TICKRING_SUPERSEDED);
		CHECK_EQ(feed, 1);
		if (tickring_generation(tickring_poller_reader(p, 1)) == 2)
			break;
	}
	CHECK_EQ(tickring_generation(tickring_poller_reader(p, 1)), 2);
	uint64_t n = publish_at(a, 60);
	publish_at(b, 70);
	expect(p, 0, n);
	expect(p, 1, 1);
}

static void *ring_later(void *at)
{
	struct segment *s = at;
	publish_at(s, 80);
	store32(HEADER_FIELD(s, doorbell), 99);
	syscall(SYS_futex, HEADER_FIELD(s, doorbell), FUTEX_WAKE, 100, NULL, NULL, 0);
	return NULL;
}

/* Any feed's doorbell ends the wait. */
static void waking(struct segment *b, tickring_poller *p)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, ring_later, b), 0);
	CHECK_EQ(tickring_poller_wait(p, 60 * SECOND), TICKRING_RECORD);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	expect(p, 1, 2);
}

static void limits(struct segment *a)
{
	tickring_poller *p;
	CHECK_EQ(tickring_poller_new(NULL), TICKRING_E_ARGUMENT);
	CHECK_EQ(tickring_poller_new(&p), 0);
	CHECK_EQ(tickring_poller_wait(p, SECOND), TICKRING_EMPTY);
	CHECK_EQ(tickring_poller_add(p, NULL), TICKRING_E_ARGUMENT);
	for (int i = 0; i < TICKRING_POLLER_FEEDS; i++)
		CHECK_EQ(tickring_poller_add(p, attach(a, NULL)), i);
	tickring_reader *r = attach(a, NULL);
	CHECK_EQ(tickring_poller_add(p, r), TICKRING_E_ARGUMENT);
	tickring_detach(r);
	CHECK(tickring_poller_reader(p, TICKRING_POLLER_FEEDS) == NULL);
	while (tickring_poller_wait(p, 0) == TICKRING_RECORD) {
		tickring_record rec;
		uint32_t feed;
		tickring_poller_next(p, &rec, NULL, &feed);
	}
	tickring_poller_free(p);
	tickring_poller_free(NULL);
}

void test_poller(void)
{
	struct segment a;
	struct segment b;
	tickring_poller *p;
	tickring_options options = {.size = sizeof options, .auto_reattach = 1};
	segment_make(&a, shape);
	segment_make(&b, shape);
	CHECK_EQ(tickring_poller_new(&p), 0);
	CHECK_EQ(tickring_poller_add(p, attach(&a, NULL)), 0);
	CHECK_EQ(tickring_poller_add(p, attach(&b, &options)), 1);
	merging(&a, &b, p);
	ends(&a, &b, p);
	moves(&a, &b, p);
	waking(&b, p);
	limits(&a);
	tickring_poller_free(p);
	segment_free(&a);
	segment_free(&b);
}
