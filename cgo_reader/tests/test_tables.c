/* Board, books, instruments, connections, freshness. */
#define _GNU_SOURCE
#include <time.h>

#include "check.h"
#include "segment.h"

static const struct segment_shape shape = {16, 3, 5, 1};

static void write_bytes(unsigned char *at, const void *from, size_t size)
{
	memcpy(at, from, size);
}

static void add_instrument(struct segment *s, uint32_t id, const char *base, const char *quote)
{
	tickring_instrument row;
	memset(&row, 0, sizeof row);
	row.id = id;
	memcpy(row.base, base, strnlen(base, sizeof row.base));
	memcpy(row.quote, quote, strnlen(quote, sizeof row.quote));
	snprintf(row.venue_symbol, sizeof row.venue_symbol, "%.15s_%.15s", base, quote);
	row.tick = TICKRING_ABSENT;
	write_bytes(segment_at(s, TICKRING_SECTION_INSTRUMENTS, id), &row, sizeof row);
	store32(HEADER_FIELD(s, instrument_count), id + 1);
}

static void symbols(struct segment *s, tickring_reader *r)
{
	char text[TICKRING_SYMBOL_MAX];
	tickring_instrument row;
	uint32_t id = 99;
	CHECK_EQ(tickring_instrument_count(r), 0);
	CHECK_EQ(tickring_find(r, "BTC/USDT", &id), TICKRING_E_NO_INSTRUMENT);
	add_instrument(s, 0, "BTC", "USDT");
	add_instrument(s, 1, "INDEX", "");
	add_instrument(s, 2, "BBBBBBBBBBBBBBBB", "QQQQQQQQQQQQQQQQ");
	CHECK_EQ(tickring_instrument_count(r), 3);
	CHECK_EQ(tickring_symbol(r, 0, text, sizeof text), 0);
	CHECK_TEXT(text, "BTC/USDT");
	CHECK_EQ(tickring_symbol(r, 1, text, sizeof text), 0);
	CHECK_TEXT(text, "INDEX");
	CHECK_EQ(tickring_symbol(r, 2, text, sizeof text), 0);
	CHECK_TEXT(text, "BBBBBBBBBBBBBBBB/QQQQQQQQQQQQQQQQ");
	CHECK_EQ(tickring_symbol(r, 3, text, sizeof text), TICKRING_E_NO_INSTRUMENT);
	CHECK_EQ(tickring_symbol(r, 0, text, 8), TICKRING_E_ARGUMENT);
	CHECK_EQ(tickring_find(r, "INDEX", &id), 0);
	CHECK_EQ(id, 1);
	CHECK_EQ(tickring_find(r, "BTC_USDT", &id), 0);
	CHECK_EQ(id, 0);
	CHECK_EQ(tickring_find(r, "BTC", &id), TICKRING_E_NO_INSTRUMENT);
	CHECK_EQ(tickring_get_instrument(r, 2, &row), 0);
	CHECK_EQ(row.id, 2);
	CHECK_EQ(row.tick, TICKRING_ABSENT);
	CHECK_EQ(tickring_get_instrument(r, 3, &row), TICKRING_E_NO_INSTRUMENT);
	store32(HEADER_FIELD(s, instrument_count), UINT32_MAX);
	CHECK_EQ(tickring_instrument_count(r), 3);
	store32(HEADER_FIELD(s, instrument_count), 3);
}

static void board(struct segment *s, tickring_reader *r)
{
	tickring_record rec;
	unsigned char *at = segment_at(s, TICKRING_SECTION_BOARD, 1) +
	                    TICKRING_BOARD_TICKER * TICKRING_RECORD_SIZE;
	CHECK_EQ(tickring_board(r, 1, TICKRING_BOARD_TICKER, &rec), TICKRING_EMPTY);
	tickring_record want = numbered(7);
	write_mark(at, 7);
	CHECK_EQ(tickring_board(r, 1, TICKRING_BOARD_TICKER, &rec), TICKRING_BUSY);
	write_payload(at, &want);
	write_commit(at, 7);
	CHECK_EQ(tickring_board(r, 1, TICKRING_BOARD_TICKER, &rec), TICKRING_RECORD);
	CHECK(is_numbered(&rec, 7));
	CHECK_EQ(tickring_board(r, 1, TICKRING_BOARD_TRADE, &rec), TICKRING_EMPTY);
	CHECK_EQ(tickring_board(r, 1, 4, &rec), TICKRING_EMPTY);
	CHECK_EQ(tickring_board(r, 3, 0, &rec), TICKRING_EMPTY);
	store64(at, UINT64_MAX - 1);
	CHECK_EQ(tickring_board(r, 1, TICKRING_BOARD_TICKER, &rec), TICKRING_DAMAGED);
}

static void book(struct segment *s, tickring_reader *r)
{
	tickring_book_header h;
	tickring_book_header image;
	tickring_level bids[8];
	tickring_level asks[8];
	unsigned char *at = segment_at(s, TICKRING_SECTION_BOOKS, 2);
	CHECK_EQ(tickring_book(r, 2, &h, bids, asks, 8), TICKRING_EMPTY);
	CHECK_EQ(tickring_book(r, 3, &h, bids, asks, 8), TICKRING_EMPTY);
	memset(&image, 0, sizeof image);
	image.as_of = 41;
	image.bid_count = 5;
	image.ask_count = 2;
	image.flags = TICKRING_BOOK_VALID;
	write_bytes(at + 8, (unsigned char *)&image + 8, sizeof image - 8);
	for (int64_t i = 0; i < 10; i++) {
		tickring_level level = {100 + i, 10 * i};
		write_bytes(at + sizeof image + (size_t)i * sizeof level, &level, sizeof level);
	}
	store64(at, 3);
	CHECK_EQ(tickring_book(r, 2, &h, bids, asks, 8), TICKRING_BUSY);
	store64(at, 4);
	memset(bids, 0, sizeof bids);
	CHECK_EQ(tickring_book(r, 2, &h, bids, asks, 8), TICKRING_RECORD);
	CHECK_EQ(h.version, 4);
	CHECK_EQ(h.as_of, 41);
	CHECK_EQ(h.bid_count, 5);
	CHECK_EQ(bids[4].price, 104);
	CHECK_EQ(bids[5].price, 0);
	CHECK_EQ(asks[0].price, 105);
	CHECK_EQ(asks[1].quantity, 60);
	memset(bids, 0, sizeof bids);
	CHECK_EQ(tickring_book(r, 2, &h, bids, asks, 1), TICKRING_RECORD);
	CHECK_EQ(h.bid_count, 5);
	CHECK_EQ(bids[0].price, 100);
	CHECK_EQ(bids[1].price, 0);
	CHECK_EQ(tickring_book(r, 2, &h, NULL, NULL, 0), TICKRING_RECORD);
	image.ask_count = 6;
	write_bytes(at + 8, (unsigned char *)&image + 8, sizeof image - 8);
	CHECK_EQ(tickring_book(r, 2, &h, bids, asks, 8), TICKRING_DAMAGED);
}

static int64_t realtime_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Each condition of freshness alone takes it away. */
static void freshness(struct segment *s, tickring_reader *r)
{
	const int64_t second = 1000000000;
	uint64_t word;
	tickring_instrument_state state;
	tickring_connection connection;
	unsigned char *row = segment_at(s, TICKRING_SECTION_INSTRUMENT_STATES, 0);
	unsigned char *heard = segment_at(s, TICKRING_SECTION_CONNECTIONS, 3) +
	                       offsetof(tickring_connection, last_receive_ns);
	unsigned char *beat = HEADER_FIELD(s, hot_heartbeat_time_ns);
	store64(row, (UINT64_C(9) << 32) | TICKRING_BIT_SUBSCRIBED);
	store32(row + offsetof(tickring_instrument_state, connection), 3);
	CHECK_EQ(tickring_fresh_within(r, 0, second), 0);
	store64(heard, (uint64_t)realtime_ns());
	CHECK_EQ(tickring_fresh_within(r, 0, second), 0);
	store64(beat, (uint64_t)realtime_ns());
	CHECK_EQ(tickring_fresh_within(r, 0, second), 1);
	CHECK_EQ(tickring_state(r, 0, &word), 0);
	CHECK_EQ(word >> 32, 9);
	CHECK_EQ(tickring_state(r, 3, &word), TICKRING_E_NO_INSTRUMENT);
	CHECK_EQ(tickring_get_instrument_state(r, 0, &state), 0);
	CHECK_EQ(state.connection, 3);
	CHECK_EQ(tickring_get_connection(r, 3, &connection), 0);
	CHECK(connection.last_receive_ns > 0);
	CHECK_EQ(tickring_get_connection(r, 4, &connection), TICKRING_E_ARGUMENT);
	for (unsigned bit = 0; bit < 6; bit++) {
		store64(row, bit == 0 ? 0 : TICKRING_BIT_SUBSCRIBED | 1u << bit);
		CHECK_EQ(tickring_fresh_within(r, 0, second), 0);
	}
	store64(row, TICKRING_BIT_SUBSCRIBED);
	store64(heard, (uint64_t)(realtime_ns() - 2 * second));
	CHECK_EQ(tickring_fresh_within(r, 0, second), 0);
	CHECK_EQ(tickring_fresh_within(r, 0, 9 * second), 1);
	store64(heard, (uint64_t)(realtime_ns() + 2 * second));
	CHECK_EQ(tickring_fresh_within(r, 0, second), 0);
	store64(heard, UINT64_C(1) << 63);
	CHECK_EQ(tickring_fresh_within(r, 0, INT64_MAX), 0);
	store64(heard, (uint64_t)realtime_ns());
	store64(beat, (uint64_t)(realtime_ns() - 2 * second));
	CHECK_EQ(tickring_fresh_within(r, 0, 9 * second), 0);
	store64(beat, (uint64_t)realtime_ns());
	store32(row + offsetof(tickring_instrument_state, connection), TICKRING_NO_CONNECTION);
	CHECK_EQ(tickring_fresh_within(r, 0, 9 * second), 0);
	CHECK_EQ(tickring_fresh_within(r, 3, 9 * second), 0);
	store32(row + offsetof(tickring_instrument_state, connection), 3);
	store32(HEADER_FIELD(s, state), TICKRING_STATE_CLOSED);
	CHECK_EQ(tickring_fresh_within(r, 0, 9 * second), 0);
}

static void quote_age(struct segment *s, tickring_reader *r)
{
	unsigned char *seen = segment_at(s, TICKRING_SECTION_INSTRUMENT_STATES, 0) +
	                      offsetof(tickring_instrument_state, book_ticker_last_seen_ns);
	const int64_t second = 1000000000;
	CHECK_EQ(tickring_quote_age_ns(r, 0), -1);
	CHECK_EQ(tickring_quote_age_ns(r, 3), -1);
	store64(seen, (uint64_t)(realtime_ns() - 5 * second));
	CHECK(tickring_quote_age_ns(r, 0) >= 5 * second);
	CHECK(tickring_quote_age_ns(r, 0) < 3600 * second);
	store64(seen, (uint64_t)(realtime_ns() + 5 * second));
	CHECK_EQ(tickring_quote_age_ns(r, 0), 0);
	store64(seen, UINT64_C(1) << 63);
	CHECK_EQ(tickring_quote_age_ns(r, 0), INT64_MAX);
}

void test_tables(void)
{
	struct segment s;
	tickring_reader *r;
	segment_make(&s, shape);
	CHECK_EQ(tickring_attach(s.dir, "test", NULL, &r), 0);
	symbols(&s, r);
	board(&s, r);
	book(&s, r);
	freshness(&s, r);
	quote_age(&s, r);
	tickring_detach(r);
	segment_free(&s);
}
