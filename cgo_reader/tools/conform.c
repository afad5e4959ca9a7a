/*
 * conform: the C reader under test of docs/conformance.md. Commands come on standard
 * input, the canonical log goes to standard output.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "canonical.h"

#define WORDS_MAX 80
#define WAIT_NS 1000000

/* What the commands act on. */
static struct {
	tickring_reader *reader;
	tickring_poller *poller;
	/* Sequences that the board covered at the last join, by instrument and slot. */
	uint64_t (*covered)[4];
	uint32_t covered_rows;
	uint64_t hidden; /* records that the board covered */
} self;

static int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t deadline(const char *milliseconds)
{
	return now_ns() + strtoll(milliseconds, NULL, 10) * 1000000;
}

static uint32_t row_of(const char *word)
{
	unsigned long long n = strtoull(word, NULL, 10);
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void forget_join(void)
{
	free(self.covered);
	self.covered = NULL;
	self.covered_rows = 0;
}

static void drop_reader(void)
{
	forget_join();
	self.hidden = 0;
	tickring_detach(self.reader);
	self.reader = NULL;
}

static void opened(int err)
{
	if (err != 0)
		printf("ERROR %s\n", error_name(err));
	else
		printf("OPENED generation=%" PRIu64 " next=%" PRIu64 "\n", tickring_generation(self.reader),
		       tickring_next_sequence(self.reader));
}

static void cmd_open(char **args)
{
	drop_reader();
	opened(tickring_attach_path(args[0], NULL, &self.reader));
}

static void cmd_attach(char **args)
{
	drop_reader();
	opened(tickring_attach(args[0], args[1], NULL, &self.reader));
}

static void cmd_await(char **args)
{
	drop_reader();
	int64_t ns = strtoll(args[2], NULL, 10) * 1000000;
	opened(tickring_attach_wait(args[0], args[1], NULL, ns, &self.reader));
}

/* Refused, it goes on without a slot. */
static void cmd_register(char **args)
{
	cmd_attach(args);
	if (self.reader != NULL)
		(void)tickring_register(self.reader, args[2]);
}

static void cmd_registered(char **args)
{
	(void)args;
	printf("REGISTERED %d\n", tickring_registered(self.reader));
}

static void cmd_close(char **args)
{
	(void)args;
	drop_reader();
	puts("DETACHED");
}

static void print_answer(int answer, const tickring_record *rec, uint64_t lost,
                         const tickring_reader *reader)
{
	if (answer == TICKRING_RECORD) {
		fputs("RECORD", stdout);
		print_record(rec);
	} else if (answer == TICKRING_OVERRUN) {
		printf("OVERRUN lost=%" PRIu64 " next=%" PRIu64 "\n", lost, tickring_next_sequence(reader));
	} else {
		puts(tickring_answer_name(answer));
	}
}

/* Place of a kind on the board; -1 when it has none. */
static int slot_of(uint8_t kind)
{
	switch (kind) {
	case TICKRING_KIND_BOOK_TICKER:
		return TICKRING_BOARD_BOOK_TICKER;
	case TICKRING_KIND_TRADE:
		return TICKRING_BOARD_TRADE;
	case TICKRING_KIND_TICKER:
		return TICKRING_BOARD_TICKER;
	case TICKRING_KIND_STATUS:
		return TICKRING_BOARD_STATUS;
	default:
		return -1;
	}
}

static int is_covered(const tickring_record *rec)
{
	int slot = slot_of(rec->kind);
	return slot >= 0 && rec->instrument < self.covered_rows &&
	       tickring_sequence(rec) <= self.covered[rec->instrument][slot];
}

typedef int next_call(tickring_reader *, tickring_record *, uint64_t *);

static int next_uncovered(next_call *call, tickring_record *rec, uint64_t *lost)
{
	for (;;) {
		int answer = call(self.reader, rec, lost);
		if (answer != TICKRING_RECORD || !is_covered(rec))
			return answer;
		self.hidden++;
	}
}

static void cmd_next(char **args)
{
	tickring_record rec;
	uint64_t lost = 0;
	for (long long n = strtoll(args[0], NULL, 10); n > 0; n--) {
		int answer = next_uncovered(tickring_next, &rec, &lost);
		print_answer(answer, &rec, lost, self.reader);
		if (answer != TICKRING_RECORD && answer != TICKRING_OVERRUN)
			break;
	}
}

static void cmd_head(char **args)
{
	tickring_record rec;
	uint64_t lost = 0;
	memset(&rec, 0, sizeof rec);
	for (long long n = strtoll(args[0], NULL, 10); n > 0; n--) {
		int answer = next_uncovered(tickring_next_head, &rec, &lost);
		if (answer == TICKRING_RECORD) {
			print_head(&rec);
			continue;
		}
		print_answer(answer, &rec, lost, self.reader);
		if (answer != TICKRING_OVERRUN)
			break;
	}
}

static int quiet(int answer)
{
	return answer == TICKRING_EMPTY || answer == TICKRING_STALE;
}

static void cmd_until(char **args)
{
	tickring_record rec;
	uint64_t lost = 0;
	int64_t end = deadline(args[1]);
	for (;;) {
		int answer = next_uncovered(tickring_next, &rec, &lost);
		if (!quiet(answer) || strcmp(tickring_answer_name(answer), args[0]) == 0) {
			print_answer(answer, &rec, lost, self.reader);
			return;
		}
		if (now_ns() > end) {
			puts("TIMEOUT");
			return;
		}
		tickring_wait(self.reader, WAIT_NS);
	}
}

static void cmd_position(char **args)
{
	(void)args;
	printf("POSITION next=%" PRIu64 "\n", tickring_next_sequence(self.reader));
}

static void cmd_seek(char **args)
{
	if (strcmp(args[0], "latest") == 0)
		tickring_from_latest(self.reader);
	else
		tickring_from_oldest(self.reader);
	cmd_position(args);
}

static void cmd_lag(char **args)
{
	(void)args;
	printf("LAG records=%" PRIu64 "\n", tickring_lag(self.reader));
}

static void cmd_stats(char **args)
{
	(void)args;
	tickring_stats s = tickring_get_stats(self.reader);
	printf("STATS records=%" PRIu64 " lost=%" PRIu64 " overruns=%" PRIu64 " skipped_depth=%" PRIu64
	       "\n",
	       s.got - self.hidden, s.lost, s.overruns, s.skipped_depth);
}

/* Words of a list that commas separate; at most WORDS_MAX. */
static size_t split(char *list, char **words, const char *between)
{
	size_t n = 0;
	char *rest = NULL;
	for (char *w = strtok_r(list, between, &rest); w != NULL && n < WORDS_MAX;
	     w = strtok_r(NULL, between, &rest))
		words[n++] = w;
	return n;
}

static uint32_t kind_bit(const char *name)
{
	for (uint8_t k = TICKRING_KIND_BOOK_TICKER; k <= TICKRING_KIND_PERPETUAL; k++)
		if (strcmp(tickring_kind_name(k), name) == 0)
			return TICKRING_KIND_BIT(k);
	return 0;
}

/* Print the rows among wanted ids, once each, from the lowest. */
static void print_rows(const uint32_t *ids, size_t count)
{
	const char *comma = "";
	for (uint32_t row = 0; row < tickring_instrument_count(self.reader); row++) {
		size_t i = 0;
		while (i < count && ids[i] != row)
			i++;
		if (i == count)
			continue;
		printf("%s%u", comma, row);
		comma = ",";
	}
}

static void cmd_filter(char **args)
{
	char *words[WORDS_MAX];
	uint32_t ids[WORDS_MAX];
	uint32_t kinds = 0;
	size_t count = 0;
	if (strcmp(args[0], "*") != 0) {
		size_t n = split(args[0], words, ",");
		for (size_t i = 0; i < n; i++)
			kinds |= kind_bit(words[i]);
	}
	if (strcmp(args[1], "*") != 0)
		count = split(args[1], words, ",");
	for (size_t i = 0; i < count; i++) {
		if (tickring_find(self.reader, words[i], &ids[i]) != 0) {
			puts("ERROR NO_INSTRUMENT");
			return;
		}
	}
	int err = tickring_filter(self.reader, kinds, (const char *const *)words, count);
	if (err != 0) {
		printf("ERROR %s\n", error_name(err));
		return;
	}
	fputs("FILTER kinds=", stdout);
	const char *comma = kinds == 0 ? "*" : "";
	fputs(comma, stdout);
	for (uint8_t k = TICKRING_KIND_BOOK_TICKER; k <= TICKRING_KIND_PERPETUAL; k++) {
		if ((kinds & TICKRING_KIND_BIT(k)) == 0)
			continue;
		printf("%s%s", comma, tickring_kind_name(k));
		comma = ",";
	}
	fputs(count == 0 ? " instruments=*" : " instruments=", stdout);
	print_rows(ids, count);
	putchar('\n');
}

static void join_board(uint32_t row, uint32_t slot)
{
	tickring_record rec;
	int answer = tickring_board(self.reader, row, slot, &rec);
	if (answer == TICKRING_EMPTY)
		return;
	printf("BOARD instrument=%u slot=%s", row, tickring_board_slot_name(slot));
	if (answer == TICKRING_RECORD) {
		self.covered[row][slot] = tickring_sequence(&rec);
		print_record(&rec);
	} else {
		printf(" %s\n", tickring_answer_name(answer));
	}
}

static void cmd_join(char **args)
{
	(void)args;
	tickring_record rec;
	uint64_t lost = 0;
	int answer;
	forget_join();
	printf("JOINED watermark=%" PRIu64 "\n", tickring_join(self.reader));
	uint32_t rows = tickring_instrument_count(self.reader);
	self.covered = calloc(rows != 0 ? rows : 1, sizeof *self.covered);
	if (self.covered == NULL)
		abort();
	self.covered_rows = rows;
	for (uint32_t row = 0; row < rows; row++)
		for (uint32_t slot = 0; slot <= TICKRING_BOARD_STATUS; slot++)
			join_board(row, slot);
	do {
		answer = next_uncovered(tickring_next, &rec, &lost);
		print_answer(answer, &rec, lost, self.reader);
	} while (answer == TICKRING_RECORD);
}

static void cmd_board(char **args)
{
	tickring_record rec;
	for (uint32_t slot = 0; slot <= TICKRING_BOARD_STATUS; slot++) {
		if (strcmp(tickring_board_slot_name(slot), args[1]) != 0)
			continue;
		int answer = tickring_board(self.reader, row_of(args[0]), slot, &rec);
		if (answer != TICKRING_RECORD) {
			puts(tickring_answer_name(answer));
			return;
		}
		printf("BOARD slot=%s", args[1]);
		print_record(&rec);
		return;
	}
	puts("ERROR ARGUMENT");
}

static void cmd_book(char **args)
{
	static tickring_level bids[TICKRING_MAX_BOOK_DEPTH];
	static tickring_level asks[TICKRING_MAX_BOOK_DEPTH];
	tickring_book_header h;
	uint32_t id = row_of(args[0]);
	int answer = tickring_book(self.reader, id, &h, bids, asks, TICKRING_MAX_BOOK_DEPTH);
	if (answer == TICKRING_RECORD)
		print_book(id, &h, bids, asks);
	else
		puts(tickring_answer_name(answer));
}

static void cmd_segment(char **args)
{
	(void)args;
	print_segment(self.reader);
}

static void cmd_instruments(char **args)
{
	tickring_instrument row;
	char symbol[TICKRING_SYMBOL_MAX];
	(void)args;
	for (uint32_t id = 0; tickring_get_instrument(self.reader, id, &row) == 0; id++) {
		tickring_symbol(self.reader, id, symbol, sizeof symbol);
		print_instrument(id, symbol, &row);
	}
}

static void cmd_find(char **args)
{
	uint32_t id = 0;
	int err = tickring_find(self.reader, args[0], &id);
	if (err != 0)
		printf("ERROR %s\n", error_name(err));
	else
		printf("FOUND id=%u\n", id);
}

static void cmd_state(char **args)
{
	tickring_instrument_state state;
	uint32_t id = row_of(args[0]);
	int err = tickring_get_instrument_state(self.reader, id, &state);
	if (err != 0)
		printf("ERROR %s\n", error_name(err));
	else
		print_state(id, &state);
}

static void cmd_connection(char **args)
{
	tickring_connection connection;
	uint32_t row = row_of(args[0]);
	int err = tickring_get_connection(self.reader, row, &connection);
	if (err != 0)
		printf("ERROR %s\n", error_name(err));
	else
		print_connection(row, &connection);
}

static void cmd_counter(char **args)
{
	uint32_t index = row_of(args[0]);
	printf("COUNTER index=%u value=%" PRIu64 "\n", index, tickring_counter(self.reader, index));
}

static void cmd_fresh(char **args)
{
	int64_t ns = strtoll(args[1], NULL, 10);
	printf("FRESH %d\n", tickring_fresh_within(self.reader, row_of(args[0]), ns));
}

static void cmd_age(char **args)
{
	int64_t age = tickring_quote_age_ns(self.reader, row_of(args[0]));
	puts(age < 0 ? "AGE none" : age <= strtoll(args[1], NULL, 10) ? "AGE within" : "AGE beyond");
}

static void cmd_reattach(char **args)
{
	(void)args;
	int err = tickring_reattach(self.reader);
	if (err == TICKRING_E_SAME_GENERATION || err == TICKRING_E_NO_FEED) {
		puts("SAME");
		return;
	}
	if (err != 0) {
		printf("ERROR %s\n", error_name(err));
		return;
	}
	forget_join();
	printf("REATTACHED generation=%" PRIu64 " next=%" PRIu64 "\n", tickring_generation(self.reader),
	       tickring_next_sequence(self.reader));
}

/* A stretch of records without a hole. */
struct run {
	uint64_t first, last, records, hash;
};

static void end_run(struct run *run)
{
	if (run->records != 0)
		printf("RUN first=%" PRIu64 " last=%" PRIu64 " records=%" PRIu64 " hash=%016" PRIx64 "\n",
		       run->first, run->last, run->records, run->hash);
	*run = (struct run){.hash = HASH_SEED};
}

static void add_to_run(struct run *run, const tickring_record *rec)
{
	uint64_t n = tickring_sequence(rec);
	if (run->records != 0 && n != run->last + 1)
		end_run(run);
	if (run->records == 0)
		run->first = n;
	run->last = n;
	run->records++;
	run->hash = hash_record(run->hash, rec);
}

static void cmd_drain(char **args)
{
	tickring_record rec;
	uint64_t lost = 0;
	struct run run = {.hash = HASH_SEED};
	int64_t end = deadline(args[0]);
	for (;;) {
		int answer = next_uncovered(tickring_next, &rec, &lost);
		if (answer == TICKRING_RECORD) {
			add_to_run(&run, &rec);
			continue;
		}
		if (!quiet(answer))
			end_run(&run);
		if (answer == TICKRING_OVERRUN) {
			print_answer(answer, &rec, lost, self.reader);
		} else if (!quiet(answer)) {
			puts(tickring_answer_name(answer));
			return;
		} else if (now_ns() > end) {
			end_run(&run);
			puts("TIMEOUT");
			return;
		} else {
			tickring_wait(self.reader, WAIT_NS);
		}
	}
}

static void cmd_poller(char **paths)
{
	int err = 0;
	int feeds = 0;
	tickring_poller_free(self.poller);
	self.poller = NULL;
	if (tickring_poller_new(&self.poller) != 0)
		abort();
	for (; paths[feeds] != NULL && err == 0; feeds++) {
		tickring_reader *r;
		err = tickring_attach_path(paths[feeds], NULL, &r);
		if (err == 0 && tickring_poller_add(self.poller, r) < 0)
			abort();
	}
	if (err == 0) {
		printf("POLLER feeds=%d\n", feeds);
		return;
	}
	printf("ERROR %s\n", error_name(err));
	tickring_poller_free(self.poller);
	self.poller = NULL;
}

static void cmd_poll(char **args)
{
	tickring_record rec;
	uint64_t lost = 0;
	uint32_t feed = 0;
	for (long long n = strtoll(args[0], NULL, 10); n > 0; n--) {
		int answer = tickring_poller_next(self.poller, &rec, &lost, &feed);
		if (answer == TICKRING_EMPTY) {
			puts("EMPTY");
			return;
		}
		printf("FEED %u ", feed);
		print_answer(answer, &rec, lost, tickring_poller_reader(self.poller, feed));
	}
}

static void cmd_hello(char **args)
{
	(void)args;
	printf("READER name=c format_hash=0x%016" PRIx64 "\n", (uint64_t)TICKRING_FORMAT_HASH);
}

enum needs { NOTHING, READER, POLLER };

static const struct command {
	const char *name;
	size_t words;
	enum needs needs;
	void (*run)(char **args);
} commands[] = {
	{"hello", 0, NOTHING, cmd_hello},
	{"open", 1, NOTHING, cmd_open},
	{"attach", 2, NOTHING, cmd_attach},
	{"await", 3, NOTHING, cmd_await},
	{"register", 3, NOTHING, cmd_register},
	{"registered", 0, READER, cmd_registered},
	{"close", 0, READER, cmd_close},
	{"segment", 0, READER, cmd_segment},
	{"next", 1, READER, cmd_next},
	{"head", 1, READER, cmd_head},
	{"until", 2, READER, cmd_until},
	{"seek", 1, READER, cmd_seek},
	{"position", 0, READER, cmd_position},
	{"lag", 0, READER, cmd_lag},
	{"stats", 0, READER, cmd_stats},
	{"filter", 2, READER, cmd_filter},
	{"join", 0, READER, cmd_join},
	{"board", 2, READER, cmd_board},
	{"book", 1, READER, cmd_book},
	{"instruments", 0, READER, cmd_instruments},
	{"find", 1, READER, cmd_find},
	{"state", 1, READER, cmd_state},
	{"connection", 1, READER, cmd_connection},
	{"counter", 1, READER, cmd_counter},
	{"fresh", 2, READER, cmd_fresh},
	{"age", 2, READER, cmd_age},
	{"reattach", 0, READER, cmd_reattach},
	{"drain", 1, READER, cmd_drain},
	{"poller", 1, NOTHING, cmd_poller},
	{"poll", 1, POLLER, cmd_poll},
};

static void serve(char **words, size_t count)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		const struct command *c = &commands[i];
		if (strcmp(c->name, words[0]) != 0 || count - 1 < c->words)
			continue;
		if (c->needs == READER && self.reader == NULL)
			puts("NO_READER");
		else if (c->needs == POLLER && self.poller == NULL)
			puts("NO_POLLER");
		else
			c->run(words + 1);
		return;
	}
	puts("UNSUPPORTED");
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	while (getline(&line, &size, stdin) > 0) {
		char *words[WORDS_MAX + 1];
		size_t count = split(line, words, " \n");
		if (count == 0)
			continue;
		words[count] = NULL;
		if (strcmp(words[0], "quit") == 0)
			break;
		serve(words, count);
		puts(".");
		if (fflush(stdout) != 0)
			return 1;
	}
	drop_reader();
	tickring_poller_free(self.poller);
	free(line);
	return 0;
}
