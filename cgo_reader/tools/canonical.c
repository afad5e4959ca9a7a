#define _GNU_SOURCE
#include "canonical.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NONE16 0xFFFFu

uint64_t hash_record(uint64_t h, const tickring_record *rec)
{
	uint64_t words[TICKRING_RECORD_SIZE / 8];
	memcpy(words, rec, sizeof words);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		h = (h ^ words[i]) * UINT64_C(0x100000001b3);
	return h;
}

const char *error_name(int error)
{
	switch (error) {
	case TICKRING_E_ARGUMENT:
		return "ARGUMENT";
	case TICKRING_E_NAME:
		return "NAME";
	case TICKRING_E_NO_FEED:
		return "NO_FEED";
	case TICKRING_E_PERMISSION:
		return "PERMISSION";
	case TICKRING_E_NOT_REGULAR:
		return "NOT_REGULAR";
	case TICKRING_E_OWNER:
		return "OWNER";
	case TICKRING_E_TOO_SHORT:
		return "TOO_SHORT";
	case TICKRING_E_NOT_READY:
		return "NOT_READY";
	case TICKRING_E_MAGIC:
		return "MAGIC";
	case TICKRING_E_BYTE_ORDER:
		return "BYTE_ORDER";
	case TICKRING_E_VERSION:
		return "VERSION";
	case TICKRING_E_HEADER:
	case TICKRING_E_STATE:
		return "HEADER";
	case TICKRING_E_TRUNCATED:
		return "TRUNCATED";
	case TICKRING_E_SIZE:
		return "SIZE";
	case TICKRING_E_FORMAT_HASH:
		return "FORMAT_HASH";
	case TICKRING_E_DIRECTORY:
		return "DIRECTORY";
	case TICKRING_E_OTHER_BOOT:
		return "OTHER_BOOT";
	case TICKRING_E_OTHER_FEED:
		return "OTHER_FEED";
	case TICKRING_E_NO_INSTRUMENT:
		return "NO_INSTRUMENT";
	default:
		return "SYSTEM";
	}
}

static void key_u(const char *key, uint64_t v)
{
	printf(" %s=%" PRIu64, key, v);
}

static void value_i(int64_t v)
{
	if (v == TICKRING_ABSENT)
		fputs("absent", stdout);
	else
		printf("%" PRId64, v);
}

static void key_i(const char *key, int64_t v)
{
	printf(" %s=", key);
	value_i(v);
}

static void key_row(const char *key, uint32_t v)
{
	if (v == NONE16)
		printf(" %s=none", key);
	else
		key_u(key, v);
}

/* A value without a name prints as its number. */
static void key_name(const char *key, const char *name, uint64_t v)
{
	if (name != NULL)
		printf(" %s=%s", key, name);
	else
		key_u(key, v);
}

static void key_text(const char *key, const char *text, size_t n)
{
	printf(" %s=\"", key);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('"');
}

typedef const char *name_of_bit(uint32_t bit);

static void key_set(const char *key, uint32_t set, name_of_bit *name)
{
	const char *between = "";
	printf(" %s=", key);
	if (set == 0)
		putchar('-');
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t value = UINT32_C(1) << bit;
		if ((set & value) == 0)
			continue;
		if (name(value) != NULL)
			printf("%s%s", between, name(value));
		else
			printf("%sBIT_%u", between, bit);
		between = "|";
	}
}

/* Flags have 16 bits, and their sets no others. */
static const char *flag_name(uint32_t bit)
{
	return tickring_flags_name((uint16_t)bit);
}

static const char *book_flag_name(uint32_t bit)
{
	return tickring_book_flag_name((uint16_t)bit);
}

static void key_levels(const char *key, const tickring_level *levels, size_t n)
{
	printf(" %s=[", key);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			putchar(',');
		value_i(levels[i].price);
		putchar(':');
		value_i(levels[i].quantity);
	}
	putchar(']');
}

static void front(const tickring_record *r)
{
	key_u("sequence", tickring_sequence(r));
	key_name("kind", tickring_kind_name(r->kind), r->kind);
	key_set("flags", r->flags, flag_name);
	key_row("instrument", r->instrument);
	key_i("price_exponent", r->price_exponent);
	key_i("quantity_exponent", r->quantity_exponent);
	key_i("recv_time_ns", r->recv_time_ns);
	key_u("venue_sequence", r->venue_sequence);
}

static void book_ticker(const tickring_book_ticker *b)
{
	key_i("bid_price", b->bid_price);
	key_i("bid_quantity", b->bid_quantity);
	key_i("ask_price", b->ask_price);
	key_i("ask_quantity", b->ask_quantity);
	key_i("send_time_ns", b->send_time_ns);
	key_u("book_epoch", b->book_epoch);
	key_row("connection", b->connection);
}

static void trade(const tickring_trade *t)
{
	key_i("price", t->price);
	key_i("quantity", t->quantity);
	key_u("trade_id", t->trade_id);
	key_name("aggressor", tickring_aggressor_name(t->aggressor), t->aggressor);
	key_name("id_format", tickring_id_format_name(t->id_format), t->id_format);
	key_u("index", t->index);
	key_u("count", t->count);
	key_row("connection", t->connection);
	key_i("send_time_ns", t->send_time_ns);
	key_u("second_id", t->second_id);
	key_text("text", t->text, t->text_length);
	key_u("book_epoch", t->book_epoch);
	key_u("id_suffix1", t->id_suffix1);
	key_u("id_suffix2", t->id_suffix2);
}

static void depth(const tickring_depth *d)
{
	key_levels("levels", d->levels, (size_t)d->bids + d->asks);
	key_u("first_sequence", d->first_sequence);
	key_u("book_epoch", d->book_epoch);
	key_row("connection", d->connection);
	key_u("bids", d->bids);
	key_u("asks", d->asks);
}

static void ticker(const tickring_ticker *t)
{
	key_i("last", t->last);
	key_i("bid", t->bid);
	key_i("ask", t->ask);
	key_i("open", t->open);
	key_i("high", t->high);
	key_i("low", t->low);
	key_i("base_volume", t->base_volume);
	key_i("quote_volume", t->quote_volume);
	key_i("window_end_ns", t->window_end_ns);
	key_i("base_volume_exponent", t->base_volume_exponent);
	key_i("quote_volume_exponent", t->quote_volume_exponent);
	key_row("connection", t->connection);
	key_u("book_epoch", t->book_epoch);
}

static void status(const tickring_status *s)
{
	key_name("code", tickring_status_code_name(s->code), s->code);
	key_name("scope", tickring_scope_name(s->scope), s->scope);
	key_name("reason", tickring_reason_name(s->reason), s->reason);
	key_u("book_epoch", s->book_epoch);
	key_row("connection", s->connection);
	key_u("first_missing", s->first_missing);
	key_u("last_missing", s->last_missing);
	key_i("since_ns", s->since_ns);
	key_text("text", s->text, s->text_length);
}

static void perpetual(const tickring_perpetual *p)
{
	key_i("mark_price", p->mark_price);
	key_i("index_price", p->index_price);
	key_i("funding_rate", p->funding_rate);
	key_i("funding_time_ns", p->funding_time_ns);
	key_i("open_interest", p->open_interest);
	key_i("send_time_ns", p->send_time_ns);
	key_u("book_epoch", p->book_epoch);
	key_row("connection", p->connection);
	key_i("funding_exponent", p->funding_exponent);
	key_i("open_interest_exponent", p->open_interest_exponent);
}

void print_record(const tickring_record *r)
{
	front(r);
	key_i("event_time_ns", r->event_time_ns);
	key_i("publish_time_ns", r->publish_time_ns);
	switch (r->kind) {
	case TICKRING_KIND_BOOK_TICKER:
		book_ticker(&r->body.book_ticker);
		break;
	case TICKRING_KIND_TRADE:
		trade(&r->body.trade);
		break;
	case TICKRING_KIND_DEPTH:
		depth(&r->body.depth);
		break;
	case TICKRING_KIND_TICKER:
		ticker(&r->body.ticker);
		break;
	case TICKRING_KIND_STATUS:
		status(&r->body.status);
		break;
	case TICKRING_KIND_PERPETUAL:
		perpetual(&r->body.perpetual);
		break;
	}
	printf(" hash=%016" PRIx64 "\n", hash_record(HASH_SEED, r));
}

void print_head(const tickring_record *r)
{
	fputs("HEAD", stdout);
	front(r);
	fputs(" words=[", stdout);
	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			putchar(',');
		value_i((int64_t)r->body.words[i]);
	}
	puts("]");
}

void print_book(uint32_t id, const tickring_book_header *h, const tickring_level *bids,
                const tickring_level *asks)
{
	fputs("BOOK", stdout);
	key_u("instrument", id);
	key_u("version", h->version);
	key_u("as_of", h->as_of);
	key_i("event_time_ns", h->event_time_ns);
	key_i("recv_time_ns", h->recv_time_ns);
	key_u("venue_sequence", h->venue_sequence);
	key_u("book_epoch", h->book_epoch);
	key_u("bid_count", h->bid_count);
	key_u("ask_count", h->ask_count);
	key_i("price_exponent", h->price_exponent);
	key_i("quantity_exponent", h->quantity_exponent);
	key_set("flags", h->flags, book_flag_name);
	key_i("publish_time_ns", h->publish_time_ns);
	key_levels("bids", bids, h->bid_count);
	key_levels("asks", asks, h->ask_count);
	putchar('\n');
}

void print_segment(const tickring_reader *r)
{
	fputs("SEGMENT", stdout);
	key_text("feed", tickring_feed(r), strlen(tickring_feed(r)));
	key_text("venue", tickring_venue(r), strlen(tickring_venue(r)));
	key_u("generation", tickring_generation(r));
	key_name("source", tickring_source_name(tickring_source(r)), tickring_source(r));
	uint32_t state = tickring_segment_state(r);
	key_name("state", tickring_state_name(state), state);
	key_u("slots", tickring_slots(r));
	key_u("book_depth", tickring_book_depth(r));
	key_u("instrument_count", tickring_instrument_count(r));
	key_u("watermark", tickring_watermark(r));
	key_u("last_sequence", tickring_last_sequence(r));
	putchar('\n');
}

void print_instrument(uint32_t id, const char *symbol, const tickring_instrument *row)
{
	fputs("INSTRUMENT", stdout);
	key_u("id", id);
	key_text("symbol", symbol, strlen(symbol));
	key_set("channels", row->channels, tickring_channel_name);
	key_text("venue_symbol", row->venue_symbol, strnlen(row->venue_symbol, sizeof row->venue_symbol));
	key_text("base", row->base, strnlen(row->base, sizeof row->base));
	key_text("quote", row->quote, strnlen(row->quote, sizeof row->quote));
	key_i("tick", row->tick);
	key_i("lot", row->lot);
	key_i("tick_exponent", row->tick_exponent);
	key_i("lot_exponent", row->lot_exponent);
	key_i("price_exponent", row->price_exponent);
	key_i("quantity_exponent", row->quantity_exponent);
	key_i("multiplier_exponent", row->multiplier_exponent);
	key_i("multiplier", row->multiplier);
	key_i("added_time_ns", row->added_time_ns);
	putchar('\n');
}

void print_state(uint32_t id, const tickring_instrument_state *s)
{
	fputs("STATE", stdout);
	key_u("instrument", id);
	key_set("bits", (uint32_t)s->word, tickring_state_bit_name);
	key_u("book_epoch", s->word >> 32);
	key_i("last_seen_ns", s->last_seen_ns);
	key_i("book_ticker_last_seen_ns", s->book_ticker_last_seen_ns);
	key_i("trade_last_seen_ns", s->trade_last_seen_ns);
	key_i("depth_last_seen_ns", s->depth_last_seen_ns);
	key_i("ticker_last_seen_ns", s->ticker_last_seen_ns);
	key_row("connection", s->connection);
	key_set("stale", s->stale, tickring_channel_name);
	key_set("acknowledged", s->acknowledged, tickring_channel_name);
	key_set("refused", s->refused, tickring_channel_name);
	putchar('\n');
}

void print_connection(uint32_t row, const tickring_connection *c)
{
	fputs("CONNECTION", stdout);
	key_u("row", row);
	key_name("state", tickring_connection_state_name(c->state), c->state);
	key_i("last_receive_ns", c->last_receive_ns);
	key_i("connected_since_ns", c->connected_since_ns);
	key_u("reconnects", c->reconnects);
	key_u("frames", c->frames);
	key_u("bytes", c->bytes);
	key_u("decode_errors", c->decode_errors);
	key_i("round_trip_ns", c->round_trip_ns);
	key_text("endpoint", c->endpoint, strnlen(c->endpoint, sizeof c->endpoint));
	putchar('\n');
}
