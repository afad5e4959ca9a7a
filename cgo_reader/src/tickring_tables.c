/* Board, books, instruments, connections and facts of the segment. */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>

#include "tickring_internal.h"

#define FIELD(r, name) ((r)->seg.base + offsetof(tickring_header, name))

/* The count is bounded by the table whatever the writer stored. */
uint32_t tickring_instrument_count(const tickring_reader *r)
{
	uint32_t count = tickring_load32_acquire(FIELD(r, instrument_count));
	return count < r->seg.instruments ? count : (uint32_t)r->seg.instruments;
}

int tickring_board(const tickring_reader *r, uint32_t id, uint32_t slot, tickring_record *out)
{
	if (id >= tickring_instrument_count(r) || slot > TICKRING_BOARD_STATUS)
		return TICKRING_EMPTY;
	const unsigned char *src = r->seg.base + r->seg.off_board +
	                           (uint64_t)id * TICKRING_BOARD_ENTRY_SIZE +
	                           (uint64_t)slot * TICKRING_RECORD_SIZE;
	for (int i = 0; i < TICKRING_BOARD_TRIES; i++) {
		uint64_t v = tickring_load_acquire(src);
		if (v == 0)
			return TICKRING_EMPTY;
		if (v % 2 != 0)
			continue;
		tickring_copy(out, src, 1, TICKRING_RECORD_WORDS);
		if (tickring_load_again(src) != v)
			continue;
		out->commit = v;
		if (v / 2 > TICKRING_MAX_SEQUENCE || !tickring_sane(out, 0))
			return TICKRING_DAMAGED;
		return TICKRING_RECORD;
	}
	return TICKRING_BUSY;
}

/* Copy the valid levels of one side; a count beyond the depth is judged by the caller. */
static void copy_levels(tickring_level *dst, const unsigned char *src, uint32_t count,
                        uint32_t depth, uint32_t capacity)
{
	uint32_t n = count < depth ? count : depth;
	n = n < capacity ? n : capacity;
	tickring_copy(dst, src, 0, (size_t)n * (TICKRING_LEVEL_SIZE / 8));
}

int tickring_book(const tickring_reader *r, uint32_t id, tickring_book_header *out,
                  tickring_level *bids, tickring_level *asks, uint32_t capacity)
{
	if (id >= tickring_instrument_count(r))
		return TICKRING_EMPTY;
	uint32_t depth = r->seg.book_depth;
	const unsigned char *src = r->seg.base + r->seg.off_books + (uint64_t)id * r->seg.book_entry;
	const unsigned char *levels = src + TICKRING_BOOK_HEADER_SIZE;
	for (int i = 0; i < TICKRING_BOARD_TRIES; i++) {
		uint64_t v = tickring_load_acquire(src);
		if (v == 0)
			return TICKRING_EMPTY;
		if (v % 2 != 0)
			continue;
		tickring_copy(out, src, 1, TICKRING_BOOK_HEADER_SIZE / 8);
		copy_levels(bids, levels, out->bid_count, depth, capacity);
		copy_levels(asks, levels + (uint64_t)depth * TICKRING_LEVEL_SIZE, out->ask_count, depth,
		            capacity);
		if (tickring_load_again(src) != v)
			continue;
		out->version = v;
		if (out->bid_count > depth || out->ask_count > depth)
			return TICKRING_DAMAGED;
		return TICKRING_RECORD;
	}
	return TICKRING_BUSY;
}

int tickring_get_instrument(const tickring_reader *r, uint32_t id, tickring_instrument *out)
{
	if (id >= tickring_instrument_count(r))
		return TICKRING_E_NO_INSTRUMENT;
	const unsigned char *src =
		r->seg.base + r->seg.off_instruments + (uint64_t)id * TICKRING_INSTRUMENT_SIZE;
	tickring_copy(out, src, 0, TICKRING_INSTRUMENT_SIZE / 8);
	return 0;
}

int tickring_get_instrument_state(const tickring_reader *r, uint32_t id,
                                  tickring_instrument_state *out)
{
	if (id >= tickring_instrument_count(r))
		return TICKRING_E_NO_INSTRUMENT;
	const unsigned char *src =
		r->seg.base + r->seg.off_states + (uint64_t)id * TICKRING_INSTRUMENT_STATE_SIZE;
	tickring_copy(out, src, 0, TICKRING_INSTRUMENT_STATE_SIZE / 8);
	return 0;
}

int tickring_get_connection(const tickring_reader *r, uint32_t row, tickring_connection *out)
{
	if (row >= r->seg.connections)
		return TICKRING_E_ARGUMENT;
	const unsigned char *src =
		r->seg.base + r->seg.off_connections + (uint64_t)row * TICKRING_CONNECTION_SIZE;
	tickring_copy(out, src, 0, TICKRING_CONNECTION_SIZE / 8);
	return 0;
}

int tickring_state(const tickring_reader *r, uint32_t id, uint64_t *word)
{
	if (id >= tickring_instrument_count(r))
		return TICKRING_E_NO_INSTRUMENT;
	const unsigned char *src =
		r->seg.base + r->seg.off_states + (uint64_t)id * TICKRING_INSTRUMENT_STATE_SIZE;
	*word = tickring_load_acquire(src + offsetof(tickring_instrument_state, word));
	return 0;
}

static char *append(char *to, const char *text, size_t max)
{
	size_t n = strnlen(text, max);
	memcpy(to, text, n);
	return to + n;
}

int tickring_symbol(const tickring_reader *r, uint32_t id, char *text, size_t size)
{
	tickring_instrument row;
	if (size < TICKRING_SYMBOL_MAX)
		return TICKRING_E_ARGUMENT;
	int err = tickring_get_instrument(r, id, &row);
	if (err != 0)
		return err;
	char *end = append(text, row.base, sizeof row.base);
	if (row.quote[0] != '\0') {
		*end++ = '/';
		end = append(end, row.quote, sizeof row.quote);
	}
	*end = '\0';
	return 0;
}

int tickring_find(const tickring_reader *r, const char *symbol, uint32_t *id)
{
	uint32_t count = tickring_instrument_count(r);
	tickring_instrument row;
	char text[TICKRING_SYMBOL_MAX];
	for (uint32_t i = 0; i < count; i++) {
		if (tickring_get_instrument(r, i, &row) != 0 || tickring_symbol(r, i, text, sizeof text) != 0)
			continue;
		size_t n = strnlen(row.venue_symbol, sizeof row.venue_symbol);
		if (strcmp(symbol, text) == 0 ||
		    (strlen(symbol) == n && memcmp(symbol, row.venue_symbol, n) == 0)) {
			*id = i;
			return 0;
		}
	}
	return TICKRING_E_NO_INSTRUMENT;
}

static int64_t realtime_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Whether a time lies within a bound of now, in either direction; 0 was never. */
static int near(int64_t now, int64_t time_ns, int64_t within_ns)
{
	if (time_ns <= 0)
		return 0;
	int64_t age = now - time_ns;
	return age <= within_ns && -age <= within_ns;
}

/* A field of an instrument's row of states; the row was checked. */
static const unsigned char *state_field(const tickring_reader *r, uint32_t id, size_t offset)
{
	return r->seg.base + r->seg.off_states + (uint64_t)id * TICKRING_INSTRUMENT_STATE_SIZE + offset;
}

int tickring_fresh_within(const tickring_reader *r, uint32_t id, int64_t within_ns)
{
	const uint64_t bits = TICKRING_BIT_SUBSCRIBED | TICKRING_BIT_STALE | TICKRING_BIT_SUSPECT |
	                      TICKRING_BIT_RESYNCING | TICKRING_BIT_REFUSED | TICKRING_BIT_HALTED;
	if (r->damaged || r->seg.source != TICKRING_SOURCE_LIVE ||
	    tickring_segment_state(r) != TICKRING_STATE_LIVE || id >= tickring_instrument_count(r))
		return 0;
	uint64_t word = tickring_load_acquire(
		state_field(r, id, offsetof(tickring_instrument_state, word)));
	uint32_t row = tickring_load32_acquire(
		state_field(r, id, offsetof(tickring_instrument_state, connection)));
	if ((word & bits) != TICKRING_BIT_SUBSCRIBED || row >= r->seg.connections)
		return 0;
	int64_t beat = (int64_t)tickring_load(FIELD(r, hot_heartbeat_time_ns));
	int64_t heard = (int64_t)tickring_load(r->seg.base + r->seg.off_connections +
	                                       (uint64_t)row * TICKRING_CONNECTION_SIZE +
	                                       offsetof(tickring_connection, last_receive_ns));
	int64_t now = realtime_ns();
	return near(now, beat, TICKRING_STALE_AFTER_NS) && near(now, heard, within_ns);
}

int64_t tickring_quote_age_ns(const tickring_reader *r, uint32_t id)
{
	if (id >= tickring_instrument_count(r))
		return -1;
	int64_t seen = (int64_t)tickring_load(
		state_field(r, id, offsetof(tickring_instrument_state, book_ticker_last_seen_ns)));
	if (seen == 0)
		return -1;
	/* Garbage may be any number: no difference overflows that is taken unsigned. */
	int64_t age = (int64_t)((uint64_t)realtime_ns() - (uint64_t)seen);
	return seen < 0 ? INT64_MAX : age > 0 ? age : 0;
}

const char *tickring_feed(const tickring_reader *r) { return r->seg.feed; }

const char *tickring_venue(const tickring_reader *r) { return r->seg.venue; }

uint64_t tickring_generation(const tickring_reader *r) { return r->seg.generation; }

uint32_t tickring_source(const tickring_reader *r) { return r->seg.source; }

uint64_t tickring_slots(const tickring_reader *r) { return r->seg.slots; }

uint32_t tickring_book_depth(const tickring_reader *r) { return r->seg.book_depth; }

uint64_t tickring_counter(const tickring_reader *r, uint32_t counter)
{
	tickring_header *none = NULL;
	if (counter >= sizeof none->counters / sizeof none->counters[0])
		return 0;
	return tickring_load(FIELD(r, counters) + 8 * (size_t)counter);
}
