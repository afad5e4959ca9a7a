#define _GNU_SOURCE
#include "json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NONE16 0xFFFFu

/* A line never fills up: its parts are bounded well below JSON_LINE_MAX. */
static void put(json_line *l, const char *text, size_t n)
{
	if (l->length + n > sizeof l->text)
		return;
	memcpy(l->text + l->length, text, n);
	l->length += n;
}

__attribute__((format(printf, 2, 3))) static void putf(json_line *l, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof text)
		put(l, text, (size_t)n);
}

static int continues(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

/* Bytes of the UTF-8 character at s, of which n are there; 0 when it is none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	unsigned char c = s[0];
	if (c < 0x80)
		return 1;
	if (c < 0xC2 || c > 0xF4)
		return 0;
	if (c < 0xE0)
		return n >= 2 && continues(s[1]) ? 2 : 0;
	if (c < 0xF0) {
		/* No second form of a shorter character, and no surrogate. */
		if (n < 3 || !continues(s[1]) || !continues(s[2]) || (c == 0xE0 && s[1] < 0xA0) ||
		    (c == 0xED && s[1] > 0x9F))
			return 0;
		return 3;
	}
	if (n < 4 || !continues(s[1]) || !continues(s[2]) || !continues(s[3]) ||
	    (c == 0xF0 && s[1] < 0x90) || (c == 0xF4 && s[1] > 0x8F))
		return 0;
	return 4;
}

static void put_string(json_line *l, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	put(l, "\"", 1);
	for (size_t i = 0; i < n;) {
		size_t size = utf8_length(s + i, n - i);
		if (size == 0)
			put(l, "\\ufffd", 6);
		else if (s[i] == '"' || s[i] == '\\')
			putf(l, "\\%c", s[i]);
		else if (s[i] < 0x20)
			putf(l, "\\u%04x", s[i]);
		else
			put(l, text + i, size);
		i += size == 0 ? 1 : size;
	}
	put(l, "\"", 1);
}

static void put_key(json_line *l, const char *key)
{
	putf(l, "%s\"%s\":", l->text[l->length - 1] == '{' ? "" : ",", key);
}

static void key_uint(json_line *l, const char *key, uint64_t v)
{
	put_key(l, key);
	putf(l, "%" PRIu64, v);
}

/* 0 says that there is none. */
static void key_sequence(json_line *l, const char *key, uint64_t v)
{
	put_key(l, key);
	if (v == 0)
		put(l, "null", 4);
	else
		putf(l, "%" PRIu64, v);
}

static void key_time(json_line *l, const char *key, int64_t v)
{
	put_key(l, key);
	if (v == TICKRING_ABSENT)
		put(l, "null", 4);
	else
		putf(l, "%" PRId64, v);
}

static void key_string(json_line *l, const char *key, const char *text, size_t n)
{
	put_key(l, key);
	put_string(l, text, n);
}

static void key_null(json_line *l, const char *key)
{
	put_key(l, key);
	put(l, "null", 4);
}

static void put_decimal(json_line *l, int64_t mantissa, int exponent)
{
	char text[TICKRING_DECIMAL_TEXT_MAX];
	if (tickring_decimal_text(mantissa, exponent, text, sizeof text) == 0)
		put(l, "null", 4);
	else
		putf(l, "\"%s\"", text);
}

static void key_decimal(json_line *l, const char *key, int64_t mantissa, int exponent)
{
	put_key(l, key);
	put_decimal(l, mantissa, exponent);
}

static void key_lower(json_line *l, const char *key, const char *name)
{
	char text[64];
	size_t n = 0;
	for (; name[n] != '\0' && n < sizeof text; n++)
		text[n] = (char)tolower((unsigned char)name[n]);
	key_string(l, key, text, n);
}

static void key_flags(json_line *l, uint16_t flags)
{
	put_key(l, "flags");
	put(l, "[", 1);
	for (unsigned bit = 0; bit < 16; bit++) {
		uint16_t flag = (uint16_t)(1u << bit);
		if ((flags & flag) == 0)
			continue;
		const char *name = tickring_flags_name(flag);
		const char *comma = l->text[l->length - 1] == '[' ? "" : ",";
		if (name != NULL)
			putf(l, "%s\"%s\"", comma, name);
		else
			putf(l, "%s\"BIT_%u\"", comma, bit);
	}
	put(l, "]", 1);
}

/* Book epoch and connection stand in the body, at a place of the kind's own. */
static void key_origin(json_line *l, const tickring_record *r)
{
	uint32_t epoch = 0;
	uint16_t connection = NONE16;
	switch (r->kind) {
	case TICKRING_KIND_BOOK_TICKER:
		epoch = r->body.book_ticker.book_epoch;
		connection = r->body.book_ticker.connection;
		break;
	case TICKRING_KIND_TRADE:
		epoch = r->body.trade.book_epoch;
		connection = r->body.trade.connection;
		break;
	case TICKRING_KIND_DEPTH:
		epoch = r->body.depth.book_epoch;
		connection = r->body.depth.connection;
		break;
	case TICKRING_KIND_TICKER:
		epoch = r->body.ticker.book_epoch;
		connection = r->body.ticker.connection;
		break;
	case TICKRING_KIND_STATUS:
		epoch = r->body.status.book_epoch;
		connection = r->body.status.connection;
		break;
	case TICKRING_KIND_PERPETUAL:
		epoch = r->body.perpetual.book_epoch;
		connection = r->body.perpetual.connection;
		break;
	}
	key_uint(l, "book_epoch", epoch);
	if (connection == NONE16)
		key_null(l, "connection");
	else
		key_uint(l, "connection", connection);
}

static void book_ticker(json_line *l, const tickring_record *r)
{
	const tickring_book_ticker *b = &r->body.book_ticker;
	key_decimal(l, "bid_price", b->bid_price, r->price_exponent);
	key_decimal(l, "bid_quantity", b->bid_quantity, r->quantity_exponent);
	key_decimal(l, "ask_price", b->ask_price, r->price_exponent);
	key_decimal(l, "ask_quantity", b->ask_quantity, r->quantity_exponent);
	key_time(l, "send_time_ns", b->send_time_ns);
}

/* MEXC's pair reads 7319X0_7320X0: number, X, suffix, twice. */
static void key_trade_id(json_line *l, const tickring_trade *t)
{
	put_key(l, "trade_id");
	switch (t->id_format) {
	case TICKRING_ID_UINT64:
		putf(l, "\"%" PRIu64 "\"", t->trade_id);
		break;
	case TICKRING_ID_MEXC_PAIR:
		putf(l, "\"%" PRIu64 "X%u_%" PRIu64 "X%u\"", t->trade_id, t->id_suffix1, t->second_id,
		     t->id_suffix2);
		break;
	case TICKRING_ID_TEXT:
		put_string(l, t->text, t->text_length);
		break;
	default:
		put(l, "null", 4);
	}
}

static void trade(json_line *l, const tickring_record *r)
{
	const tickring_trade *t = &r->body.trade;
	const char *side = tickring_aggressor_name(t->aggressor);
	key_decimal(l, "price", t->price, r->price_exponent);
	key_decimal(l, "quantity", t->quantity, r->quantity_exponent);
	key_trade_id(l, t);
	key_lower(l, "aggressor", side != NULL ? side : "UNKNOWN");
	key_uint(l, "index", t->index);
	key_uint(l, "count", t->count);
	key_time(l, "send_time_ns", t->send_time_ns);
}

static void key_levels(json_line *l, const char *key, const tickring_record *r, unsigned from,
                       unsigned to)
{
	put_key(l, key);
	put(l, "[", 1);
	for (unsigned i = from; i < to; i++) {
		put(l, i == from ? "[" : ",[", i == from ? 1 : 2);
		put_decimal(l, r->body.depth.levels[i].price, r->price_exponent);
		put(l, ",", 1);
		put_decimal(l, r->body.depth.levels[i].quantity, r->quantity_exponent);
		put(l, "]", 1);
	}
	put(l, "]", 1);
}

static void depth(json_line *l, const tickring_record *r)
{
	const tickring_depth *d = &r->body.depth;
	key_sequence(l, "first_sequence", d->first_sequence);
	key_levels(l, "bids", r, 0, d->bids);
	key_levels(l, "asks", r, d->bids, (unsigned)d->bids + d->asks);
}

static void ticker(json_line *l, const tickring_record *r)
{
	const tickring_ticker *t = &r->body.ticker;
	key_decimal(l, "last", t->last, r->price_exponent);
	key_decimal(l, "bid", t->bid, r->price_exponent);
	key_decimal(l, "ask", t->ask, r->price_exponent);
	key_decimal(l, "open", t->open, r->price_exponent);
	key_decimal(l, "high", t->high, r->price_exponent);
	key_decimal(l, "low", t->low, r->price_exponent);
	key_decimal(l, "base_volume", t->base_volume, t->base_volume_exponent);
	key_decimal(l, "quote_volume", t->quote_volume, t->quote_volume_exponent);
	key_time(l, "window_end_ns", t->window_end_ns);
}

static void key_reason(json_line *l, uint32_t reason)
{
	const char *name = tickring_reason_name(reason);
	put_key(l, "reason");
	if (reason == TICKRING_REASON_NONE)
		put(l, "null", 4);
	else if (name != NULL)
		putf(l, "\"%s\"", name);
	else if (reason >= TICKRING_REASON_CLOSE_CODE_BASE)
		putf(l, "\"CLOSE_%u\"", reason - TICKRING_REASON_CLOSE_CODE_BASE);
	else if (reason >= TICKRING_REASON_HTTP_BASE && reason < TICKRING_REASON_HTTP_BASE + 1000)
		putf(l, "\"HTTP_%u\"", reason - TICKRING_REASON_HTTP_BASE);
	else
		putf(l, "\"REASON_%u\"", reason);
}

static void status(json_line *l, const tickring_record *r)
{
	const tickring_status *s = &r->body.status;
	const char *code = tickring_status_code_name(s->code);
	const char *scope = tickring_scope_name(s->scope);
	put_key(l, "code");
	if (code != NULL)
		putf(l, "\"%s\"", code);
	else
		putf(l, "\"STATUS_CODE_%u\"", s->code);
	if (scope != NULL) {
		key_lower(l, "scope", scope);
	} else {
		put_key(l, "scope");
		putf(l, "\"scope_%u\"", s->scope);
	}
	key_reason(l, s->reason);
	if (s->text_length == 0)
		key_null(l, "text");
	else
		key_string(l, "text", s->text, s->text_length);
	key_sequence(l, "first_missing", s->first_missing);
	key_sequence(l, "last_missing", s->last_missing);
	key_time(l, "since_ns", s->since_ns);
}

static void perpetual(json_line *l, const tickring_record *r)
{
	const tickring_perpetual *p = &r->body.perpetual;
	key_decimal(l, "mark_price", p->mark_price, r->price_exponent);
	key_decimal(l, "index_price", p->index_price, r->price_exponent);
	key_decimal(l, "funding_rate", p->funding_rate, p->funding_exponent);
	key_time(l, "funding_time_ns", p->funding_time_ns);
	key_decimal(l, "open_interest", p->open_interest, p->open_interest_exponent);
	key_time(l, "send_time_ns", p->send_time_ns);
}

static void head(json_line *l, const tickring_record *r, const json_names *names)
{
	const char *kind = tickring_kind_name(r->kind);
	key_uint(l, "seq", tickring_sequence(r));
	key_lower(l, "kind", kind != NULL ? kind : "unknown");
	key_string(l, "feed", names->feed, strnlen(names->feed, 64));
	key_string(l, "venue", names->venue, strnlen(names->venue, 64));
	if (names->symbol != NULL)
		key_string(l, "symbol", names->symbol, strnlen(names->symbol, 64));
	else
		key_null(l, "symbol");
	key_flags(l, r->flags);
	key_time(l, "recv_time_ns", r->recv_time_ns);
	key_time(l, "publish_time_ns", r->publish_time_ns);
	key_time(l, "event_time_ns", r->event_time_ns);
	key_sequence(l, "venue_sequence", r->venue_sequence);
	key_origin(l, r);
}

void json_record(json_line *line, const tickring_record *record, const json_names *names)
{
	line->length = 0;
	put(line, "{", 1);
	head(line, record, names);
	switch (record->kind) {
	case TICKRING_KIND_BOOK_TICKER:
		book_ticker(line, record);
		break;
	case TICKRING_KIND_TRADE:
		trade(line, record);
		break;
	case TICKRING_KIND_DEPTH:
		depth(line, record);
		break;
	case TICKRING_KIND_TICKER:
		ticker(line, record);
		break;
	case TICKRING_KIND_STATUS:
		status(line, record);
		break;
	case TICKRING_KIND_PERPETUAL:
		perpetual(line, record);
		break;
	}
	put(line, "}\n", 2);
}
