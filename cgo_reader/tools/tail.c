/*
 * tickring-tail-c: print a feed's records as lines of JSON.
 *
 * Exit status: 0 when the end was reached or asked for, 1 when the feed could not be
 * read, 2 when the command line is wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

#define BOARD_SLOTS (TICKRING_BOARD_STATUS + 1)

enum from { FROM_LATEST, FROM_OLDEST, FROM_BOARD };

struct tail {
	const char *feed;
	const char *dir;
	const char *symbols; /* comma-separated, NULL: all */
	uint64_t limit;      /* 0: none */
	uint64_t printed;
	int64_t for_ns;  /* 0: none */
	int64_t idle_ns; /* 0: none */
	enum from from;
	unsigned kinds; /* bit set of kinds, 0: all */
	int follow;
	tickring_reader *reader;
	uint64_t *board; /* sequence of each entry printed, by instrument and slot */
	int64_t heard;   /* our clock when something was printed last */
	uint64_t heard_at; /* value of printed then */
	json_line line;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

/* A page of the mapping is gone. Only calls that are safe in a handler. */
static void bus_error(int number)
{
	static const char text[] = "tickring-tail-c: segment was truncated while mapped\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
	(void)ignored;
	(void)number;
	_exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

__attribute__((noreturn)) static void usage(const char *what)
{
	if (what != NULL)
		fprintf(stderr, "tickring-tail-c: %s\n", what);
	fputs("usage: tickring-tail-c FEED [--dir DIR] [--limit N] [--from oldest|latest|board]\n"
	      "                       [--kind KIND,...] [--symbol BASE/QUOTE,...] [--for DURATION]\n"
	      "                       [--idle DURATION] [--follow]\n",
	      stderr);
	exit(2);
}

/* "1m30s", "500ms", "1.5s": numbers with units, as Go writes them. -1: none. */
static int64_t parse_duration(const char *text)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	double total = 0;
	if (*text == '\0')
		return -1;
	while (*text != '\0') {
		size_t digits = strspn(text, "0123456789.");
		size_t letters = strcspn(text + digits, "0123456789.");
		char *end;
		double value = strtod(text, &end);
		double ns = 0;
		if (digits == 0 || end != text + digits)
			return -1;
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (strlen(units[i].name) == letters && memcmp(units[i].name, end, letters) == 0)
				ns = units[i].ns;
		if (ns == 0)
			return -1;
		total += value * ns;
		text = end + letters;
	}
	return total > 0 && total < 9e18 ? (int64_t)total : -1;
}

static int64_t duration(const char *option, const char *text)
{
	char what[128];
	int64_t ns = parse_duration(text);
	if (ns > 0)
		return ns;
	snprintf(what, sizeof what, "--%s %.40s: give a duration such as 500ms or 1m30s", option, text);
	usage(what);
}

static uint64_t parse_limit(const char *text)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
		usage("--limit: give a number of records");
	return n;
}

/* Whether a comma-separated list has the word. */
static int listed(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = list;; at++) {
		size_t size = strcspn(at, ",");
		if (size == n && memcmp(at, word, n) == 0)
			return 1;
		at += size;
		if (*at == '\0')
			return 0;
	}
}

static unsigned parse_kinds(const char *text)
{
	static const char *const names[] = {"book_ticker", "trade",  "depth",
	                                    "ticker",      "status", "perpetual"};
	size_t commas = 0;
	unsigned count = 0;
	unsigned kinds = 0;
	for (const char *c = text; *c != '\0'; c++)
		commas += *c == ',';
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (listed(text, names[i])) {
			kinds |= 2u << i;
			count++;
		}
	}
	if (count != commas + 1)
		usage("--kind: give some of book_ticker, trade, depth, ticker, status, perpetual, "
		      "comma-separated");
	return kinds;
}

static enum from parse_from(const char *text)
{
	if (strcmp(text, "oldest") == 0)
		return FROM_OLDEST;
	if (strcmp(text, "latest") == 0)
		return FROM_LATEST;
	if (strcmp(text, "board") == 0)
		return FROM_BOARD;
	usage("--from: give oldest, latest or board");
}

static void parse_options(struct tail *t, int argc, char **argv)
{
	static const struct option options[] = {
		{"dir", required_argument, NULL, 'd'},    {"limit", required_argument, NULL, 'n'},
		{"from", required_argument, NULL, 'o'},   {"kind", required_argument, NULL, 'k'},
		{"symbol", required_argument, NULL, 's'}, {"for", required_argument, NULL, 'f'},
		{"idle", required_argument, NULL, 'i'},   {"follow", no_argument, NULL, 'F'},
		{"json", no_argument, NULL, 'j'},         {NULL, 0, NULL, 0}};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			t->dir = optarg;
			break;
		case 'n':
			t->limit = parse_limit(optarg);
			break;
		case 'o':
			t->from = parse_from(optarg);
			break;
		case 'k':
			t->kinds = parse_kinds(optarg);
			break;
		case 's':
			t->symbols = optarg;
			break;
		case 'f':
			t->for_ns = duration("for", optarg);
			break;
		case 'i':
			t->idle_ns = duration("idle", optarg);
			break;
		case 'F':
			t->follow = 1;
			break;
		case 'j':
			break;
		default:
			usage(NULL);
		}
	}
	if (optind + 1 != argc)
		usage("give one feed");
	t->feed = argv[optind];
}

/* Whether --kind and --symbol let the record through; symbol NULL: it has none. */
static int passes(const struct tail *t, const tickring_record *rec, const char *symbol)
{
	tickring_instrument row;
	char native[sizeof row.venue_symbol + 1] = {0};
	if (t->kinds != 0 && (rec->kind > TICKRING_KIND_PERPETUAL || (t->kinds & 1u << rec->kind) == 0))
		return 0;
	if (t->symbols == NULL)
		return 1;
	if (symbol == NULL || tickring_get_instrument(t->reader, rec->instrument, &row) != 0)
		return 0;
	memcpy(native, row.venue_symbol, sizeof row.venue_symbol);
	return listed(t->symbols, symbol) || listed(t->symbols, native);
}

/* Print a record that passes. 0: no more can or may be printed. */
static int print(struct tail *t, const tickring_record *rec)
{
	char symbol[TICKRING_SYMBOL_MAX];
	json_names names = {tickring_feed(t->reader), tickring_venue(t->reader), NULL};
	if (tickring_symbol(t->reader, rec->instrument, symbol, sizeof symbol) == 0)
		names.symbol = symbol;
	if (!passes(t, rec, names.symbol))
		return 1;
	json_record(&t->line, rec, &names);
	if (fwrite(t->line.text, 1, t->line.length, stdout) != t->line.length)
		return 0;
	t->printed++;
	return t->limit == 0 || t->printed < t->limit;
}

/* Place of a kind on the board; -1 when it has none. */
static int board_slot(const tickring_record *rec)
{
	switch (rec->kind) {
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

static int covered(const struct tail *t, const tickring_record *rec)
{
	int slot = board_slot(rec);
	if (t->board == NULL || slot < 0 || rec->instrument >= TICKRING_MAX_INSTRUMENTS)
		return 0;
	return tickring_sequence(rec) <= t->board[(size_t)rec->instrument * BOARD_SLOTS + (size_t)slot];
}

__attribute__((noreturn)) static void no_memory(void)
{
	fputs("tickring-tail-c: no memory for the board\n", stderr);
	exit(1);
}

static int by_sequence(const void *a, const void *b)
{
	uint64_t x = ((const tickring_record *)a)->commit;
	uint64_t y = ((const tickring_record *)b)->commit;
	return x < y ? -1 : x > y;
}

/* Copy every entry there is and remember its sequence; the number of records. */
static size_t copy_board(struct tail *t, tickring_record *records, uint32_t count)
{
	size_t n = 0;
	for (uint32_t id = 0; id < count; id++) {
		for (uint32_t slot = 0; slot < BOARD_SLOTS; slot++) {
			if (tickring_board(t->reader, id, slot, &records[n]) != TICKRING_RECORD)
				continue;
			t->board[(size_t)id * BOARD_SLOTS + slot] = tickring_sequence(&records[n]);
			n++;
		}
	}
	return n;
}

/* Print the board in the order of sequences and stand where it ends. 0: as print. */
static int start_at_board(struct tail *t)
{
	tickring_join(t->reader);
	uint32_t count = tickring_instrument_count(t->reader);
	t->board = calloc((size_t)TICKRING_MAX_INSTRUMENTS * BOARD_SLOTS, sizeof *t->board);
	tickring_record *records = calloc((size_t)count * BOARD_SLOTS + 1, sizeof *records);
	if (t->board == NULL || records == NULL)
		no_memory();
	size_t n = copy_board(t, records, count);
	qsort(records, n, sizeof *records, by_sequence);
	int more = 1;
	for (size_t i = 0; i < n && more; i++)
		more = print(t, &records[i]);
	free(records);
	return more;
}

static void forget_board(struct tail *t)
{
	free(t->board);
	t->board = NULL;
}

/* After an end: whether to go on, in another generation. */
static int next_generation(struct tail *t)
{
	if (tickring_reattach(t->reader) == 0) {
		forget_board(t);
		fprintf(stderr, "tickring-tail-c: now in generation %llu\n",
		        (unsigned long long)tickring_generation(t->reader));
		return 1;
	}
	return 0;
}

/* How long to sleep at most, by --for and --idle; 0 when the time is over. */
static int64_t patience(struct tail *t, int64_t start)
{
	int64_t now = now_ns();
	int64_t left = 100000000;
	if (t->heard_at != t->printed) {
		t->heard_at = t->printed;
		t->heard = now;
	}
	if (t->for_ns != 0 && t->for_ns - (now - start) < left)
		left = t->for_ns - (now - start);
	if (t->idle_ns != 0 && t->idle_ns - (now - t->heard) < left)
		left = t->idle_ns - (now - t->heard);
	return left > 0 ? left : 0;
}

static void nap(int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	nanosleep(&ts, NULL);
}

/*
 * Nothing is there: flush, then wait a little. Returns 0 when the end is reached.
 * said remembers that STALE was reported.
 */
static int wait_a_little(struct tail *t, int answer, int64_t left, int *said)
{
	if (fflush(stdout) != 0 || left == 0)
		return 0;
	if (answer == TICKRING_EMPTY) {
		*said = 0;
		tickring_wait(t->reader, left);
	} else if (answer == TICKRING_STALE) {
		if (!*said)
			fputs("tickring-tail-c: the publisher stands still\n", stderr);
		*said = 1;
		if (!t->follow || !next_generation(t))
			tickring_wait(t->reader, left);
	} else if (!t->follow) {
		return 0;
	} else if (!next_generation(t)) {
		nap(left);
	}
	return 1;
}

static int run(struct tail *t, int64_t start)
{
	tickring_record rec;
	uint64_t lost = 0;
	int said = 0;
	for (uint64_t turn = 1; !stopped; turn++) {
		int answer = tickring_next(t->reader, &rec, &lost);
		if (answer == TICKRING_RECORD) {
			if (!covered(t, &rec) && !print(t, &rec))
				break;
			if (turn % 4096 == 0 && patience(t, start) == 0)
				break;
		} else if (answer == TICKRING_OVERRUN) {
			fprintf(stderr, "tickring-tail-c: overrun: lost %llu records\n", (unsigned long long)lost);
		} else if (answer == TICKRING_DAMAGED) {
			fflush(stdout);
			fputs("tickring-tail-c: the segment is damaged\n", stderr);
			return 1;
		} else if (!wait_a_little(t, answer, patience(t, start), &said)) {
			break;
		}
	}
	return 0;
}

/* Open the feed; with --follow wait for it. 0 or an exit status. */
static int attach(struct tail *t, int64_t start)
{
	for (int said = 0;; said = 1) {
		int err = tickring_attach(t->dir, t->feed, NULL, &t->reader);
		if (err == 0)
			return 0;
		int passing = err == TICKRING_E_NO_FEED || err == TICKRING_E_NOT_READY ||
		              err == TICKRING_E_OTHER_BOOT;
		int64_t left = patience(t, start);
		if (!said || !passing) {
			const char *why = err == TICKRING_E_SYSTEM ? strerror(errno) : tickring_strerror(err);
			fprintf(stderr, "tickring-tail-c: open feed \"%s\": %s\n", t->feed, why);
		}
		if (!t->follow || !passing || left == 0 || stopped)
			return err == TICKRING_E_NAME ? 2 : 1;
		nap(left);
	}
}

static void handle_signals(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = stop;
	action.sa_flags = (int)SA_RESETHAND; /* the second signal ends at once */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = bus_error;
	sigaction(SIGBUS, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct tail t;
	static char buffer[1 << 16];
	parse_options(&t, argc, argv);
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	handle_signals();
	int64_t start = t.heard = now_ns();
	int status = attach(&t, start);
	if (status != 0)
		return status;
	int unnamed = tickring_register(t.reader, "tickring-tail-c");
	if (unnamed == TICKRING_E_READERS_FULL)
		fprintf(stderr, "tickring-tail-c: %s\n", tickring_strerror(unnamed));
	int more = 1;
	if (t.from == FROM_LATEST)
		tickring_from_latest(t.reader);
	else if (t.from == FROM_BOARD)
		more = start_at_board(&t);
	if (more)
		status = run(&t, start);
	/* A closed pipe is an end like any other. */
	if (fflush(stdout) != 0 && errno != EPIPE)
		status = 1;
	forget_board(&t);
	tickring_detach(t.reader);
	return status;
}
