/* What the sources of the library share. Not installed. */
#ifndef TICKRING_INTERNAL_H
#define TICKRING_INTERNAL_H

#include <string.h>

#include "tickring.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || UINTPTR_MAX < UINT64_MAX
#error "tickring segments are read on 64-bit little-endian machines only"
#endif

#define TICKRING_PATH_MAX 4096
#define TICKRING_RECORD_WORDS (TICKRING_RECORD_SIZE / 8)
#define TICKRING_HEAD_WORDS 8

/* How long a sleep, and a pause between two tries of the name, may be. */
#define TICKRING_NAP_NS INT64_C(100000000)

/* The most of a pause between two looks that counts as the writer's standing still. */
#define TICKRING_LOOK_MAX_NS INT64_C(500000000)

/* The part of a reader that belongs to one mapped segment. */
struct tickring_segment {
	const unsigned char *base;
	size_t size;
	int fd;
	uint64_t generation;
	uint32_t source;
	uint32_t book_depth;
	uint64_t instruments; /* rows of the tables */
	uint64_t connections;
	uint64_t slots;
	uint64_t off_instruments;
	uint64_t off_states;
	uint64_t off_connections;
	uint64_t off_board;
	uint64_t off_books;
	uint64_t off_ring;
	uint64_t book_entry;
	char feed[65];
	char venue[33];
};

/* What a reader knows of the writer's heartbeat. */
struct tickring_pulse {
	uint64_t beat;
	int64_t look_ns;  /* our clock at the last look; 0 before the first */
	int64_t still_ns; /* how long the beat stood still, as far as we watched */
	int64_t stat_ns;  /* our clock when the file's size was last checked */
	int stale;
};

struct tickring_reader {
	struct tickring_segment seg;
	uint64_t next;
	uint64_t lost;
	int resuming; /* drop DEPTH until an event begins */
	int damaged;
	struct tickring_pulse pulse;
	int64_t tried_ns; /* our clock when the name was last tried */
	int untold;       /* moved by itself, and next has not said so yet */
	struct tickring_filter *filter; /* NULL passes all */
	struct tickring_registration *registration; /* NULL: not asked for */
	tickring_stats stats;
	tickring_options options;
	int named; /* path was made from a feed's name, so the segment must bear it */
	char path[TICKRING_PATH_MAX];
	char name[64];
};

/*
 * Shared memory is only ever read by these. Relaxed 64-bit atomics are plain loads on
 * every 64-bit machine, and keep the copy free of data races.
 */
static inline uint64_t tickring_load(const void *at)
{
	return __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED);
}

static inline uint64_t tickring_load_acquire(const void *at)
{
	return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
}

static inline uint32_t tickring_load32_acquire(const void *at)
{
	return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
}

/* Second look at a mark: no load of the payload may sink below it. */
static inline uint64_t tickring_load_again(const void *at)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return tickring_load(at);
}

#ifdef TICKRING_TEST_HOOKS
/* Tests stop a copy between two words, and turn the clock. */
extern void (*tickring_test_copied)(size_t word);
extern int64_t (*tickring_test_clock)(void);
#define TICKRING_COPIED(word) \
	do { \
		if (tickring_test_copied != NULL) \
			tickring_test_copied(word); \
	} while (0)
#else
#define TICKRING_COPIED(word) ((void)0)
#endif

/*
 * Copy words from..to-1 of shared memory at src into private memory at dst. memcpy,
 * because dst is a struct of narrower fields; it compiles to one store.
 */
static inline void tickring_copy(void *dst, const unsigned char *src, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		uint64_t word = tickring_load(src + 8 * i);
		memcpy((unsigned char *)dst + 8 * i, &word, sizeof word);
		TICKRING_COPIED(i);
	}
}

/* segment.c */
int tickring_segment_open(struct tickring_segment *seg, const char *path, const char *name,
                          const tickring_options *options);
void tickring_segment_close(struct tickring_segment *seg);
int tickring_segment_shrunk(const struct tickring_segment *seg);

/* What of a record's first words is enough to filter it; word is the one at offset 8. */
struct tickring_filter {
	uint32_t kinds;
	size_t count;            /* symbols; 0 passes every instrument */
	unsigned char *verdicts; /* one for each row: 0 not judged in this generation */
	const char **symbols;
};
/* filter.c */
int tickring_passes(tickring_reader *reader, uint64_t word);
/* Rows hold within a generation. */
void tickring_filter_forget(struct tickring_filter *filter);

/* readers.c */
void tickring_tell(tickring_reader *reader, int idle); /* only with a registration */
void tickring_follow_registration(tickring_reader *reader);

/* segment.c, for readers.c too */
int tickring_boot_id(unsigned char id[16]);
struct stat;
int tickring_check_owner(const char *path, const struct stat *file);

/* reader.c */
int64_t tickring_clock_ns(void); /* CLOCK_MONOTONIC */
/* Whether the next slot has filled, or was overwritten. */
int tickring_ready(const tickring_reader *reader);
/* What next would answer, without reading: RECORD for whatever has to be read. */
int tickring_glance(tickring_reader *reader);
int64_t tickring_now_ns(void);
void tickring_look(tickring_reader *reader);
/* Whether a whole copy is one that a writer leaves; head: only 64 bytes are there. */
int tickring_sane(const tickring_record *record, int head);

static inline uint64_t tickring_margin(uint64_t slots)
{
	return slots / 8 > 2 ? slots / 8 : 2;
}

#endif
