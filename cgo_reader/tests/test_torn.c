/* A reader that is lapped in the middle of its copy must not accept a mix. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "segment.h"

static const struct segment_shape shape = {8, 2, 5, 1};

/* The step at which the writer comes between two words of the reader's copy. */
static struct {
	struct segment *s;
	size_t word;
	int with_mark;
	int done;
} step;

static void lap_between_words(size_t word)
{
	if (word != step.word || step.done)
		return;
	step.done = 1;
	uint64_t n = 9; /* one lap behind record 1 */
	tickring_record rec = numbered(n);
	unsigned char *at = segment_slot(step.s, n);
	if (step.with_mark)
		write_mark(at, n);
	write_payload(at, &rec);
}

/* Let a writer of record 9 into the copy of record 1 behind a word. */
static int read_while_lapped(size_t word, int with_mark, tickring_record *out)
{
	struct segment s;
	tickring_reader *r;
	uint64_t lost;
	segment_make(&s, shape);
	tickring_record rec = numbered(1);
	segment_publish(&s, &rec);
	CHECK_EQ(tickring_attach(s.dir, "test", NULL, &r), 0);
	step.s = &s;
	step.word = word;
	step.with_mark = with_mark;
	step.done = 0;
	tickring_test_copied = lap_between_words;
	int answer = tickring_next(r, out, &lost);
	tickring_test_copied = NULL;
	CHECK(step.done);
	CHECK_EQ(tickring_get_stats(r).torn_rejected, answer == TICKRING_OVERRUN);
	tickring_detach(r);
	segment_free(&s);
	return answer;
}

/*
 * With the mark every mix is rejected. Without it, which no writer of ours leaves out,
 * mixes are accepted: the test would see a reader that does not look again.
 */
static void stepped(void)
{
	int mixes = 0;
	for (size_t word = 1; word < TICKRING_RECORD_WORDS; word++) {
		tickring_record rec;
		CHECK_EQ(read_while_lapped(word, 1, &rec), TICKRING_OVERRUN);
		CHECK_EQ(read_while_lapped(word, 0, &rec), TICKRING_RECORD);
		mixes += !is_numbered(&rec, 1);
	}
	CHECK_EQ(mixes, TICKRING_RECORD_WORDS - 2);
}

/* A whole new record comes between two words of a board copy: the next try has it. */
static void renew_between_words(size_t word)
{
	if (word != step.word || step.done)
		return;
	step.done = 1;
	tickring_record rec = numbered(9);
	unsigned char *at = segment_at(step.s, TICKRING_SECTION_BOARD, 0);
	write_mark(at, 9);
	write_payload(at, &rec);
	write_commit(at, 9);
}

static void board_stepped(void)
{
	for (size_t word = 1; word < TICKRING_RECORD_WORDS; word++) {
		struct segment s;
		tickring_reader *r;
		tickring_record rec = numbered(1);
		segment_make(&s, shape);
		store32(HEADER_FIELD(&s, instrument_count), 1);
		write_payload(segment_at(&s, TICKRING_SECTION_BOARD, 0), &rec);
		write_commit(segment_at(&s, TICKRING_SECTION_BOARD, 0), 1);
		CHECK_EQ(tickring_attach(s.dir, "test", NULL, &r), 0);
		step.s = &s;
		step.word = word;
		step.done = 0;
		tickring_test_copied = renew_between_words;
		CHECK_EQ(tickring_board(r, 0, 0, &rec), TICKRING_RECORD);
		tickring_test_copied = NULL;
		CHECK(step.done && is_numbered(&rec, 9));
		tickring_detach(r);
		segment_free(&s);
	}
}

/* As renew_between_words, for a book whose every number is its version. */
static void write_book(const struct segment *s, uint64_t version)
{
	unsigned char *at = segment_at(s, TICKRING_SECTION_BOOKS, 0);
	tickring_book_header h;
	memset(&h, 0, sizeof h);
	h.as_of = version;
	h.bid_count = 5;
	h.ask_count = 5;
	write_mark(at, version / 2);
	memcpy(at + 8, (unsigned char *)&h + 8, sizeof h - 8);
	for (size_t i = 0; i < 20; i++)
		store64(at + sizeof h + 8 * i, version);
	write_commit(at, version / 2);
}

static void renew_book_between_words(size_t word)
{
	if (word != step.word || step.done)
		return;
	step.done = 1;
	write_book(step.s, 8);
}

static void book_stepped(void)
{
	for (size_t word = 0; word < TICKRING_BOOK_HEADER_SIZE / 8; word++) {
		struct segment s;
		tickring_reader *r;
		tickring_book_header h;
		tickring_level bids[5];
		tickring_level asks[5];
		segment_make(&s, shape);
		store32(HEADER_FIELD(&s, instrument_count), 1);
		write_book(&s, 4);
		CHECK_EQ(tickring_attach(s.dir, "test", NULL, &r), 0);
		step.s = &s;
		step.word = word;
		step.done = 0;
		tickring_test_copied = renew_book_between_words;
		CHECK_EQ(tickring_book(r, 0, &h, bids, asks, 5), TICKRING_RECORD);
		tickring_test_copied = NULL;
		CHECK(step.done);
		CHECK_EQ(h.version, 8);
		CHECK_EQ(h.as_of, 8);
		for (int i = 0; i < 5; i++)
			CHECK(bids[i].price == 8 && bids[i].quantity == 8 && asks[i].price == 8);
		tickring_detach(r);
		segment_free(&s);
	}
}

struct race {
	struct segment s;
	int stop;
};

static void *publish_at_full_speed(void *arg)
{
	struct race *race = arg;
	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		for (int i = 0; i < 1000; i++) {
			tickring_record rec = numbered(race->s.next);
			segment_publish(&race->s, &rec);
		}
		store64(HEADER_FIELD(&race->s, hot_heartbeat), race->s.next);
	}
	return NULL;
}

/* Eight slots, a writer at full speed: each record is whole, none is lost silently. */
static void raced(void)
{
	struct race race = {.stop = 0};
	tickring_reader *r;
	tickring_record rec;
	pthread_t writer;
	uint64_t want = 1;
	uint64_t lost = 0;
	segment_make(&race.s, shape);
	CHECK_EQ(tickring_attach(race.s.dir, "test", NULL, &r), 0);
	CHECK(pthread_create(&writer, NULL, publish_at_full_speed, &race) == 0);
	int64_t end = tickring_now_ns() + 1000000000;
	while (tickring_get_stats(r).got < 200000 || tickring_now_ns() < end) {
		int answer = tickring_next(r, &rec, &lost);
		if (answer == TICKRING_RECORD) {
			CHECK(is_numbered(&rec, want));
			want++;
		} else if (answer == TICKRING_OVERRUN) {
			want += lost;
		} else if (answer != TICKRING_EMPTY) {
			CHECK_EQ(answer, TICKRING_EMPTY);
			break;
		}
		if (tickring_now_ns() > end + 5000000000)
			break;
	}
	__atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
	tickring_stats stats = tickring_get_stats(r);
	CHECK(stats.got > 1000);
	CHECK_EQ(stats.got + stats.lost + 1, want);
	printf("torn: %" PRIu64 " read, %" PRIu64 " overruns, %" PRIu64 " torn copies rejected\n",
	       stats.got, stats.overruns, stats.torn_rejected);
	tickring_detach(r);
	segment_free(&race.s);
}

void test_torn(void)
{
	stepped();
	board_stepped();
	book_stepped();
	raced();
}
