/*
 * checker DIR FEED NAP_MS: follow a feed from generation to generation with the C
 * library, judge every record, report in lines of JSON. The rules are those of
 * check_test.go, the lines those of report_test.go.
 *
 * It shows what a C program can do about a segment that is truncated under it:
 * SIGBUS leads back to the loop, which looks for the next generation.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tickring.h"

#define MS INT64_C(1000000)
#define RETRY_NS (100 * MS)
#define TELL_NS (100 * MS)
#define NAP_EVERY_NS (500 * MS)
#define WAIT_NS (20 * MS)
#define BATCH 1024
#define BOARDS_AT_ONCE 4

static volatile sig_atomic_t stopped;
static sigjmp_buf bus;

/* The records of one depth event share this. */
struct event_id {
	uint16_t instrument;
	uint64_t venue, first;
	int64_t recv_ns;
};

/* All of the reader is static: a jump out of a signal must find it as it was. */
static struct {
	const char *dir, *feed;
	int64_t nap_ns, told_ns, napped_ns, tried_ns;
	tickring_reader *reader;
	tickring_stats seen;  /* as last taken into the sequence */
	tickring_stats begin; /* when this generation began */
	uint64_t first, expected, got, torn, misplaced, board, busy;
	int stale;
	uint32_t next_board;
	char why[160];

	int64_t recv_ns, publish_ns;
	int in_event;
	struct event_id event;
	uint64_t quotes[TICKRING_MAX_INSTRUMENTS + 1], trades[TICKRING_MAX_INSTRUMENTS + 1];
	tickring_level bids[TICKRING_MAX_BOOK_DEPTH], asks[TICKRING_MAX_BOOK_DEPTH];
} me;

static int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void nap(int64_t ns)
{
	struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	nanosleep(&ts, NULL);
}

static void say(const char *event)
{
	tickring_stats s = tickring_get_stats(me.reader);
	printf("{\"event\":\"%s\",\"generation\":%llu,\"first\":%llu,\"next\":%llu,\"got\":%llu,\"lost\":%llu,"
	       "\"skipped\":%llu,\"overruns\":%llu,\"rejected\":%llu,\"torn\":%llu,\"misplaced\":%llu,"
	       "\"board\":%llu,\"busy\":%llu,\"moved\":%llu,\"why\":\"%s\"}\n",
	       event, (unsigned long long)tickring_generation(me.reader), (unsigned long long)me.first,
	       (unsigned long long)tickring_next_sequence(me.reader), (unsigned long long)me.got,
	       (unsigned long long)s.lost, (unsigned long long)s.skipped_depth, (unsigned long long)s.overruns,
	       (unsigned long long)s.torn_rejected, (unsigned long long)me.torn,
	       (unsigned long long)me.misplaced, (unsigned long long)me.board, (unsigned long long)me.busy,
	       (unsigned long long)s.reattached, me.why);
	fflush(stdout);
}

/* Count a fault, and keep the words of the first one. */
static void wrong(uint64_t *count, const char *format, ...)
{
	if ((*count)++ > 0 || me.why[0] != '\0')
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(me.why, sizeof me.why, format, args);
	va_end(args);
}

/* What is wrong with a record by itself, NULL when nothing is. */
static const char *judge_book_ticker(const tickring_book_ticker *b)
{
	static const uint8_t zero[sizeof b->reserved];
	if (b->bid_price <= 0 || b->ask_price <= b->bid_price || b->ask_price / 2 >= b->bid_price ||
	    b->bid_quantity <= 0 || b->ask_quantity <= 0 || memcmp(b->reserved, zero, sizeof zero) != 0)
		return "book ticker";
	return NULL;
}

static const char *judge_trade(const tickring_trade *t)
{
	static const char zero[sizeof t->text];
	if (t->price <= 0 || t->quantity <= 0 || t->aggressor < 1 || t->aggressor > 2 || t->reserved != 0 ||
	    t->id_format != TICKRING_ID_UINT64 || t->text_length != 0 || memcmp(t->text, zero, sizeof zero) != 0)
		return "trade";
	return NULL;
}

static const char *judge_depth(const tickring_record *r)
{
	const tickring_depth *d = &r->body.depth;
	int n = d->bids + d->asks;
	if (n > TICKRING_LEVELS_PER_RECORD || d->first_sequence > r->venue_sequence)
		return "depth";
	for (int i = 0; i < TICKRING_LEVELS_PER_RECORD; i++) {
		const tickring_level *l = &d->levels[i];
		if (i < n ? l->price <= 0 || l->quantity < 0 : l->price != 0 || l->quantity != 0)
			return "depth level";
	}
	return NULL;
}

static const char *judge(const tickring_record *r)
{
	const tickring_ticker *t = &r->body.ticker;
	const tickring_status *s = &r->body.status;
	if (r->recv_time_ns <= 0 || r->publish_time_ns < r->recv_time_ns || r->reserved != 0)
		return "clocks or reserved byte";
	switch (r->kind) {
	case TICKRING_KIND_BOOK_TICKER:
		return judge_book_ticker(&r->body.book_ticker);
	case TICKRING_KIND_TRADE:
		return judge_trade(&r->body.trade);
	case TICKRING_KIND_DEPTH:
		return judge_depth(r);
	case TICKRING_KIND_TICKER:
		return t->low <= 0 || t->last < t->low || t->last > t->high || t->bid <= 0 || t->ask <= t->bid
		               ? "ticker" : NULL;
	case TICKRING_KIND_STATUS:
		return s->code < TICKRING_STATUS_CONNECTING || s->code > TICKRING_STATUS_CLOSING ||
		                       s->reserved0 != 0 || s->text_length > sizeof s->text
		               ? "status" : NULL;
	default:
		return "kind";
	}
}

/* Whether an id is at least step above the last of its instrument. */
static const char *ascends(uint64_t *last, uint64_t id, uint64_t step, const char *why)
{
	if (id < *last + step)
		return why;
	*last = id;
	return NULL;
}

/* The records of an event stand together. */
static const char *continues(const tickring_record *r)
{
	struct event_id id = {r->instrument, r->venue_sequence, r->body.depth.first_sequence, r->recv_time_ns};
	int begins = (r->flags & TICKRING_FLAG_FIRST) != 0;
	int same = id.instrument == me.event.instrument && id.venue == me.event.venue &&
	           id.first == me.event.first && id.recv_ns == me.event.recv_ns;
	int fits = begins ? !me.in_event : me.in_event && same;
	me.event = id;
	me.in_event = (r->flags & TICKRING_FLAG_LAST) == 0;
	return fits ? NULL : "no whole depth event";
}

/* What is wrong with a record behind those before it. */
static const char *follows(const tickring_record *r)
{
	if (r->recv_time_ns < me.recv_ns || r->publish_time_ns < me.publish_ns)
		return "clocks go back";
	me.recv_ns = r->recv_time_ns;
	me.publish_ns = r->publish_time_ns;
	if (me.in_event && r->kind != TICKRING_KIND_DEPTH)
		return "within a depth event";
	switch (r->kind) {
	case TICKRING_KIND_BOOK_TICKER:
		return ascends(&me.quotes[r->instrument], r->venue_sequence, 0, "book ticker id goes back");
	case TICKRING_KIND_TRADE:
		return ascends(&me.trades[r->instrument], r->body.trade.trade_id, 1, "trade id goes back");
	case TICKRING_KIND_DEPTH:
		return continues(r);
	default:
		return NULL;
	}
}

/* Take what was lost and dropped out of the sequence. */
static void account(void)
{
	tickring_stats s = tickring_get_stats(me.reader);
	uint64_t gone = s.lost - me.seen.lost + s.skipped_depth - me.seen.skipped_depth;
	if (gone > 0) {
		me.expected += gone;
		me.in_event = 0;
	}
	me.seen = s;
}

static void take(const tickring_record *r)
{
	uint64_t sequence = tickring_sequence(r);
	if (sequence != me.expected)
		wrong(&me.misplaced, "at %llu, expected %llu", (unsigned long long)sequence,
		      (unsigned long long)me.expected);
	me.expected = sequence + 1;
	me.got++;
	const char *why = judge(r);
	if (why == NULL)
		why = follows(r);
	if (why != NULL)
		wrong(&me.torn, "record %llu: %s", (unsigned long long)sequence, why);
}

static const char *judge_book(const tickring_book_header *h)
{
	if ((h->flags & (TICKRING_BOOK_VALID | TICKRING_BOOK_SUSPECT)) != TICKRING_BOOK_VALID)
		return NULL;
	if (h->bid_count == 0 || h->ask_count == 0 || me.bids[0].price >= me.asks[0].price)
		return "book crossed or empty";
	for (uint32_t i = 0; i < h->bid_count; i++)
		if (me.bids[i].quantity <= 0 || (i > 0 && me.bids[i].price >= me.bids[i - 1].price))
			return "bids out of order";
	for (uint32_t i = 0; i < h->ask_count; i++)
		if (me.asks[i].quantity <= 0 || (i > 0 && me.asks[i].price <= me.asks[i - 1].price))
			return "asks out of order";
	return NULL;
}

/* Count the answer of a look at board or book; 1 when there is something to judge. */
static int looked(int answer)
{
	me.board += answer == TICKRING_RECORD;
	me.busy += answer == TICKRING_BUSY;
	if (answer == TICKRING_DAMAGED)
		wrong(&me.torn, "board damaged");
	return answer == TICKRING_RECORD;
}

static void judge_board(uint32_t id)
{
	tickring_record r;
	tickring_book_header h;
	for (uint32_t slot = TICKRING_BOARD_BOOK_TICKER; slot <= TICKRING_BOARD_STATUS; slot++) {
		if (!looked(tickring_board(me.reader, id, slot, &r)))
			continue;
		const char *why = r.instrument == id ? judge(&r) : "another instrument";
		if (why != NULL)
			wrong(&me.torn, "board of %u: %s", id, why);
	}
	if (looked(tickring_book(me.reader, id, &h, me.bids, me.asks, TICKRING_MAX_BOOK_DEPTH))) {
		const char *why = judge_book(&h);
		if (why != NULL)
			wrong(&me.torn, "%s", why);
	}
}

static void judge_boards(void)
{
	uint32_t count = tickring_instrument_count(me.reader);
	for (uint32_t i = 0; i < BOARDS_AT_ONCE && i < count; i++) {
		me.next_board = (me.next_board + 1) % count;
		judge_board(me.next_board);
	}
}

/* Begin in a generation. */
static void begin(void)
{
	me.seen = me.begin = tickring_get_stats(me.reader);
	me.begin.got = me.got;
	me.first = me.expected = tickring_next_sequence(me.reader);
	me.stale = me.in_event = 0;
	me.recv_ns = me.publish_ns = 0;
	memset(me.quotes, 0, sizeof me.quotes);
	memset(me.trades, 0, sizeof me.trades);
	say("attached");
}

/* Move to the next generation when there is one; looks at most every 100 ms. */
static int moved(void)
{
	int64_t now = now_ns();
	if (now - me.tried_ns < RETRY_NS)
		return 0;
	me.tried_ns = now;
	if (tickring_reattach(me.reader) != 0)
		return 0;
	begin();
	return 1;
}

/* Print totals and take the nap, both when due. */
static void tell(void)
{
	int64_t now = now_ns();
	if (now - me.told_ns >= TELL_NS) {
		me.told_ns = now;
		say("totals");
	}
	if (me.nap_ns > 0 && now - me.napped_ns >= NAP_EVERY_NS) {
		me.napped_ns = now;
		nap(me.nap_ns);
	}
}

static void await_next(void)
{
	while (!stopped && !moved()) {
		tell();
		nap(10 * MS);
	}
}

/* Leave a generation that has ended: got, lost and skipped must add up. */
static void over(const char *event)
{
	uint64_t next = tickring_next_sequence(me.reader);
	uint64_t sum = me.got - me.begin.got + me.seen.lost - me.begin.lost + me.seen.skipped_depth -
	               me.begin.skipped_depth;
	if (next != me.expected || sum != next - me.first)
		wrong(&me.misplaced, "ends at %llu, expected %llu, sum %llu", (unsigned long long)next,
		      (unsigned long long)me.expected, (unsigned long long)sum);
	say(event);
	await_next();
}

static void idle(int stale)
{
	if (stale != me.stale) {
		me.stale = stale;
		say(stale ? "stale" : "fresh");
	}
	if (!stale || !moved())
		tickring_wait(me.reader, WAIT_NS);
}

static int batch(void)
{
	tickring_record r;
	for (int i = 0; i < BATCH; i++) {
		int answer = tickring_next(me.reader, &r, NULL);
		account();
		if (answer == TICKRING_RECORD)
			take(&r);
		else if (answer != TICKRING_OVERRUN)
			return answer;
	}
	return TICKRING_RECORD;
}

static void turn(void)
{
	int answer = batch();
	if (answer != TICKRING_DAMAGED)
		judge_boards();
	tell();
	switch (answer) {
	case TICKRING_EMPTY:
	case TICKRING_STALE:
		idle(answer == TICKRING_STALE);
		break;
	case TICKRING_CLOSED:
		over("closed");
		break;
	case TICKRING_SUPERSEDED:
		over("superseded");
		break;
	case TICKRING_DAMAGED:
		over("damaged");
		break;
	}
}

static void on_term(int signal)
{
	(void)signal;
	stopped = 1;
}

static void on_bus(int signal)
{
	siglongjmp(bus, signal);
}

static void handle_signals(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_term;
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = on_bus;
	sigaction(SIGBUS, &action, NULL);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	me.dir = argv[1];
	me.feed = argv[2];
	me.nap_ns = atoi(argv[3]) * MS;
	handle_signals();
	while (!stopped && tickring_attach(me.dir, me.feed, NULL, &me.reader) != 0)
		nap(5 * MS);
	if (me.reader == NULL)
		return 0;
	begin();
	if (sigsetjmp(bus, 1) != 0) {
		say("shrunk");
		await_next();
	}
	while (!stopped)
		turn();
	say("end");
	tickring_detach(me.reader);
	return 0;
}
