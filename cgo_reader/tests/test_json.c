/* Lines of JSON for cases that the shared golden lines do not name one by one. */
#define _GNU_SOURCE
#include "json.h"

#include "check.h"
#include "segment.h"

static const char *line_of(const tickring_record *rec, const char *symbol)
{
	static json_line line;
	json_names names = {"f\"\\\x01", "v\xff\xc3\xa9", symbol};
	json_record(&line, rec, &names);
	CHECK(line.text[line.length - 1] == '\n');
	line.text[line.length - 1] = '\0';
	return line.text;
}

static tickring_record blank(uint8_t kind)
{
	tickring_record rec;
	memset(&rec, 0, sizeof rec);
	rec.commit = 10;
	rec.kind = kind;
	rec.event_time_ns = TICKRING_ABSENT;
	return rec;
}

static void quotes(void)
{
	tickring_record rec = blank(TICKRING_KIND_BOOK_TICKER);
	rec.flags = TICKRING_FLAG_LAST | 1u << 15;
	rec.price_exponent = -1;
	rec.body.book_ticker.bid_price = 642500;
	rec.body.book_ticker.ask_price = TICKRING_ABSENT;
	rec.body.book_ticker.connection = TICKRING_NO_CONNECTION;
	CHECK_TEXT(line_of(&rec, NULL),
	           "{\"seq\":5,\"kind\":\"book_ticker\",\"feed\":\"f\\\"\\\\\\u0001\",\"venue\":"
	           "\"v\\ufffd\xc3\xa9\",\"symbol\":null,\"flags\":[\"LAST\",\"BIT_15\"],"
	           "\"recv_time_ns\":0,\"publish_time_ns\":0,\"event_time_ns\":null,"
	           "\"venue_sequence\":null,\"book_epoch\":0,\"connection\":null,"
	           "\"bid_price\":\"64250\",\"bid_quantity\":\"0\",\"ask_price\":null,"
	           "\"ask_quantity\":\"0\",\"send_time_ns\":0}");
}

/* The end of a line, from a key on. */
static const char *from(const char *line, const char *key)
{
	const char *at = strstr(line, key);
	return at != NULL ? at : "";
}

static void trades(void)
{
	tickring_record rec = blank(TICKRING_KIND_TRADE);
	tickring_trade *t = &rec.body.trade;
	t->trade_id = UINT64_MAX;
	t->id_format = TICKRING_ID_UINT64;
	t->aggressor = TICKRING_AGGRESSOR_SELL;
	t->index = 1;
	t->count = 2;
	t->send_time_ns = TICKRING_ABSENT;
	CHECK_TEXT(from(line_of(&rec, "A/B"), "\"trade_id\""),
	           "\"trade_id\":\"18446744073709551615\",\"aggressor\":\"sell\",\"index\":1,"
	           "\"count\":2,\"send_time_ns\":null}");
	t->id_format = TICKRING_ID_MEXC_PAIR;
	t->trade_id = 731901896985399296;
	t->second_id = 731901896985399297;
	CHECK(strstr(line_of(&rec, "A/B"), "\"731901896985399296X0_731901896985399297X0\"") != NULL);
	t->id_format = TICKRING_ID_TEXT;
	memset(t->text, 'x', sizeof t->text);
	t->text_length = sizeof t->text;
	t->aggressor = 9;
	CHECK_TEXT(from(line_of(&rec, "A/B"), "\"trade_id\""),
	           "\"trade_id\":\"xxxxxxxxxxxxxxxxxxxxxxxx\",\"aggressor\":\"unknown\",\"index\":1,"
	           "\"count\":2,\"send_time_ns\":null}");
	t->id_format = TICKRING_ID_NONE;
	CHECK(strstr(line_of(&rec, "A/B"), "\"trade_id\":null") != NULL);
}

static void depths(void)
{
	tickring_record rec = blank(TICKRING_KIND_DEPTH);
	rec.body.depth.bids = 1;
	rec.body.depth.asks = 2;
	for (int i = 0; i < 4; i++) {
		rec.body.depth.levels[i].price = 100 + i;
		rec.body.depth.levels[i].quantity = i;
	}
	CHECK_TEXT(from(line_of(&rec, "A/B"), "\"first_sequence\""),
	           "\"first_sequence\":null,\"bids\":[[\"100\",\"0\"]],"
	           "\"asks\":[[\"101\",\"1\"],[\"102\",\"2\"]]}");
}

static void statuses(void)
{
	static const struct {
		uint32_t reason;
		const char *text;
	} reasons[] = {{0, "null"},
	               {TICKRING_REASON_DNS, "\"DNS\""},
	               {1404, "\"HTTP_404\""},
	               {1999, "\"HTTP_999\""},
	               {2000, "\"REASON_2000\""},
	               {11006, "\"CLOSE_1006\""},
	               {77, "\"REASON_77\""}};
	tickring_record rec = blank(TICKRING_KIND_STATUS);
	char want[512];
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		rec.body.status.code = TICKRING_STATUS_DOWN;
		rec.body.status.reason = reasons[i].reason;
		snprintf(want, sizeof want,
		         "\"code\":\"DOWN\",\"scope\":\"feed\",\"reason\":%s,\"text\":null,"
		         "\"first_missing\":null,\"last_missing\":null,\"since_ns\":0}",
		         reasons[i].text);
		CHECK_TEXT(from(line_of(&rec, NULL), "\"code\""), want);
	}
	rec.body.status.code = 99;
	rec.body.status.scope = 9;
	memset(rec.body.status.text, '\x1f', sizeof rec.body.status.text);
	rec.body.status.text_length = 2;
	CHECK_TEXT(from(line_of(&rec, NULL), "\"code\""),
	           "\"code\":\"STATUS_CODE_99\",\"scope\":\"scope_9\",\"reason\":\"REASON_77\","
	           "\"text\":\"\\u001f\\u001f\",\"first_missing\":null,\"last_missing\":null,"
	           "\"since_ns\":0}");
}

/* The longest line there is must fit. */
static void longest(void)
{
	tickring_record rec = blank(TICKRING_KIND_DEPTH);
	rec.flags = 0xFFFF;
	rec.price_exponent = -128;
	rec.quantity_exponent = 127;
	rec.body.depth.asks = 4;
	for (int i = 0; i < 4; i++) {
		rec.body.depth.levels[i].price = INT64_MIN + 1;
		rec.body.depth.levels[i].quantity = INT64_MIN + 1;
	}
	char feed[65] = {0};
	memset(feed, '\x01', 64);
	json_line line;
	json_names names = {feed, feed, feed};
	json_record(&line, &rec, &names);
	CHECK(line.length < sizeof line.text);
	CHECK(memcmp(line.text + line.length - 4, "]]}\n", 4) == 0);
}

void test_json(void)
{
	quotes();
	trades();
	depths();
	statuses();
	longest();
}
