/* The cursor against rings that the test draws slot by slot. */
#define _GNU_SOURCE
#include "check.h"
#include "segment.h"

static const struct segment_shape shape = {16, 2, 5, 1};

static tickring_reader *attach(const struct segment *s)
{
	tickring_reader *r;
	CHECK_EQ(tickring_attach(s->dir, "test", NULL, &r), 0);
	return r;
}

static void publish_numbered(struct segment *s, int count)
{
	for (int i = 0; i < count; i++) {
		tickring_record rec = numbered(s->next);
		segment_publish(s, &rec);
	}
}

/* Records come once, in order, whole; a record that is being written is not there. */
static void in_order(void)
{
	struct segment s;
	tickring_record rec;
	segment_make(&s, shape);
	tickring_reader *r = attach(&s);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_EMPTY);
	publish_numbered(&s, 40);
	tickring_from_latest(r);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_EMPTY);
	for (uint64_t n = 41; n < 200; n++) {
		tickring_record want = numbered(n);
		write_mark(segment_slot(&s, n), n);
		CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_EMPTY);
		write_payload(segment_slot(&s, n), &want);
		CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_EMPTY);
		write_commit(segment_slot(&s, n), n);
		CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
		CHECK(is_numbered(&rec, n));
		CHECK_EQ(tickring_sequence(&rec), n);
		CHECK_EQ(tickring_next_sequence(r), n + 1);
	}
	CHECK_EQ(tickring_get_stats(r).got, 159);
	tickring_detach(r);
	segment_free(&s);
}

/* Only the first cache line is touched by next_head. */
static void head_only(void)
{
	struct segment s;
	tickring_record rec;
	segment_make(&s, shape);
	tickring_reader *r = attach(&s);
	publish_numbered(&s, 1);
	memset(&rec, 0x55, sizeof rec);
	CHECK_EQ(tickring_next_head(r, &rec, NULL), TICKRING_RECORD);
	tickring_record want = numbered(1);
	want.commit = 2;
	CHECK(memcmp(&rec, &want, 64) == 0);
	const unsigned char *tail = (const unsigned char *)&rec + 64;
	for (int i = 0; i < 64; i++)
		CHECK_EQ(tail[i], 0x55);
	tickring_detach(r);
	segment_free(&s);
}

static const struct {
	const char *name;
	uint64_t expected; /* sequence the reader stands at */
	uint64_t mark;     /* what the slot says */
	uint64_t hint;
	int answer;
	uint64_t lost;
} overruns[] = {
	{"lapped once, whole", 1, 2 * 17, 17, TICKRING_OVERRUN, 2},
	{"lapped once, being written", 1, 2 * 17 - 1, 16, TICKRING_OVERRUN, 2},
	{"the hint is further", 1, 2 * 17, 30, TICKRING_OVERRUN, 15},
	{"the hint is behind", 5, 2 * 85, 40, TICKRING_OVERRUN, 66},
	{"many laps", 3, 2 * (3 + 16 * 1000), 3 + 16 * 1000, TICKRING_OVERRUN, 16000 - 14},
	{"a mark of another slot", 1, 2 * 18, 18, TICKRING_DAMAGED, 0},
	{"an odd mark just above ours", 1, 3, 1, TICKRING_DAMAGED, 0},
	{"a mark beyond any sequence", 1, UINT64_MAX, 1, TICKRING_DAMAGED, 0},
	{"a hint beyond any sequence", 1, 2 * 17, (UINT64_C(1) << 62) + 1, TICKRING_DAMAGED, 0},
	{"a hint far beyond the mark", 1, 2 * 17, 18 + (UINT64_C(1) << 40), TICKRING_DAMAGED, 0},
	{"a hint just within", 1, 2 * 17, 17 + (UINT64_C(1) << 40), TICKRING_OVERRUN,
	 (UINT64_C(1) << 40) + 2},
};

/* The arithmetic of an overrun, and what is no overrun but damage, which stays. */
static void lapped(void)
{
	for (size_t i = 0; i < sizeof overruns / sizeof overruns[0]; i++) {
		struct segment s;
		tickring_record rec;
		uint64_t lost = 0;
		int before = check_failures;
		segment_make(&s, shape);
		tickring_reader *r = attach(&s);
		r->next = overruns[i].expected;
		store64(segment_slot(&s, overruns[i].expected), overruns[i].mark);
		store64(HEADER_FIELD(&s, last_sequence), overruns[i].hint);
		CHECK_EQ(tickring_next(r, &rec, &lost), overruns[i].answer);
		CHECK_EQ(lost, overruns[i].lost);
		if (overruns[i].answer == TICKRING_DAMAGED) {
			memset(s.base + TICKRING_HEADER_SIZE, 0, s.size - TICKRING_HEADER_SIZE);
			CHECK_EQ(tickring_next(r, &rec, &lost), TICKRING_DAMAGED);
			CHECK_EQ(tickring_wait(r, 0), TICKRING_DAMAGED);
		} else {
			CHECK_EQ(tickring_next_sequence(r), overruns[i].expected + lost);
			CHECK_EQ(tickring_get_stats(r).lost, lost);
			CHECK_EQ(tickring_get_stats(r).overruns, 1);
		}
		if (check_failures != before)
			fprintf(stderr, "  in overrun case: %s\n", overruns[i].name);
		tickring_detach(r);
		segment_free(&s);
	}
}

static void publish_depth(struct segment *s, uint16_t flags)
{
	tickring_record rec;
	memset(&rec, 0, sizeof rec);
	rec.kind = TICKRING_KIND_DEPTH;
	rec.flags = flags;
	segment_publish(s, &rec);
}

/* After an overrun the rest of a depth event is dropped and counted, other kinds not. */
static void drops_half_events(void)
{
	struct segment s;
	tickring_record rec;
	uint64_t lost;
	segment_make(&s, shape);
	tickring_reader *r = attach(&s);
	for (int i = 0; i < 20; i++)
		publish_depth(&s, i == 0 ? TICKRING_FLAG_FIRST : 0); /* 1..20 */
	publish_depth(&s, TICKRING_FLAG_LAST);                   /* 21 */
	publish_depth(&s, TICKRING_FLAG_FIRST);                  /* 22 */
	publish_depth(&s, TICKRING_FLAG_LAST);                   /* 23 */
	CHECK_EQ(tickring_next(r, &rec, &lost), TICKRING_OVERRUN);
	CHECK_EQ(lost, 23 - 16 + 2 - 1);
	CHECK_EQ(tickring_next(r, &rec, &lost), TICKRING_RECORD);
	CHECK_EQ(tickring_sequence(&rec), 22);
	CHECK_EQ(tickring_next(r, &rec, &lost), TICKRING_RECORD);
	CHECK_EQ(tickring_sequence(&rec), 23);
	CHECK_EQ(tickring_get_stats(r).skipped_depth, 13);
	CHECK_EQ(tickring_get_stats(r).got, 2);
	for (int i = 0; i < 18; i++)
		publish_depth(&s, 0);
	publish_numbered(&s, 1); /* 42 */
	publish_depth(&s, 0);    /* 43 */
	CHECK_EQ(tickring_next(r, &rec, &lost), TICKRING_OVERRUN);
	CHECK_EQ(tickring_next(r, &rec, &lost), TICKRING_RECORD);
	CHECK(is_numbered(&rec, 42));
	CHECK_EQ(tickring_next(r, &rec, &lost), TICKRING_RECORD);
	CHECK_EQ(tickring_sequence(&rec), 43);
	tickring_detach(r);
	segment_free(&s);
}

static void set_kind_0(tickring_record *rec) { rec->kind = 0; }
static void set_kind_7(tickring_record *rec) { rec->kind = 7; }
static void set_levels(tickring_record *rec)
{
	rec->kind = TICKRING_KIND_DEPTH;
	rec->body.depth.bids = 3;
	rec->body.depth.asks = 2;
}
static void set_trade(tickring_record *rec)
{
	rec->kind = TICKRING_KIND_TRADE;
	rec->body.trade.text_length = 25;
}
static void set_status(tickring_record *rec)
{
	rec->kind = TICKRING_KIND_STATUS;
	rec->body.status.text_length = 41;
}

/* A whole record that no writer leaves is damage in the ring and on the board. */
static void senseless(void)
{
	void (*const changes[])(tickring_record *) = {set_kind_0, set_kind_7, set_levels, set_trade,
	                                              set_status};
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct segment s;
		tickring_record rec;
		segment_make(&s, shape);
		store32(HEADER_FIELD(&s, instrument_count), 1);
		tickring_reader *r = attach(&s);
		memset(&rec, 0, sizeof rec);
		changes[i](&rec);
		segment_publish(&s, &rec);
		unsigned char *board = segment_at(&s, TICKRING_SECTION_BOARD, 0);
		write_payload(board, &rec);
		write_commit(board, 1);
		CHECK_EQ(tickring_board(r, 0, 0, &rec), TICKRING_DAMAGED);
		CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_DAMAGED);
		CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_DAMAGED);
		tickring_detach(r);
		segment_free(&s);
	}
}

/* Where a reader stands after attach and after each call that moves it. */
static void positions(void)
{
	struct segment s;
	segment_make(&s, shape);
	tickring_reader *r = attach(&s);
	publish_numbered(&s, 15);
	tickring_from_oldest(r);
	CHECK_EQ(tickring_next_sequence(r), 1);
	publish_numbered(&s, 5);
	tickring_from_oldest(r);
	CHECK_EQ(tickring_next_sequence(r), 20 - 16 + 2);
	tickring_from_latest(r);
	CHECK_EQ(tickring_next_sequence(r), 21);
	store64(HEADER_FIELD(&s, watermark), 18);
	CHECK_EQ(tickring_join(r), 18);
	CHECK_EQ(tickring_next_sequence(r), 19);
	CHECK_EQ(tickring_watermark(r), 18);
	CHECK_EQ(tickring_last_sequence(r), 20);
	tickring_detach(r);
	segment_free(&s);
}

void test_next(void)
{
	in_order();
	head_only();
	lapped();
	drops_half_events();
	senseless();
	positions();
}
