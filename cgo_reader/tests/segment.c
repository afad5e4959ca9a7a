#define _GNU_SOURCE
#include "segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

static void boot_id(uint8_t id[16])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
	must(f != NULL, "boot_id");
	for (int i = 0; i < 16; i++) {
		int c = fgetc(f);
		if (c == '-')
			c = fgetc(f);
		char pair[3] = {(char)c, (char)fgetc(f), 0};
		id[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	fclose(f);
}

static void lay(tickring_header *h, struct segment_shape shape)
{
	const uint32_t sizes[] = {TICKRING_INSTRUMENT_SIZE, TICKRING_INSTRUMENT_STATE_SIZE,
	                          TICKRING_CONNECTION_SIZE, TICKRING_BOARD_ENTRY_SIZE,
	                          TICKRING_BOOK_HEADER_SIZE + 32 * shape.book_depth,
	                          TICKRING_RECORD_SIZE};
	const uint32_t counts[] = {shape.instruments, shape.instruments, 4,
	                           shape.instruments, shape.instruments, shape.slots};
	uint64_t at = TICKRING_HEADER_SIZE;
	for (uint32_t i = 0; i < TICKRING_DIRECTORY_ENTRIES; i++) {
		h->directory[i].kind = i + 1;
		h->directory[i].entry_size = sizes[i];
		h->directory[i].count = counts[i];
		h->directory[i].offset = at;
		at = (at + (uint64_t)sizes[i] * counts[i] + 4095) / 4096 * 4096;
	}
	h->total_size = at;
}

static void fill(struct segment *s, struct segment_shape shape)
{
	tickring_header *h = &s->header;
	memset(h, 0, sizeof *h);
	lay(h, shape);
	h->magic = TICKRING_MAGIC;
	h->layout_version = TICKRING_LAYOUT_VERSION;
	h->byte_order = TICKRING_BYTE_ORDER_TAG;
	h->format_hash = TICKRING_FORMAT_HASH;
	h->generation = shape.generation;
	h->header_size = TICKRING_HEADER_SIZE;
	h->source = TICKRING_SOURCE_LIVE;
	h->directory_count = TICKRING_DIRECTORY_ENTRIES;
	h->book_depth = shape.book_depth;
	h->state = TICKRING_STATE_LIVE;
	h->hot_heartbeat = 1;
	strcpy(h->feed, "test");
	strcpy(h->venue, "sim");
	boot_id(h->boot_id);
}

static void build(struct segment *s, struct segment_shape shape)
{
	char aside[200];
	snprintf(s->path, sizeof s->path, "%s/test", s->dir);
	snprintf(aside, sizeof aside, "%s/.test.new", s->dir);
	fill(s, shape);
	s->size = (size_t)s->header.total_size;
	s->slots = shape.slots;
	s->next = 1;
	s->fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	must(s->fd >= 0, aside);
	must(ftruncate(s->fd, (off_t)s->size) == 0, "ftruncate");
	s->base = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	must(s->base != MAP_FAILED, "mmap");
	segment_store_header(s);
	must(rename(aside, s->path) == 0, "rename");
}

void segment_make(struct segment *s, struct segment_shape shape)
{
	const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(s->dir, sizeof s->dir, "%s/tickring-test-XXXXXX", top);
	must(mkdtemp(s->dir) != NULL, "mkdtemp");
	build(s, shape);
}

void segment_replace(struct segment *s, struct segment *old, struct segment_shape shape)
{
	memcpy(s->dir, old->dir, sizeof s->dir);
	build(s, shape);
	store64(HEADER_FIELD(old, successor_generation), shape.generation);
	store32(HEADER_FIELD(old, state), TICKRING_STATE_SUPERSEDED);
	munmap(old->base, old->size);
	close(old->fd);
}

void segment_free(struct segment *s)
{
	munmap(s->base, s->size);
	close(s->fd);
	unlink(s->path);
	must(rmdir(s->dir) == 0, s->dir);
}

void segment_store_header(struct segment *s)
{
	memcpy(s->base, &s->header, sizeof s->header);
}

unsigned char *segment_at(const struct segment *s, uint32_t section, uint64_t entry)
{
	const tickring_section *d = &s->header.directory[section - 1];
	return s->base + d->offset + entry * d->entry_size;
}

unsigned char *segment_slot(const struct segment *s, uint64_t n)
{
	return segment_at(s, TICKRING_SECTION_RING, n & (s->slots - 1));
}

void store64(unsigned char *at, uint64_t value)
{
	__atomic_store_n((uint64_t *)(void *)at, value, __ATOMIC_RELEASE);
}

void store32(unsigned char *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)at, value, __ATOMIC_RELEASE);
}

void write_mark(unsigned char *at, uint64_t n)
{
	__atomic_store_n((uint64_t *)(void *)at, 2 * n - 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void write_payload(unsigned char *at, const tickring_record *rec)
{
	uint64_t words[TICKRING_RECORD_WORDS];
	memcpy(words, rec, sizeof words);
	for (size_t i = 1; i < TICKRING_RECORD_WORDS; i++)
		__atomic_store_n((uint64_t *)(void *)(at + 8 * i), words[i], __ATOMIC_RELAXED);
}

void write_commit(unsigned char *at, uint64_t n)
{
	store64(at, 2 * n);
}

uint64_t segment_publish(struct segment *s, const tickring_record *rec)
{
	uint64_t n = s->next++;
	unsigned char *at = segment_slot(s, n);
	write_mark(at, n);
	write_payload(at, rec);
	write_commit(at, n);
	store64(HEADER_FIELD(s, last_sequence), n);
	return n;
}

tickring_record numbered(uint64_t n)
{
	tickring_record rec;
	memset(&rec, 0, sizeof rec);
	rec.kind = TICKRING_KIND_BOOK_TICKER;
	rec.instrument = 0;
	rec.recv_time_ns = (int64_t)n;
	rec.venue_sequence = n;
	for (size_t i = 0; i < TICKRING_BODY_SIZE / 8; i++)
		rec.body.words[i] = n * 1000 + i;
	rec.event_time_ns = (int64_t)n;
	rec.publish_time_ns = (int64_t)n;
	return rec;
}

int is_numbered(const tickring_record *rec, uint64_t n)
{
	tickring_record want = numbered(n);
	want.commit = 2 * n;
	return memcmp(rec, &want, sizeof want) == 0;
}
