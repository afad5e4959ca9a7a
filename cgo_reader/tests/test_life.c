/* Ends, standstills, waiting, another generation, a file that is cut. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "segment.h"

static const struct segment_shape shape = {16, 2, 5, 7};
static const struct segment_shape successor = {32, 2, 5, 8};

static int64_t clock_ns;

static int64_t turned_clock(void)
{
	return clock_ns;
}

static tickring_reader *attach(const struct segment *s, uint32_t auto_reattach)
{
	tickring_options options = {.size = sizeof options, .auto_reattach = auto_reattach, .spin = 10};
	tickring_reader *r;
	CHECK_EQ(tickring_attach(s->dir, "test", &options, &r), 0);
	return r;
}

static void publish(struct segment *s)
{
	tickring_record rec = numbered(s->next);
	segment_publish(s, &rec);
}

static int look_after(tickring_reader *r, int64_t ms)
{
	tickring_record rec;
	clock_ns += ms * 1000000;
	return tickring_next(r, &rec, NULL);
}

/* STALE needs a second of watching, passes when the heart beats, and yields to records. */
static void standstill(void)
{
	struct segment s;
	tickring_record rec;
	segment_make(&s, shape);
	tickring_reader *r = attach(&s, 0);
	clock_ns = 1000000000;
	tickring_test_clock = turned_clock;
	CHECK_EQ(look_after(r, 0), TICKRING_EMPTY);
	CHECK_EQ(look_after(r, 400), TICKRING_EMPTY);
	CHECK_EQ(look_after(r, 400), TICKRING_EMPTY);
	CHECK_EQ(look_after(r, 199), TICKRING_EMPTY);
	CHECK_EQ(look_after(r, 1), TICKRING_STALE);
	CHECK_EQ(look_after(r, 5000), TICKRING_STALE);
	publish(&s);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
	CHECK_EQ(look_after(r, 1), TICKRING_STALE);
	store64(HEADER_FIELD(&s, hot_heartbeat), 2);
	CHECK_EQ(look_after(r, 1), TICKRING_EMPTY);
	/* A reader that was stopped itself for an hour looks again before it judges. */
	CHECK_EQ(look_after(r, 3600000), TICKRING_EMPTY);
	store64(HEADER_FIELD(&s, hot_heartbeat), 3);
	CHECK_EQ(look_after(r, 50), TICKRING_EMPTY);
	CHECK_EQ(look_after(r, 3600000), TICKRING_EMPTY);
	CHECK_EQ(look_after(r, 400), TICKRING_EMPTY);
	CHECK_EQ(look_after(r, 100), TICKRING_STALE);
	tickring_test_clock = NULL;
	tickring_detach(r);
	segment_free(&s);
}

/* CLOSED and SUPERSEDED come only after the last record. */
static void ends(void)
{
	const uint32_t states[] = {TICKRING_STATE_CLOSED, TICKRING_STATE_SUPERSEDED, 9};
	const int answers[] = {TICKRING_CLOSED, TICKRING_SUPERSEDED, TICKRING_DAMAGED};
	for (int i = 0; i < 3; i++) {
		struct segment s;
		tickring_record rec;
		segment_make(&s, shape);
		tickring_reader *r = attach(&s, 0);
		publish(&s);
		store32(HEADER_FIELD(&s, state), states[i]);
		CHECK_EQ(tickring_wait(r, 0), TICKRING_RECORD);
		CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
		CHECK_EQ(tickring_next(r, &rec, NULL), answers[i]);
		CHECK_EQ(tickring_wait(r, 1000000000), answers[i]);
		CHECK_EQ(tickring_next(r, &rec, NULL), answers[i]);
		tickring_detach(r);
		segment_free(&s);
	}
}

static struct segment *ending;

/* The publisher's last record and its end come between two looks of one call. */
static int64_t end_meanwhile(void)
{
	if (ending != NULL) {
		publish(ending);
		store32(HEADER_FIELD(ending, state), TICKRING_STATE_CLOSED);
		ending = NULL;
	}
	return 1000000000;
}

/* A record stored before CLOSED is handed out before CLOSED. */
static void ends_meanwhile(void)
{
	struct segment s;
	tickring_record rec;
	segment_make(&s, shape);
	tickring_reader *r = attach(&s, 0);
	ending = &s;
	tickring_test_clock = end_meanwhile;
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
	CHECK(is_numbered(&rec, 1));
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_CLOSED);
	tickring_test_clock = NULL;
	tickring_detach(r);
	segment_free(&s);
}

/* Reattach takes another generation only; the reader starts there at the beginning. */
static void generations(void)
{
	struct segment old;
	struct segment new;
	tickring_record rec;
	segment_make(&old, shape);
	tickring_reader *r = attach(&old, 0);
	publish(&old);
	CHECK_EQ(tickring_reattach(r), TICKRING_E_SAME_GENERATION);
	unlink(old.path);
	CHECK_EQ(tickring_reattach(r), TICKRING_E_NO_FEED);
	segment_replace(&new, &old, successor);
	publish(&new);
	publish(&new);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_SUPERSEDED);
	CHECK_EQ(tickring_generation(r), 7);
	CHECK_EQ(tickring_reattach(r), 0);
	CHECK_EQ(tickring_generation(r), 8);
	CHECK_EQ(tickring_slots(r), 32);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
	CHECK(is_numbered(&rec, 1));
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_EMPTY);
	CHECK_EQ(tickring_get_stats(r).got, 3);
	CHECK_EQ(tickring_get_stats(r).reattached, 1);
	tickring_detach(r);
	segment_free(&new);
}

/* With auto_reattach the move is said once, at most one try in 100 ms. */
static void moves_by_itself(void)
{
	struct segment old;
	struct segment new;
	tickring_record rec;
	segment_make(&old, shape);
	tickring_reader *r = attach(&old, 1);
	clock_ns = 1000000000;
	tickring_test_clock = turned_clock;
	store32(HEADER_FIELD(&old, state), TICKRING_STATE_CLOSED);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_CLOSED);
	segment_replace(&new, &old, successor);
	publish(&new);
	CHECK_EQ(look_after(r, 99), TICKRING_SUPERSEDED);
	CHECK_EQ(tickring_generation(r), 7);
	CHECK_EQ(look_after(r, 1), TICKRING_SUPERSEDED);
	CHECK_EQ(tickring_generation(r), 8);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_EMPTY);
	/* A move that wait makes is still said by next. */
	struct segment third;
	segment_replace(&third, &new, shape);
	clock_ns += 100000000;
	CHECK_EQ(tickring_wait(r, 0), TICKRING_SUPERSEDED);
	CHECK_EQ(tickring_generation(r), 7);
	CHECK_EQ(tickring_wait(r, 0), TICKRING_SUPERSEDED);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_SUPERSEDED);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_EMPTY);
	tickring_test_clock = NULL;
	tickring_detach(r);
	segment_free(&third);
}

static void *ring_after_20_ms(void *arg)
{
	struct segment *s = arg;
	usleep(20000);
	publish(s);
	store32(HEADER_FIELD(s, doorbell), 1);
	syscall(SYS_futex, HEADER_FIELD(s, doorbell), FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
	return NULL;
}

/* A sleeper wakes by the bell, well before the 100 ms after which it looks anyway. */
static void waits(void)
{
	struct segment s;
	pthread_t bell;
	segment_make(&s, shape);
	tickring_reader *r = attach(&s, 0);
	int64_t start = tickring_now_ns();
	CHECK_EQ(tickring_wait(r, 30000000), TICKRING_EMPTY);
	int64_t took = tickring_now_ns() - start;
	CHECK(took >= 25000000 && took < 5000000000);
	CHECK_EQ(tickring_wait(r, 0), TICKRING_EMPTY);
	CHECK(pthread_create(&bell, NULL, ring_after_20_ms, &s) == 0);
	CHECK_EQ(tickring_wait(r, -1), TICKRING_RECORD);
	pthread_join(bell, NULL);
	tickring_record rec;
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
	start = tickring_now_ns();
	CHECK_EQ(tickring_wait(r, 3000000000), TICKRING_STALE);
	took = tickring_now_ns() - start;
	CHECK(took >= 900000000 && took < 2500000000);
	CHECK_EQ(tickring_wait(r, 20000000), TICKRING_STALE);
	tickring_detach(r);
	segment_free(&s);
}

/* A file that was cut while nothing came is damage, said before a page is touched. */
static void cut(void)
{
	struct segment s;
	tickring_record rec;
	segment_make(&s, shape);
	tickring_reader *r = attach(&s, 0);
	clock_ns = 1000000000;
	tickring_test_clock = turned_clock;
	CHECK_EQ(look_after(r, 0), TICKRING_EMPTY);
	CHECK(ftruncate(s.fd, (off_t)s.size - 1) == 0);
	CHECK_EQ(look_after(r, 99), TICKRING_EMPTY);
	CHECK_EQ(look_after(r, 1), TICKRING_DAMAGED);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_DAMAGED);
	tickring_test_clock = NULL;
	tickring_detach(r);
	segment_free(&s);
}

void test_life(void)
{
	standstill();
	ends();
	ends_meanwhile();
	generations();
	moves_by_itself();
	waits();
	cut();
}
