/* Registration: the slot that a reader names itself in. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "segment.h"

#define FILE_BYTES \
	(TICKRING_READERS_HEADER_SIZE + TICKRING_READER_SLOTS * TICKRING_READER_SLOT_SIZE)

static const struct segment_shape shape = {16, 3, 5, 1};

static void readers_path(const struct segment *s, char path[200])
{
	snprintf(path, 200, "%s.readers", s->path);
}

/* The file as a publisher makes it. */
static void make_file(const struct segment *s)
{
	char path[200];
	tickring_readers_header h;
	memset(&h, 0, sizeof h);
	h.magic = TICKRING_READERS_MAGIC;
	h.layout_version = TICKRING_LAYOUT_VERSION;
	h.byte_order = TICKRING_BYTE_ORDER_TAG;
	h.format_hash = TICKRING_FORMAT_HASH;
	h.slot_count = TICKRING_READER_SLOTS;
	h.slot_size = TICKRING_READER_SLOT_SIZE;
	memcpy(h.boot_id, s->header.boot_id, sizeof h.boot_id);
	readers_path(s, path);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, &h, sizeof h), sizeof h);
	CHECK_EQ(ftruncate(fd, FILE_BYTES), 0);
	close(fd);
}

static void drop_file(const struct segment *s)
{
	char path[200];
	readers_path(s, path);
	unlink(path);
}

static tickring_reader_slot slot(const struct segment *s, uint32_t i)
{
	char path[200];
	tickring_reader_slot out;
	memset(&out, 0xff, sizeof out);
	readers_path(s, path);
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	off_t at = (off_t)(TICKRING_READERS_HEADER_SIZE + i * sizeof out);
	CHECK_EQ(pread(fd, &out, sizeof out, at), sizeof out);
	close(fd);
	return out;
}

static tickring_reader *attach(const struct segment *s)
{
	tickring_reader *r = NULL;
	CHECK_EQ(tickring_attach(s->dir, "test", NULL, &r), 0);
	return r;
}

/* Poll until the cursor of slot 0 is the one wanted. */
static void await_cursor(const struct segment *s, tickring_reader *r, uint64_t cursor)
{
	tickring_record rec;
	int64_t end = tickring_clock_ns() + 10000000000;
	while (slot(s, 0).cursor != cursor && tickring_clock_ns() < end)
		tickring_next(r, &rec, NULL);
	CHECK_EQ(slot(s, 0).cursor, cursor);
}

static void named(struct segment *s)
{
	tickring_record rec = numbered(1);
	tickring_reader *r = attach(s);
	CHECK_EQ(tickring_registered(r), 0);
	CHECK_EQ(tickring_register(r, "a strategy"), 0);
	CHECK_EQ(tickring_registered(r), 1);
	tickring_reader_slot got = slot(s, 0);
	CHECK_EQ(got.claim, 1);
	CHECK_EQ(got.pid, getpid());
	CHECK(got.start_time != 0 && got.pid_namespace != 0);
	CHECK_TEXT(got.name, "a strategy");
	for (int i = 0; i < 3; i++)
		segment_publish(s, &rec);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_RECORD);
	await_cursor(s, r, 4);
	got = slot(s, 0);
	CHECK_EQ(got.read, 3);
	CHECK_EQ(got.lost, 0);
	CHECK_EQ(got.generation, 1);
	CHECK(got.updated_monotonic_ns > 0);
	tickring_reader *other = attach(s);
	CHECK_EQ(tickring_register(other, "other"), 0);
	CHECK_EQ(slot(s, 1).claim, 2);
	tickring_detach(other);
	CHECK_EQ(slot(s, 1).claim, 0);
	tickring_unregister(r);
	CHECK_EQ(tickring_registered(r), 0);
	CHECK_EQ(slot(s, 0).claim, 0);
	tickring_unregister(r);
	tickring_detach(r);
	CHECK_EQ(tickring_register(NULL, "x"), TICKRING_E_ARGUMENT);
}

/* A slot that was taken away is not written to, and a file cut short kills nobody. */
static void robbed(struct segment *s)
{
	char path[200];
	const uint64_t foreign = 4242;
	tickring_reader *r = attach(s);
	CHECK_EQ(tickring_register(r, "robbed"), 0);
	readers_path(s, path);
	int fd = open(path, O_RDWR);
	CHECK_EQ(pwrite(fd, &foreign, 8, TICKRING_READERS_HEADER_SIZE), 8);
	tickring_record rec;
	int64_t end = tickring_clock_ns() + 10000000000;
	while (tickring_registered(r) && tickring_clock_ns() < end)
		tickring_next(r, &rec, NULL);
	CHECK_EQ(tickring_registered(r), 0);
	CHECK_EQ(slot(s, 0).cursor, 0);
	CHECK_EQ(tickring_register(r, "again"), 0);
	while (tickring_next(r, &rec, NULL) == TICKRING_RECORD)
		;
	CHECK_EQ(ftruncate(fd, 10), 0);
	while (tickring_registered(r) && tickring_clock_ns() < end)
		tickring_wait(r, 1000000);
	CHECK_EQ(tickring_registered(r), 0);
	CHECK_EQ(tickring_register(r, "short"), TICKRING_E_READERS);
	close(fd);
	tickring_detach(r);
}

/* A dead process's slot is taken when none is free; of 256 living ones none. */
static void full(struct segment *s)
{
	static tickring_reader *all[TICKRING_READER_SLOTS];
	pid_t pid = fork();
	if (pid == 0) {
		tickring_reader *r = attach(s);
		_exit(tickring_register(r, "dies") != 0);
	}
	int status = -1;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(slot(s, 0).pid, pid);
	for (int i = 0; i < TICKRING_READER_SLOTS; i++) {
		all[i] = attach(s);
		CHECK_EQ(tickring_register(all[i], "many"), 0);
	}
	CHECK_EQ(slot(s, 0).pid, getpid());
	tickring_reader *more = attach(s);
	CHECK_EQ(tickring_register(more, "one too many"), TICKRING_E_READERS_FULL);
	tickring_record rec;
	CHECK_EQ(tickring_next(more, &rec, NULL), TICKRING_RECORD);
	tickring_detach(more);
	for (int i = 0; i < TICKRING_READER_SLOTS; i++)
		tickring_detach(all[i]);
}

static void spoilt(struct segment *s, off_t at, uint32_t value, int want)
{
	char path[200];
	make_file(s);
	readers_path(s, path);
	int fd = open(path, O_RDWR);
	CHECK_EQ(pwrite(fd, &value, 4, at), 4);
	close(fd);
	tickring_reader *r = attach(s);
	CHECK_EQ(tickring_register(r, "x"), want);
	CHECK_EQ(tickring_registered(r), 0);
	tickring_detach(r);
}

static void hostile(struct segment *s)
{
	char path[200];
	spoilt(s, offsetof(tickring_readers_header, magic), 1, TICKRING_E_READERS);
	spoilt(s, offsetof(tickring_readers_header, byte_order), 1, TICKRING_E_READERS);
	spoilt(s, offsetof(tickring_readers_header, layout_version), 99, TICKRING_E_VERSION);
	spoilt(s, offsetof(tickring_readers_header, format_hash), 1, TICKRING_E_FORMAT_HASH);
	spoilt(s, offsetof(tickring_readers_header, slot_count), UINT32_MAX, TICKRING_E_READERS);
	spoilt(s, offsetof(tickring_readers_header, slot_size), 0, TICKRING_E_READERS);
	spoilt(s, offsetof(tickring_readers_header, boot_id), 0, TICKRING_E_READERS);
	spoilt(s, FILE_BYTES, 1, TICKRING_E_READERS);
	drop_file(s);
	tickring_reader *r = attach(s);
	CHECK_EQ(tickring_register(r, "x"), TICKRING_E_NO_READERS);
	readers_path(s, path);
	CHECK_EQ(symlink("/dev/zero", path), 0);
	CHECK_EQ(tickring_register(r, "x"), TICKRING_E_NOT_REGULAR);
	drop_file(s);
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(tickring_register(r, "x"), TICKRING_E_NOT_REGULAR);
	drop_file(s);
	make_file(s);
	int fd = open(path, O_RDWR);
	struct flock whole;
	memset(&whole, 0, sizeof whole);
	whole.l_type = F_WRLCK;
	CHECK_EQ(fcntl(fd, F_OFD_SETLK, &whole), 0);
	CHECK_EQ(tickring_register(r, "x"), TICKRING_E_READERS_BUSY);
	close(fd);
	CHECK_EQ(tickring_register(r, "x"), 0);
	tickring_detach(r);
}

/* The slot goes along to the next generation, also where the file is another one. */
static void moves(struct segment *s)
{
	struct segment next;
	tickring_record rec;
	tickring_reader *r = attach(s);
	CHECK_EQ(tickring_register(r, "mover"), 0);
	segment_replace(&next, s, (struct segment_shape){16, 3, 5, 2});
	CHECK_EQ(tickring_reattach(r), 0);
	CHECK_EQ(tickring_next(r, &rec, NULL), TICKRING_EMPTY);
	await_cursor(&next, r, 1);
	CHECK_EQ(slot(&next, 0).generation, 2);
	CHECK_EQ(slot(&next, 0).read, 0);
	drop_file(&next);
	make_file(&next);
	struct segment third;
	segment_replace(&third, &next, (struct segment_shape){16, 3, 5, 3});
	CHECK_EQ(tickring_reattach(r), 0);
	CHECK_EQ(tickring_registered(r), 1);
	CHECK_TEXT(slot(&third, 0).name, "mover");
	tickring_detach(r);
	drop_file(&third);
	segment_free(&third);
}

void test_readers(void)
{
	struct segment s;
	segment_make(&s, shape);
	make_file(&s);
	named(&s);
	robbed(&s);
	make_file(&s);
	full(&s);
	hostile(&s);
	moves(&s);
}
