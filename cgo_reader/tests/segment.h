/* A segment that the tests write themselves, byte by byte as docs/format.md says. */
#ifndef TICKRING_TESTS_SEGMENT_H
#define TICKRING_TESTS_SEGMENT_H

#include "../src/tickring_internal.h"

struct segment {
	char dir[64];
	char path[160];
	int fd;
	unsigned char *base;
	size_t size;
	uint64_t slots;
	uint64_t next; /* sequence of the next record */
	tickring_header header; /* as written */
};

struct segment_shape {
	uint32_t slots;
	uint32_t instruments;
	uint32_t book_depth;
	uint64_t generation;
};

/* A directory of its own for each segment; removed by segment_free. */
void segment_make(struct segment *s, struct segment_shape shape);
/* Write another segment over the name, as a publisher that starts again does. */
void segment_replace(struct segment *s, struct segment *old, struct segment_shape shape);
void segment_free(struct segment *s);
/* Store the header, as changed by a test. */
void segment_store_header(struct segment *s);

unsigned char *segment_slot(const struct segment *s, uint64_t n);
unsigned char *segment_at(const struct segment *s, uint32_t section, uint64_t entry);
void store64(unsigned char *at, uint64_t value);
void store32(unsigned char *at, uint32_t value);

/* The three steps of writing a record at a place of the ring or the board. */
void write_mark(unsigned char *at, uint64_t n);
void write_payload(unsigned char *at, const tickring_record *rec);
void write_commit(unsigned char *at, uint64_t n);

/* Publish the record as the next one and move the hint. */
uint64_t segment_publish(struct segment *s, const tickring_record *rec);
/* A book ticker all of whose words tell the sequence it was written for. */
tickring_record numbered(uint64_t n);
/* Whether it is whole and of sequence n. */
int is_numbered(const tickring_record *rec, uint64_t n);

#define HEADER_FIELD(s, field) ((s)->base + offsetof(tickring_header, field))

#endif
