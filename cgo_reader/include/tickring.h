/*
 * tickring.h: read a tickring segment from C11 or C++17.
 *
 * One tickring_reader is one private cursor over one feed. It maps the segment
 * read-only and leaves no trace there: the publisher does not know who reads. A
 * reader belongs to one thread at a time; make one for each thread.
 *
 *     tickring_reader *r;
 *     tickring_record rec;
 *     uint64_t lost;
 *     int err = tickring_attach(NULL, "gateio", NULL, &r);
 *     if (err != 0) { fprintf(stderr, "%s\n", tickring_strerror(err)); exit(1); }
 *     for (;;)
 *         switch (tickring_next(r, &rec, &lost)) {
 *         case TICKRING_RECORD:  use(&rec); break;
 *         case TICKRING_OVERRUN: refresh(lost); break;
 *         default:               tickring_wait(r, 1000000000); break;
 *         }
 *
 * No call but attach, reattach, filter and poller_new allocates, opens or maps anything.
 * No call but those with wait in their names blocks.
 *
 * Threads. A reader or a poller is used by one thread at a time; there are no globals, so
 * that any number of readers, of one feed or of several, work side by side in a process.
 * Calls that take a const tickring_reader only look at the segment and may be made by other
 * threads meanwhile, but not during attach, reattach, detach, or a move of auto_reattach.
 * After fork a child may go on reading with a copy of the parent's reader.
 *
 * Limits. Linux, 64-bit, little-endian. If somebody other than the publisher cuts
 * the file short while it is mapped, touching a page that is gone raises SIGBUS, as
 * with every mapping; next and wait look at the file's size every 100 ms while
 * nothing comes and then answer DAMAGED, which covers a reader that was idle.
 * A program that must survive the rest installs a handler of its own.
 */
#ifndef TICKRING_H
#define TICKRING_H

#include <stddef.h>
#include <stdint.h>

#include "tickring_layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this interface. */
#define TICKRING_API_VERSION 1

/* Errors of attach, reattach and the tables. Answers are never negative. */
enum tickring_error {
	TICKRING_E_ARGUMENT = -1,        /* a null pointer or a value out of range */
	TICKRING_E_NAME = -2,            /* the text cannot name a feed */
	TICKRING_E_NO_FEED = -3,         /* no file of that name */
	TICKRING_E_PERMISSION = -4,      /* this user may not read it */
	TICKRING_E_NOT_REGULAR = -5,     /* a directory, link, pipe, socket or device */
	TICKRING_E_OWNER = -6,           /* a stranger's file in a directory open to all */
	TICKRING_E_TOO_SHORT = -7,       /* less than a header */
	TICKRING_E_NOT_READY = -8,       /* the publisher has not finished making it */
	TICKRING_E_MAGIC = -9,           /* not a tickring segment */
	TICKRING_E_BYTE_ORDER = -10,     /* written in another byte order */
	TICKRING_E_VERSION = -11,        /* another layout version */
	TICKRING_E_HEADER = -12,         /* a header field that no publisher writes */
	TICKRING_E_TRUNCATED = -13,      /* the file is shorter than its header says */
	TICKRING_E_SIZE = -14,           /* the file is longer than its header says */
	TICKRING_E_FORMAT_HASH = -15,    /* reader and publisher are of different formats */
	TICKRING_E_STATE = -16,          /* a state that no publisher stores */
	TICKRING_E_DIRECTORY = -17,      /* sections that do not lie within the segment */
	TICKRING_E_OTHER_BOOT = -18,     /* left over from another boot of the machine */
	TICKRING_E_OTHER_FEED = -19,     /* the segment bears another name than the file */
	TICKRING_E_MEMORY = -20,         /* no memory for the reader */
	TICKRING_E_SYSTEM = -21,         /* another system error, in errno */
	TICKRING_E_SAME_GENERATION = -22, /* reattach: the name still leads to this segment */
	TICKRING_E_NO_INSTRUMENT = -23,  /* no such row, or no such symbol */
	TICKRING_E_NO_READERS = -24,     /* register: the feed has no file of readers */
	TICKRING_E_READERS = -25,        /* register: the file of readers is damaged */
	TICKRING_E_READERS_FULL = -26,   /* register: every slot is a living reader's */
	TICKRING_E_READERS_BUSY = -27    /* register: another process keeps the file's lock */
};

/* Enough for any tickring_decimal_text with its end, and for any symbol. */
#define TICKRING_DECIMAL_TEXT_MAX 160
#define TICKRING_SYMBOL_MAX 40

typedef struct tickring_reader tickring_reader;

/* Options of attach. Zero everything but size to get the defaults. */
typedef struct tickring_options {
	uint32_t size;           /* sizeof(tickring_options), so that it may grow */
	uint32_t auto_reattach;  /* not 0: next and wait move to a newer segment by themselves */
	uint32_t ignore_boot_id; /* not 0: accept files of another boot, to look at an old one */
	uint32_t no_populate;    /* not 0: do not touch all pages while attaching */
	uint32_t spin;           /* looks that wait makes before it sleeps; 0 is 2000 */
} tickring_options;

/* Totals of one reader since attach; they go on over a reattach. */
typedef struct tickring_stats {
	uint64_t got;           /* records handed out */
	uint64_t lost;          /* records overwritten before they were read */
	uint64_t overruns;      /* times lapped */
	uint64_t torn_rejected; /* copies thrown away because the slot changed meanwhile */
	uint64_t skipped_depth; /* DEPTH records dropped after an overrun, until an event began */
	uint64_t reattached;    /* times moved to another generation */
	uint64_t filtered;      /* records that the filter did not pass */
} tickring_stats;

/*
 * Attach to a feed and stand at the oldest record that is not about to be
 * overwritten. dir NULL means the environment's TICKRING_DIR or else
 * /dev/shm/tickring. 0, or a TICKRING_E code and *out is NULL.
 */
int tickring_attach(const char *dir, const char *feed, const tickring_options *options,
                    tickring_reader **out);

/* As tickring_attach, by the path of the file. */
int tickring_attach_path(const char *path, const tickring_options *options,
                         tickring_reader **out);

/*
 * As tickring_attach, and wait for a feed that is not there yet: the name is tried every
 * 10 ms until it can be attached or timeout_ns has passed (negative: no limit), and then
 * the last error is returned. An error that no waiting mends (TICKRING_E_ARGUMENT,
 * TICKRING_E_NAME, TICKRING_E_MEMORY) ends it at once. Blocks.
 */
int tickring_attach_wait(const char *dir, const char *feed, const tickring_options *options,
                         int64_t timeout_ns, tickring_reader **out);

/* Unmap and free. NULL is allowed. */
void tickring_detach(tickring_reader *reader);

/* One line for a TICKRING_E code, what is wrong and what to do; never NULL. */
const char *tickring_strerror(int error);

/*
 * Copy the next record. The answers:
 *   TICKRING_RECORD      *out is whole
 *   TICKRING_EMPTY       nothing new yet
 *   TICKRING_OVERRUN     *lost records were overwritten; the next call goes on behind
 *                        them. State kept from records must be refreshed (board, books)
 *   TICKRING_STALE       as EMPTY, and the writer has stood still for a second; may pass
 *   TICKRING_CLOSED      drained, the publisher has ended cleanly
 *   TICKRING_SUPERSEDED  drained, a newer segment has the name. With auto_reattach also
 *                        said once when the reader has just moved: instrument ids are
 *                        to be found again
 *   TICKRING_DAMAGED     bytes that no writer leaves; final
 * *out is only valid after RECORD; lost may be NULL.
 */
int tickring_next(tickring_reader *reader, tickring_record *out, uint64_t *lost);

/*
 * As tickring_next, but only the first 64 bytes of *out are copied and validated: the
 * four values of a book ticker, price, quantity and id of a trade. The rest of *out
 * keeps what it had.
 */
int tickring_next_head(tickring_reader *reader, tickring_record *out, uint64_t *lost);

/*
 * Wait until next has something to say, at most timeout_ns (negative: no limit). It
 * spins for a while, then sleeps on the segment's doorbell, never longer than 100 ms
 * at a time. RECORD: next will not answer EMPTY. EMPTY: the time is over. Otherwise
 * what next would answer; a reader that was STALE before sleeps on, until the time is
 * over or something changes.
 */
int tickring_wait(tickring_reader *reader, int64_t timeout_ns);

/*
 * Try the name again and move to the segment there if it has another generation:
 * 0, TICKRING_E_SAME_GENERATION, or what attach would return; then nothing changed.
 * For use after STALE, CLOSED or SUPERSEDED, about every 100 ms.
 */
int tickring_reattach(tickring_reader *reader);

/*
 * Hand out only records of these kinds and these symbols from now on. kinds is a set of
 * TICKRING_KIND_BIT, 0 for all; symbols are count texts, "BTC/USDT" or the venue's own
 * spelling, 0 for all. Records of no instrument pass by their kind alone. A symbol need not
 * exist yet, and holds in the next generation too. Answers other than RECORD always pass.
 * What does not pass is not copied, and counted as filtered. 0, TICKRING_E_ARGUMENT, or
 * TICKRING_E_MEMORY (then the filter is as before). The texts are copied; with symbols it
 * allocates.
 */
#define TICKRING_KIND_BIT(kind) (UINT32_C(1) << (kind))
int tickring_filter(tickring_reader *reader, uint32_t kinds, const char *const *symbols,
                    size_t count);

/*
 * Name the reader in the feed's file of readers, so that `tickring stat` and the publisher
 * can tell its lag, losses and pid by name: at most 48 bytes. Nobody needs it to read, and
 * no error of it is one of the reader: with TICKRING_E_READERS_FULL, TICKRING_E_NO_READERS
 * and the others it goes on unregistered. From then on next and wait report at most every
 * 10 ms, by two short system calls and only where a look found nothing or 1,024 records
 * have passed. It may block for a tenth of a second. Moving to another generation keeps it,
 * detach gives it back, and so does the end of the process. Registered says whether the
 * reader still has its slot. After fork only one of the two may go on with it.
 */
int tickring_register(tickring_reader *reader, const char *name);
void tickring_unregister(tickring_reader *reader);
int tickring_registered(const tickring_reader *reader);

/* Positions. */
void tickring_from_oldest(tickring_reader *reader);
void tickring_from_latest(tickring_reader *reader);
/*
 * Late join: stand behind the watermark and return it. Then copy the board entries
 * wanted, and ignore of each instrument and kind the records whose sequence is not
 * above the entry's own. On OVERRUN meanwhile, join again.
 */
uint64_t tickring_join(tickring_reader *reader);
uint64_t tickring_next_sequence(const tickring_reader *reader);
/* Records between this reader and the end of the last whole frame. */
uint64_t tickring_lag(const tickring_reader *reader);

/* Sequence of a record that was handed out. */
static inline uint64_t tickring_sequence(const tickring_record *record)
{
	return record->commit / 2;
}

/*
 * The newest record of an instrument (slot: enum tickring_board_slot). RECORD, EMPTY
 * (none yet, or no such instrument), BUSY (no whole copy in 1,000 tries: the writer may
 * have died there), DAMAGED. It says nothing of freshness: see tickring_fresh_within.
 */
int tickring_board(const tickring_reader *reader, uint32_t instrument, uint32_t slot,
                   tickring_record *out);

/*
 * The top of an instrument's book, best level first. At most capacity levels a side are
 * copied; out->bid_count and out->ask_count say how many the book has. Answers as
 * tickring_board. A book without TICKRING_BOOK_VALID must not be traded on.
 */
int tickring_book(const tickring_reader *reader, uint32_t instrument,
                  tickring_book_header *out, tickring_level *bids, tickring_level *asks,
                  uint32_t capacity);

/* Tables. 0 or a TICKRING_E code. Ids hold within one generation. */
uint32_t tickring_instrument_count(const tickring_reader *reader);
int tickring_get_instrument(const tickring_reader *reader, uint32_t id, tickring_instrument *out);
int tickring_get_instrument_state(const tickring_reader *reader, uint32_t id,
                                  tickring_instrument_state *out);
int tickring_get_connection(const tickring_reader *reader, uint32_t row, tickring_connection *out);
/* "BTC/USDT", or the base alone where there is no quote; size >= TICKRING_SYMBOL_MAX. */
int tickring_symbol(const tickring_reader *reader, uint32_t id, char *text, size_t size);
/* Id of "BTC/USDT", or of the venue's own spelling. */
int tickring_find(const tickring_reader *reader, const char *symbol, uint32_t *id);
/* State word: TICKRING_BIT set in the low half, book epoch in the high half. */
int tickring_state(const tickring_reader *reader, uint32_t id, uint64_t *word);
/*
 * 1 when the data of the instrument are live, verified, and at most within_ns old: the
 * source is LIVE, the segment's state is LIVE, the hot heartbeat is at most a second old,
 * the state word has SUBSCRIBED and none of STALE, SUSPECT, RESYNCING, REFUSED, HALTED, and
 * its connection received something at most within_ns ago. Else 0. Times are compared with
 * CLOCK_REALTIME of this host, in both directions: a time in the future is no freshness.
 * It keeps nothing, allocates nothing, makes no system call but reading the clock, and may
 * be called for one reader by several threads at once.
 */
int tickring_fresh_within(const tickring_reader *reader, uint32_t id, int64_t within_ns);
/*
 * Age of the newest book ticker of an instrument in ns: CLOCK_REALTIME of this host less the
 * time it was received, at least 0; -1 when there was none. A quiet market has old quotes on
 * a fresh connection: fresh_within says whether silence can be trusted, this how long it
 * lasts.
 */
int64_t tickring_quote_age_ns(const tickring_reader *reader, uint32_t id);

/* Facts of the segment. Texts are valid until detach or reattach. */
const char *tickring_feed(const tickring_reader *reader);
const char *tickring_venue(const tickring_reader *reader);
uint64_t tickring_generation(const tickring_reader *reader);
uint32_t tickring_source(const tickring_reader *reader);
uint32_t tickring_segment_state(const tickring_reader *reader);
uint64_t tickring_slots(const tickring_reader *reader);
uint32_t tickring_book_depth(const tickring_reader *reader);
uint64_t tickring_watermark(const tickring_reader *reader);
uint64_t tickring_last_sequence(const tickring_reader *reader);
/* One of enum tickring_counter; 0 for a number out of range. */
uint64_t tickring_counter(const tickring_reader *reader, uint32_t counter);
tickring_stats tickring_get_stats(const tickring_reader *reader);

/*
 * The double nearest to mantissa x 10^exponent; NaN when absent. Doubles do not hold
 * every decimal: compare and keep mantissas.
 */
double tickring_double(int64_t mantissa, int exponent);

static inline double tickring_price_double(const tickring_record *record, int64_t mantissa)
{
	return tickring_double(mantissa, record->price_exponent);
}

static inline double tickring_quantity_double(const tickring_record *record, int64_t mantissa)
{
	return tickring_double(mantissa, record->quantity_exponent);
}

/*
 * mantissa x 10^exponent as a canonical decimal: no exponent, no trailing zeros, one
 * zero before a leading point. Exponents from -128 to 127. Returns the length without
 * the end; 0 and "" when absent or when size < TICKRING_DECIMAL_TEXT_MAX.
 */
size_t tickring_decimal_text(int64_t mantissa, int exponent, char *text, size_t size);

/*
 * Several feeds as one stream on one clock. A poller holds one record of each feed and
 * hands out the one with the least publish_time_ns, which is this host's time for every
 * venue; the feed that was added first among equals. It does not wait for a feed that has
 * nothing, and serves no feed more than TICKRING_POLLER_TURNS times in a row while another
 * has a record. One thread at a time.
 */
#define TICKRING_POLLER_FEEDS 64
#define TICKRING_POLLER_TURNS 1024
typedef struct tickring_poller tickring_poller;

/* 0 or TICKRING_E_MEMORY. */
int tickring_poller_new(tickring_poller **out);
/*
 * The reader belongs to the poller from now on and is used through it alone, but for calls
 * that take it const. Returns the feed's number from 0, or TICKRING_E_ARGUMENT when there
 * are TICKRING_POLLER_FEEDS, or when reader is NULL. A reader made with auto_reattach moves
 * by itself, and SUPERSEDED says so.
 */
int tickring_poller_add(tickring_poller *poller, tickring_reader *reader);
/* The reader of a feed, NULL for a number out of range. */
tickring_reader *tickring_poller_reader(const tickring_poller *poller, uint32_t feed);
/*
 * The next answer; *feed says whose.
 *   TICKRING_RECORD      *out is whole
 *   TICKRING_OVERRUN     *lost records of that feed were overwritten
 *   TICKRING_STALE, TICKRING_CLOSED, TICKRING_SUPERSEDED, TICKRING_DAMAGED   said once for
 *                        each feed when it begins, before records; the other feeds go on
 *   TICKRING_EMPTY       no feed has anything to say; *feed is unchanged
 */
int tickring_poller_next(tickring_poller *poller, tickring_record *out, uint64_t *lost,
                         uint32_t *feed);
/*
 * Wait until some feed has a record or a new state, at most timeout_ns (negative: no limit).
 * It spins, then sleeps on all doorbells at once, never longer than 100 ms at a time (where
 * the kernel cannot do that, before Linux 5.16, it looks every millisecond). RECORD: next
 * has something to say. EMPTY: the time is over, or there are no feeds.
 */
int tickring_poller_wait(tickring_poller *poller, int64_t timeout_ns);
/* Detach all readers and free. NULL is allowed. */
void tickring_poller_free(tickring_poller *poller);

#ifdef __cplusplus
}
#endif

#endif
