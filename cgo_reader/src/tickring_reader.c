/* The cursor: next, wait and positions. Protocol: docs/format.md. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tickring_internal.h"

/* A hint further than this beyond the slot's record is damage. */
#define HINT_MAX (UINT64_C(1) << 40)

#ifdef TICKRING_TEST_HOOKS
void (*tickring_test_copied)(size_t word);
int64_t (*tickring_test_clock)(void);
#endif

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;
#ifdef TICKRING_TEST_HOOKS
	if (tickring_test_clock != NULL)
		return tickring_test_clock();
#endif
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Coarse is a few milliseconds wide and costs a few nanoseconds: next calls it when idle. */
int64_t tickring_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t tickring_clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

#define FIELD(r, name) ((r)->seg.base + offsetof(tickring_header, name))

static const unsigned char *slot_of(const tickring_reader *r, uint64_t n)
{
	return r->seg.base + r->seg.off_ring + (n & (r->seg.slots - 1)) * TICKRING_RECORD_SIZE;
}

uint64_t tickring_watermark(const tickring_reader *r)
{
	return tickring_load_acquire(FIELD(r, watermark));
}

uint64_t tickring_last_sequence(const tickring_reader *r)
{
	return tickring_load_acquire(FIELD(r, last_sequence));
}

uint32_t tickring_segment_state(const tickring_reader *r)
{
	return tickring_load32_acquire(FIELD(r, state));
}

static int damaged(tickring_reader *r)
{
	r->damaged = 1;
	return TICKRING_DAMAGED;
}

static void stand_at(tickring_reader *r, uint64_t n, int resuming)
{
	r->next = n;
	r->resuming = resuming;
}

/* A sequence of the header; one beyond every sequence is damage, and reads as 0. */
static uint64_t believe(tickring_reader *r, uint64_t n)
{
	if (n <= TICKRING_MAX_SEQUENCE)
		return n;
	r->damaged = 1;
	return 0;
}

void tickring_from_oldest(tickring_reader *r)
{
	uint64_t last = believe(r, tickring_last_sequence(r));
	if (last < r->seg.slots)
		stand_at(r, 1, 0);
	else
		stand_at(r, last - r->seg.slots + tickring_margin(r->seg.slots), 1);
}

static uint64_t stand_behind(tickring_reader *r, uint64_t n)
{
	n = believe(r, n);
	stand_at(r, n < TICKRING_MAX_SEQUENCE ? n + 1 : n, 0);
	return n;
}

void tickring_from_latest(tickring_reader *r)
{
	stand_behind(r, tickring_last_sequence(r));
}

uint64_t tickring_join(tickring_reader *r)
{
	return stand_behind(r, tickring_watermark(r));
}

uint64_t tickring_next_sequence(const tickring_reader *r)
{
	return r->next;
}

uint64_t tickring_lag(const tickring_reader *r)
{
	uint64_t last = tickring_last_sequence(r);
	return last >= r->next && last <= TICKRING_MAX_SEQUENCE ? last - r->next + 1 : 0;
}

int tickring_sane(const tickring_record *rec, int head)
{
	switch (rec->kind) {
	case TICKRING_KIND_BOOK_TICKER:
	case TICKRING_KIND_TICKER:
	case TICKRING_KIND_PERPETUAL:
		return 1;
	case TICKRING_KIND_TRADE:
		return head || rec->body.trade.text_length <= sizeof rec->body.trade.text;
	case TICKRING_KIND_DEPTH:
		return head || rec->body.depth.bids + rec->body.depth.asks <= TICKRING_LEVELS_PER_RECORD;
	case TICKRING_KIND_STATUS:
		return rec->body.status.text_length <= sizeof rec->body.status.text;
	default:
		return 0;
	}
}

/*
 * One look at heartbeat and file. Of the time between two looks at most half a second
 * counts, so that a reader that was stopped itself looks again before it judges.
 */
void tickring_look(tickring_reader *r)
{
	struct tickring_pulse *p = &r->pulse;
	int64_t now = tickring_now_ns();
	if (now - p->stat_ns >= TICKRING_NAP_NS) {
		p->stat_ns = now;
		if (tickring_segment_shrunk(&r->seg)) {
			r->damaged = 1;
			return;
		}
	}
	uint64_t beat = tickring_load(FIELD(r, hot_heartbeat));
	if (p->look_ns == 0 || beat != p->beat) {
		p->beat = beat;
		p->still_ns = 0;
		p->stale = 0;
	} else if (!p->stale) {
		int64_t gap = now - p->look_ns;
		p->still_ns += gap < TICKRING_LOOK_MAX_NS ? gap : TICKRING_LOOK_MAX_NS;
		p->stale = p->still_ns >= TICKRING_STALE_AFTER_NS;
	}
	p->look_ns = now;
}

/* What an empty slot means; RECORD: it has filled meanwhile. */
static int idle(tickring_reader *r)
{
	tickring_look(r);
	if (r->damaged)
		return TICKRING_DAMAGED;
	uint32_t state = tickring_segment_state(r);
	if (state == TICKRING_STATE_LIVE)
		return r->pulse.stale ? TICKRING_STALE : TICKRING_EMPTY;
	/* Records stored before the state are seen now. */
	if (tickring_load_acquire(slot_of(r, r->next)) >= 2 * r->next)
		return TICKRING_RECORD;
	if (state == TICKRING_STATE_CLOSED)
		return TICKRING_CLOSED;
	if (state == TICKRING_STATE_SUPERSEDED)
		return TICKRING_SUPERSEDED;
	return damaged(r);
}

/* The slot has v, a mark that is not 2n: go on behind what is lost. */
static int overrun(tickring_reader *r, uint64_t v)
{
	uint64_t n = r->next;
	uint64_t m = v / 2 + v % 2;
	uint64_t hint = tickring_last_sequence(r);
	uint64_t slots = r->seg.slots;
	if (m > TICKRING_MAX_SEQUENCE || hint > TICKRING_MAX_SEQUENCE || m <= n ||
	    ((m ^ n) & (slots - 1)) != 0 || hint > m + HINT_MAX)
		return damaged(r);
	uint64_t to = (hint > m ? hint : m) - slots + tickring_margin(slots);
	r->lost = to - n;
	r->stats.lost += r->lost;
	r->stats.overruns++;
	stand_at(r, to, 1);
	return TICKRING_OVERRUN;
}

/*
 * Pass over the record in the slot, whose mark is v, when the filter does not want it: what
 * decides stands in one word. RECORD: passed over; EMPTY: wanted.
 */
static int pass_over(tickring_reader *r, const unsigned char *slot, uint64_t v)
{
	uint64_t word = tickring_load(slot + offsetof(tickring_record, kind));
	if (tickring_passes(r, word))
		return TICKRING_EMPTY;
	uint64_t again = tickring_load_again(slot);
	if (again != v) {
		r->stats.torn_rejected++;
		return overrun(r, again);
	}
	r->next++;
	r->stats.filtered++;
	return TICKRING_RECORD;
}

static int fetch(tickring_reader *r, tickring_record *out, size_t words)
{
	uint64_t n, v;
	const unsigned char *slot;
	for (;;) {
		n = r->next;
		slot = slot_of(r, n);
		v = tickring_load_acquire(slot);
		if (v < 2 * n)
			return TICKRING_EMPTY;
		if (v > 2 * n)
			return overrun(r, v);
		if (r->filter == NULL || r->resuming)
			break;
		int passed = pass_over(r, slot, v);
		if (passed == TICKRING_OVERRUN || passed == TICKRING_DAMAGED)
			return passed;
		if (passed == TICKRING_EMPTY)
			break;
	}
	tickring_copy(out, slot, 1, words);
	uint64_t again = tickring_load_again(slot);
	if (again != v) {
		r->stats.torn_rejected++;
		return overrun(r, again);
	}
	out->commit = v;
	if (!tickring_sane(out, words < TICKRING_RECORD_WORDS))
		return damaged(r);
	r->next = n + 1;
	return TICKRING_RECORD;
}

/* Whether the record is the rest of a depth event whose beginning was lost. */
static int skips(tickring_reader *r, const tickring_record *rec)
{
	if (rec->kind == TICKRING_KIND_DEPTH && (rec->flags & TICKRING_FLAG_FIRST) == 0) {
		r->stats.skipped_depth++;
		return 1;
	}
	r->resuming = 0;
	return 0;
}

/* Whether the record that ended the dropping is one that the filter does not want. */
static int refused(tickring_reader *r, const tickring_record *rec)
{
	uint64_t word;
	memcpy(&word, &rec->kind, sizeof word);
	if (r->filter == NULL || tickring_passes(r, word))
		return 0;
	r->stats.filtered++;
	return 1;
}

/*
 * With auto_reattach: try the name, at most once in 100 ms. The move is told by the next
 * call of next, whoever made it.
 */
static int moved(tickring_reader *r, int answer)
{
	if (!r->options.auto_reattach || answer == TICKRING_EMPTY || answer == TICKRING_RECORD ||
	    answer == TICKRING_DAMAGED)
		return 0;
	int64_t now = tickring_now_ns();
	if (r->tried_ns != 0 && now - r->tried_ns < TICKRING_NAP_NS)
		return 0;
	r->tried_ns = now;
	r->untold = tickring_reattach(r) == 0;
	return r->untold;
}

/* Whether a move has to be told, once. */
static int tell_move(tickring_reader *r)
{
	int untold = r->untold;
	r->untold = 0;
	return untold;
}

/*
 * At the start of a cache line: where the linker puts it otherwise depends on the program,
 * and a record costs up to a third more at an unlucky place (make bench-readers).
 */
__attribute__((aligned(64)))
static int next(tickring_reader *r, tickring_record *out, uint64_t *lost, size_t words)
{
	for (;;) {
		if (r->damaged)
			return TICKRING_DAMAGED;
		if (tell_move(r))
			return TICKRING_SUPERSEDED;
		int answer = fetch(r, out, words);
		if (answer == TICKRING_RECORD) {
			int resumed = r->resuming;
			if (resumed && skips(r, out))
				continue;
			if (resumed && refused(r, out))
				continue;
			r->stats.got++;
			if (r->registration != NULL)
				tickring_tell(r, 0);
			return answer;
		}
		if (answer == TICKRING_OVERRUN && lost != NULL)
			*lost = r->lost;
		if (answer != TICKRING_EMPTY)
			return answer;
		if (r->registration != NULL)
			tickring_tell(r, 1);
		answer = idle(r);
		if (!moved(r, answer) && answer != TICKRING_RECORD)
			return answer;
	}
}

int tickring_next(tickring_reader *r, tickring_record *out, uint64_t *lost)
{
	return next(r, out, lost, TICKRING_RECORD_WORDS);
}

int tickring_next_head(tickring_reader *r, tickring_record *out, uint64_t *lost)
{
	return next(r, out, lost, TICKRING_HEAD_WORDS);
}

int tickring_ready(const tickring_reader *r)
{
	return tickring_load_acquire(slot_of(r, r->next)) >= 2 * r->next;
}

int tickring_glance(tickring_reader *r)
{
	if (r->damaged)
		return TICKRING_DAMAGED;
	if (r->untold || tickring_ready(r))
		return TICKRING_RECORD;
	int answer = idle(r);
	return moved(r, answer) ? TICKRING_RECORD : answer;
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* Sleep until the doorbell differs from seen, at most ns. */
static void nap(const tickring_reader *r, uint32_t seen, int64_t ns)
{
	struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	syscall(SYS_futex, FIELD(r, doorbell), FUTEX_WAIT, seen, &ts, NULL, 0);
}

/* Look at the slot for a while. */
static int spin(const tickring_reader *r)
{
	for (uint32_t i = 0; i < r->options.spin; i++) {
		if (tickring_ready(r))
			return 1;
		relax();
	}
	return 0;
}

int tickring_wait(tickring_reader *r, int64_t timeout_ns)
{
	if (r->damaged)
		return TICKRING_DAMAGED;
	if (r->untold)
		return TICKRING_SUPERSEDED;
	if (spin(r))
		return TICKRING_RECORD;
	int64_t start = read_clock(CLOCK_MONOTONIC);
	int known_stale = r->pulse.stale;
	for (;;) {
		/* The bell is read before the slot: a record after that look changes it. */
		uint32_t seen = tickring_load32_acquire(FIELD(r, doorbell));
		if (tickring_ready(r))
			return TICKRING_RECORD;
		if (r->registration != NULL)
			tickring_tell(r, 1);
		int answer = idle(r);
		if (moved(r, answer))
			return TICKRING_SUPERSEDED;
		if (answer != TICKRING_EMPTY && !(answer == TICKRING_STALE && known_stale))
			return answer;
		int64_t ns = TICKRING_NAP_NS;
		if (timeout_ns >= 0) {
			int64_t left = timeout_ns - (read_clock(CLOCK_MONOTONIC) - start);
			if (left <= 0)
				return answer;
			ns = left < ns ? left : ns;
		}
		nap(r, seen, ns);
		if (tickring_segment_shrunk(&r->seg))
			return damaged(r);
	}
}

tickring_stats tickring_get_stats(const tickring_reader *r)
{
	return r->stats;
}
