/* The filter by kind and symbol, and attaching to a feed that comes later. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>

#include "check.h"
#include "segment.h"

static const struct segment_shape shape = {16, 3, 5, 1};

static void add(struct segment *s, uint32_t id, const char *base)
{
	tickring_instrument row;
	memset(&row, 0, sizeof row);
	row.id = id;
	snprintf(row.base, sizeof row.base, "%s", base);
	snprintf(row.quote, sizeof row.quote, "USDT");
	snprintf(row.venue_symbol, sizeof row.venue_symbol, "%s_USDT", base);
	memcpy(segment_at(s, TICKRING_SECTION_INSTRUMENTS, id), &row, sizeof row);
	store32(HEADER_FIELD(s, instrument_count), id + 1);
}

static void publish(struct segment *s, uint8_t kind, uint16_t instrument, uint16_t flags)
{
	tickring_record rec;
	memset(&rec, 0, sizeof rec);
	rec.kind = kind;
	rec.instrument = instrument;
	rec.flags = flags;
	segment_publish(s, &rec);
}

/* Sequences that next hands out until it has nothing, as text. */
static const char *got(tickring_reader *r)
{
	static char text[256];
	tickring_record rec;
	size_t n = 0;
	text[0] = '\0';
	while (tickring_next(r, &rec, NULL) == TICKRING_RECORD && n < sizeof text - 24)
		n += (size_t)snprintf(text + n, sizeof text - n, "%llu ",
		                      (unsigned long long)tickring_sequence(&rec));
	return text;
}

static void mix(struct segment *s)
{
	publish(s, TICKRING_KIND_BOOK_TICKER, 0, 0);
	publish(s, TICKRING_KIND_BOOK_TICKER, 1, 0);
	publish(s, TICKRING_KIND_TRADE, 0, 0);
	publish(s, TICKRING_KIND_TRADE, 1, 0);
	publish(s, TICKRING_KIND_STATUS, TICKRING_NO_INSTRUMENT, 0);
}

static void by_kind_and_symbol(struct segment *s, tickring_reader *r)
{
	const char *btc[] = {"BTC/USDT"};
	const char *both[] = {"ETH_USDT", "BTC_USDT"};
	const char *missing[] = {"BTC/USDT", NULL};
	CHECK_EQ(tickring_filter(r, TICKRING_KIND_BIT(TICKRING_KIND_TRADE), btc, 1), 0);
	mix(s);
	CHECK_TEXT(got(r), "3 ");
	CHECK_EQ(tickring_filter(r, 0, btc, 1), 0);
	mix(s);
	CHECK_TEXT(got(r), "6 8 10 ");
	CHECK_EQ(tickring_filter(r, TICKRING_KIND_BIT(TICKRING_KIND_BOOK_TICKER), both, 2), 0);
	mix(s);
	CHECK_TEXT(got(r), "11 12 ");
	CHECK_EQ(tickring_filter(r, 0, missing, 2), TICKRING_E_ARGUMENT);
	CHECK_EQ(tickring_filter(r, 0, NULL, 1), TICKRING_E_ARGUMENT);
	CHECK_EQ(tickring_filter(NULL, 0, NULL, 0), TICKRING_E_ARGUMENT);
	mix(s);
	CHECK_TEXT(got(r), "16 17 ");
	CHECK_EQ(tickring_filter(r, 0, NULL, 0), 0);
	mix(s);
	CHECK_TEXT(got(r), "21 22 23 24 25 ");
	tickring_stats stats = tickring_get_stats(r);
	CHECK_EQ(stats.got, 1 + 3 + 2 + 2 + 5);
	CHECK_EQ(stats.filtered, 4 + 2 + 3 + 3);
}

/* A symbol that is listed later passes from its first record on. */
static void later_symbols(struct segment *s, tickring_reader *r)
{
	const char *xrp[] = {"XRP/USDT"};
	CHECK_EQ(tickring_filter(r, TICKRING_KIND_BIT(TICKRING_KIND_TRADE), xrp, 1), 0);
	mix(s);
	publish(s, TICKRING_KIND_TRADE, 2, 0); /* no such row yet */
	CHECK_TEXT(got(r), "");
	add(s, 2, "XRP");
	publish(s, TICKRING_KIND_TRADE, 2, 0);
	CHECK_TEXT(got(r), "32 ");
}

/* What is dropped after an overrun, and what ends it, does not depend on the filter. */
static void filtered_overrun(struct segment *s, tickring_reader *r)
{
	const char *eth[] = {"ETH/USDT"};
	uint64_t lost = 0;
	tickring_record rec;
	CHECK_EQ(tickring_filter(r, TICKRING_KIND_BIT(TICKRING_KIND_DEPTH), eth, 1), 0);
	for (int i = 0; i < 20; i++)
		publish(s, TICKRING_KIND_DEPTH, 1, 0);
	publish(s, TICKRING_KIND_BOOK_TICKER, 0, 0);
	publish(s, TICKRING_KIND_DEPTH, 1, 0);
	uint64_t skipped = tickring_get_stats(r).skipped_depth;
	CHECK_EQ(tickring_next(r, &rec, &lost), TICKRING_OVERRUN);
	CHECK_TEXT(got(r), "54 ");
	CHECK(tickring_get_stats(r).skipped_depth > skipped);
}

/* Rows differ from generation to generation, symbols do not. */
static void next_generation(struct segment *s, tickring_reader *r)
{
	struct segment old = *s;
	const char *eth[] = {"ETH/USDT"};
	CHECK_EQ(tickring_filter(r, 0, eth, 1), 0);
	segment_replace(s, &old, (struct segment_shape){16, 3, 5, 2});
	add(s, 0, "ETH");
	add(s, 1, "BTC");
	mix(s);
	CHECK_EQ(tickring_reattach(r), 0);
	CHECK_TEXT(got(r), "1 3 5 ");
}

struct names {
	const char *from;
	const char *to;
};

/* Give the file its name as soon as the other thread may be waiting for it. */
static void *name_later(void *at)
{
	const struct names *n = at;
	CHECK_EQ(rename(n->from, n->to), 0);
	return NULL;
}

static void waiting(void)
{
	struct segment s;
	tickring_reader *r;
	pthread_t thread;
	char aside[sizeof s.path + 8];
	CHECK_EQ(tickring_attach_wait("/nowhere", "test", NULL, 20000000, &r), TICKRING_E_NO_FEED);
	CHECK(r == NULL);
	CHECK_EQ(tickring_attach_wait("/nowhere", "a/b", NULL, -1, &r), TICKRING_E_NAME);
	CHECK_EQ(tickring_attach_wait("/nowhere", NULL, NULL, -1, &r), TICKRING_E_ARGUMENT);
	segment_make(&s, shape);
	snprintf(aside, sizeof aside, "%s.aside", s.path);
	CHECK_EQ(rename(s.path, aside), 0);
	CHECK_EQ(tickring_attach_wait(s.dir, "test", NULL, 0, &r), TICKRING_E_NO_FEED);
	struct names names = {aside, s.path};
	CHECK_EQ(pthread_create(&thread, NULL, name_later, &names), 0);
	CHECK_EQ(tickring_attach_wait(s.dir, "test", NULL, -1, &r), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	tickring_detach(r);
	segment_free(&s);
}

void test_filter(void)
{
	struct segment s;
	tickring_reader *r;
	segment_make(&s, shape);
	add(&s, 0, "BTC");
	add(&s, 1, "ETH");
	CHECK_EQ(tickring_attach(s.dir, "test", NULL, &r), 0);
	by_kind_and_symbol(&s, r);
	later_symbols(&s, r);
	filtered_overrun(&s, r);
	next_generation(&s, r);
	tickring_detach(r);
	segment_free(&s);
	waiting();
}
