/*
 * A segment whose bytes somebody changed must never make a reader crash, hang or read
 * outside the mapping. Mutations come from a fixed seed.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "segment.h"

#define ROUNDS 20000

static uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t interesting(void)
{
	static const uint64_t values[] = {0, 1, 2, 3, 7, 8, 16, 24, 25, 127, 128, 255, 256, 4095, 4096,
	                                  65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
	                                  UINT64_C(1) << 40, UINT64_C(1) << 62, UINT64_C(1) << 63,
	                                  UINT64_MAX - 1, UINT64_MAX};
	uint64_t r = random64();
	if (r % 3 == 0)
		return random64();
	return values[r / 3 % (sizeof values / sizeof values[0])];
}

/* A place to change: header fields and directory more often than the rest. */
static size_t place(size_t size)
{
	uint64_t r = random64();
	switch (r % 4) {
	case 0:
		return r / 4 % 448; /* constant part and directory */
	case 1:
		return 1024 + r / 4 % 1024; /* mutable part */
	case 2:
		return TICKRING_HEADER_SIZE + r / 4 % (size - TICKRING_HEADER_SIZE);
	default:
		return size - 2048 + r / 4 % 2048; /* the ring */
	}
}

static void mutate(unsigned char *at, size_t room)
{
	uint64_t value = interesting();
	size_t width = (size_t)1 << random64() % 4;
	memcpy(at, &value, width < room ? width : room);
}

static void use_tables(tickring_reader *r)
{
	tickring_record rec;
	tickring_book_header h;
	tickring_level bids[16];
	tickring_level asks[16];
	tickring_instrument row;
	char text[TICKRING_SYMBOL_MAX];
	uint64_t word;
	uint32_t id;
	for (uint32_t i = 0; i < 4; i++) {
		for (uint32_t slot = 0; slot < 5; slot++)
			tickring_board(r, i, slot, &rec);
		tickring_book(r, i, &h, bids, asks, 16);
		tickring_get_instrument(r, i, &row);
		tickring_symbol(r, i, text, sizeof text);
		tickring_state(r, i, &word);
		tickring_fresh_within(r, i, 1000000000);
	}
	tickring_find(r, "BTC/USDT", &id);
}

/* Whatever the bytes say, an answer is one of the eight and DAMAGED stays. */
static void use(tickring_reader *r)
{
	tickring_record rec;
	uint64_t lost;
	use_tables(r);
	for (int turn = 0; turn < 3; turn++) {
		int last = TICKRING_EMPTY;
		for (int i = 0; i < 40; i++) {
			int answer = i % 2 == 0 ? tickring_next(r, &rec, &lost) : tickring_next_head(r, &rec, &lost);
			CHECK(answer >= TICKRING_RECORD && answer <= TICKRING_DAMAGED);
			CHECK(last != TICKRING_DAMAGED || answer == TICKRING_DAMAGED);
			last = answer;
		}
		tickring_wait(r, 0);
		if (turn == 0)
			tickring_join(r);
		else
			tickring_from_latest(r);
	}
}

static int attack(const char *path, unsigned char *base, size_t size)
{
	tickring_options options = {
		.size = sizeof options, .ignore_boot_id = 1, .no_populate = 1, .spin = 1};
	tickring_reader *r;
	unsigned char *good = malloc(size);
	int opened = 0;
	if (good == NULL)
		abort();
	memcpy(good, base, size);
	for (int i = 0; i < ROUNDS; i++) {
		for (uint64_t n = 1 + random64() % 4; n > 0; n--) {
			size_t at = place(size);
			mutate(base + at, size - at);
		}
		if (tickring_attach_path(path, &options, &r) == 0) {
			opened++;
			use(r);
			tickring_detach(r);
		}
		memcpy(base, good, size);
	}
	free(good);
	return opened;
}

static void fill(struct segment *s)
{
	store32(HEADER_FIELD(s, instrument_count), 3);
	for (uint64_t n = 1; n <= 40; n++) {
		tickring_record rec = numbered(n);
		rec.kind = (uint8_t)(1 + n % 6);
		rec.body.trade.text_length = rec.kind == TICKRING_KIND_TRADE ? 24 : 0;
		rec.body.depth.bids = rec.kind == TICKRING_KIND_DEPTH;
		rec.body.depth.asks = 0;
		if (rec.kind == TICKRING_KIND_STATUS)
			rec.body.status.text_length = 40;
		segment_publish(s, &rec);
	}
	store64(HEADER_FIELD(s, watermark), 40);
}

/* The segment that the Go writer leaves, when the tests run in a checkout. */
static int load_golden(struct segment *s)
{
	FILE *f = fopen("../ring/testdata/golden.segment", "rb");
	struct stat st;
	int ok = 0;
	if (f == NULL) {
		printf("hostile: skipped golden.segment, which is not there\n");
		return 0;
	}
	if (fstat(fileno(f), &st) == 0 && (size_t)st.st_size <= s->size &&
	    ftruncate(s->fd, st.st_size) == 0) {
		ok = fread(s->base, 1, (size_t)st.st_size, f) == (size_t)st.st_size;
		s->size = (size_t)st.st_size;
	}
	fclose(f);
	return ok;
}

void test_hostile(void)
{
	struct segment s;
	segment_make(&s, (struct segment_shape){16, 4, 5, 1});
	fill(&s);
	int opened = attack(s.path, s.base, s.size);
	printf("hostile: %d of %d mutated segments opened\n", opened, ROUNDS);
	CHECK(opened > ROUNDS / 10 && opened < ROUNDS);
	segment_free(&s);
	segment_make(&s, (struct segment_shape){1024, 4, 5, 1});
	if (load_golden(&s)) {
		opened = attack(s.path, s.base, s.size);
		CHECK(opened > ROUNDS / 10 && opened < ROUNDS);
	}
	segment_free(&s);
}
