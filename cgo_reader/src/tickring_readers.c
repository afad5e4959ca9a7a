/* The reader's own slot in the file of readers. Protocol: docs/format.md. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tickring_internal.h"

#define FILE_BYTES \
	(TICKRING_READERS_HEADER_SIZE + TICKRING_READER_SLOTS * TICKRING_READER_SLOT_SIZE)
/* How often the lock is tried, a millisecond apart: anybody may keep it for ever. */
#define LOCK_TRIES 100
/* Records, and idle looks, between two looks at the clock. */
#define RECORDS_EACH 1024
#define LOOKS_EACH 64
/* Words of a report: generation, cursor, read, lost, updated. They lie side by side. */
#define REPORT_WORDS 5
_Static_assert(offsetof(tickring_reader_slot, updated_monotonic_ns) ==
                   offsetof(tickring_reader_slot, generation) + 8 * (REPORT_WORDS - 1),
               "a report is one piece");

struct tickring_registration {
	int fd; /* -1: no slot */
	uint32_t slot;
	uint64_t claim;
	uint64_t generation; /* of the counts below */
	uint64_t got;        /* the reader's totals when the generation began */
	uint64_t lost;
	uint64_t told;       /* cursor of the last report */
	int64_t reported_ns; /* our clock then */
	uint32_t calls;
	char name[sizeof((tickring_reader_slot *)NULL)->name];
};

/*
 * The file is read and written, never mapped: whoever may write it may cut it short, and
 * a store into a page that is gone would end the program.
 */
static int get(int fd, uint64_t offset, void *to, size_t size)
{
	return pread(fd, to, size, (off_t)offset) == (ssize_t)size ? 0 : TICKRING_E_READERS;
}

static int put(int fd, uint64_t offset, const void *from, size_t size)
{
	return pwrite(fd, from, size, (off_t)offset) == (ssize_t)size ? 0 : TICKRING_E_READERS;
}

static uint64_t slot_offset(uint32_t slot)
{
	return TICKRING_READERS_HEADER_SIZE + (uint64_t)slot * TICKRING_READER_SLOT_SIZE;
}

/* The first byte is locked; the lock goes with the open file. */
static int lock_first(int fd, short type)
{
	struct timespec ms = {0, 1000000};
	for (int i = 0; i < LOCK_TRIES; i++) {
		struct flock first;
		memset(&first, 0, sizeof first);
		first.l_type = type;
		first.l_len = 1;
		if (fcntl(fd, F_OFD_SETLK, &first) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return TICKRING_E_SYSTEM;
		nanosleep(&ms, NULL);
	}
	return TICKRING_E_READERS_BUSY;
}

/* Field 22 of proc(5) stat; 1 when there is no such process, -1 when it cannot be told. */
static int start_time(const char *path, uint64_t *ticks)
{
	char text[1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 1 : -1;
	ssize_t n = read(fd, text, sizeof text - 1);
	int err = errno;
	close(fd);
	if (n < 0)
		return err == ESRCH ? 1 : -1;
	text[n] = '\0';
	/* The command may hold anything: count behind its last parenthesis. */
	char *at = strrchr(text, ')');
	for (int field = 3; at != NULL && field <= 22; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return -1;
	*ticks = strtoull(at + 1, NULL, 10);
	return 0;
}

static int64_t monotonic_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Whether the reader of a claimed slot is known not to live. */
static int gone(const tickring_reader_slot *slot, const tickring_reader_slot *who)
{
	char path[32];
	uint64_t started = 0;
	if (slot->pid_namespace != who->pid_namespace) {
		int64_t last = slot->updated_monotonic_ns;
		int64_t now = who->updated_monotonic_ns;
		return last < 0 || last > now || now - last > (int64_t)TICKRING_READER_FORGET_NS;
	}
	snprintf(path, sizeof path, "/proc/%u/stat", (unsigned)slot->pid);
	int answer = start_time(path, &started);
	return answer == 1 || (answer == 0 && started != slot->start_time);
}

/* What this process writes of itself. */
static int describe(tickring_reader_slot *who, const char *name)
{
	struct stat st;
	memset(who, 0, sizeof *who);
	if (start_time("/proc/self/stat", &who->start_time) != 0 || stat("/proc/self/ns/pid", &st) != 0)
		return TICKRING_E_SYSTEM;
	who->pid = (uint32_t)getpid();
	who->pid_namespace = (uint64_t)st.st_ino;
	who->updated_monotonic_ns = monotonic_ns();
	memcpy(who->name, name, sizeof who->name);
	return 0;
}

static int check_file(const char *path, int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return TICKRING_E_SYSTEM;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return TICKRING_E_NOT_REGULAR;
	if (st.st_size != FILE_BYTES)
		return TICKRING_E_READERS;
	return tickring_check_owner(path, &st);
}

static int check_head(const tickring_readers_header *h)
{
	unsigned char boot[16];
	if (h->magic != TICKRING_READERS_MAGIC || h->byte_order != TICKRING_BYTE_ORDER_TAG ||
	    h->slot_count != TICKRING_READER_SLOTS || h->slot_size != TICKRING_READER_SLOT_SIZE)
		return TICKRING_E_READERS;
	if (h->layout_version != TICKRING_LAYOUT_VERSION)
		return TICKRING_E_VERSION;
	if (h->format_hash != TICKRING_FORMAT_HASH)
		return TICKRING_E_FORMAT_HASH;
	int err = tickring_boot_id(boot);
	if (err != 0)
		return err;
	return memcmp(boot, h->boot_id, sizeof boot) == 0 ? 0 : TICKRING_E_READERS;
}

/* The first free slot, else the first whose reader is gone; -1: none. */
static int find_slot(const tickring_reader_slot *slots, const tickring_reader_slot *who)
{
	for (int i = 0; i < TICKRING_READER_SLOTS; i++)
		if (slots[i].claim == 0)
			return i;
	for (int i = 0; i < TICKRING_READER_SLOTS; i++)
		if (gone(&slots[i], who))
			return i;
	return -1;
}

/* Claim 0, all else, the count of claims, the claim: dead in between, the slot is free. */
static int write_slot(int fd, uint32_t i, const tickring_reader_slot *who, uint64_t claim)
{
	uint64_t at = slot_offset(i);
	int err = put(fd, at, who, sizeof *who);
	if (err == 0)
		err = put(fd, offsetof(tickring_readers_header, claims), &claim, sizeof claim);
	if (err == 0)
		err = put(fd, at + offsetof(tickring_reader_slot, claim), &claim, sizeof claim);
	return err;
}

/* Under the lock. */
static int claim_slot(struct tickring_registration *reg, const tickring_reader_slot *who,
                      unsigned char *copy)
{
	tickring_readers_header head;
	int err = get(reg->fd, 0, copy, FILE_BYTES);
	if (err != 0)
		return err;
	memcpy(&head, copy, sizeof head);
	err = check_head(&head);
	if (err != 0)
		return err;
	int i = find_slot((const tickring_reader_slot *)(copy + sizeof head), who);
	if (i < 0)
		return TICKRING_E_READERS_FULL;
	reg->slot = (uint32_t)i;
	reg->claim = head.claims + 1 != 0 ? head.claims + 1 : 1;
	return write_slot(reg->fd, reg->slot, who, reg->claim);
}

static int open_error(int err)
{
	if (err == ENOENT)
		return TICKRING_E_NO_READERS;
	if (err == EACCES || err == EPERM || err == EROFS)
		return TICKRING_E_PERMISSION;
	return err == ELOOP || err == ENXIO || err == EISDIR ? TICKRING_E_NOT_REGULAR
	                                                     : TICKRING_E_SYSTEM;
}

/* Opens the file and claims; on an error there is no slot and no open file. */
static int enter(tickring_reader *r, struct tickring_registration *reg)
{
	char path[TICKRING_PATH_MAX + 16];
	tickring_reader_slot who;
	int err = describe(&who, reg->name);
	if (err != 0)
		return err;
	who.generation = r->seg.generation;
	snprintf(path, sizeof path, "%s.readers", r->path);
	reg->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (reg->fd < 0)
		return open_error(errno);
	unsigned char *copy = malloc(FILE_BYTES);
	err = copy == NULL ? TICKRING_E_MEMORY : check_file(path, reg->fd);
	if (err == 0)
		err = lock_first(reg->fd, F_WRLCK);
	if (err == 0) {
		err = claim_slot(reg, &who, copy);
		lock_first(reg->fd, F_UNLCK);
	}
	free(copy);
	if (err != 0) {
		close(reg->fd);
		reg->fd = -1;
	}
	return err;
}

static int holds(const struct tickring_registration *reg)
{
	uint64_t claim = 0;
	return get(reg->fd, slot_offset(reg->slot), &claim, sizeof claim) == 0 && claim == reg->claim;
}

static void leave(struct tickring_registration *reg)
{
	const uint64_t none = 0;
	if (reg->fd < 0)
		return;
	/* Where the lock cannot be had the slot stays until the process ends. */
	if (lock_first(reg->fd, F_WRLCK) == 0 && holds(reg))
		put(reg->fd, slot_offset(reg->slot), &none, sizeof none);
	close(reg->fd);
	reg->fd = -1;
}

static void report(tickring_reader *r, struct tickring_registration *reg)
{
	int64_t now = monotonic_ns();
	if (now - reg->reported_ns < (int64_t)TICKRING_READER_REPORT_NS)
		return;
	reg->reported_ns = now;
	reg->told = r->next;
	if (!holds(reg)) { /* cut short, or taken away after a long silence */
		close(reg->fd);
		reg->fd = -1;
		return;
	}
	const uint64_t words[REPORT_WORDS] = {reg->generation, r->next, r->stats.got - reg->got,
	                                      r->stats.lost - reg->lost, (uint64_t)now};
	put(reg->fd, slot_offset(reg->slot) + offsetof(tickring_reader_slot, generation), words,
	    sizeof words);
}

void tickring_tell(tickring_reader *r, int idle)
{
	struct tickring_registration *reg = r->registration;
	uint32_t calls = reg->calls++;
	if (reg->fd < 0)
		return;
	if (idle ? r->next != reg->told || calls % LOOKS_EACH == 0 : calls % RECORDS_EACH == 0)
		report(r, reg);
}

static void begin_generation(tickring_reader *r, struct tickring_registration *reg)
{
	reg->generation = r->seg.generation;
	reg->got = r->stats.got;
	reg->lost = r->stats.lost;
}

void tickring_follow_registration(tickring_reader *r)
{
	struct tickring_registration *reg = r->registration;
	char path[TICKRING_PATH_MAX + 16];
	struct stat named, open_one;
	if (reg == NULL)
		return;
	begin_generation(r, reg);
	snprintf(path, sizeof path, "%s.readers", r->path);
	if (reg->fd >= 0 && lstat(path, &named) == 0 && fstat(reg->fd, &open_one) == 0 &&
	    named.st_dev == open_one.st_dev && named.st_ino == open_one.st_ino)
		return;
	leave(reg);
	enter(r, reg); /* where that fails the reader goes on without */
}

int tickring_register(tickring_reader *r, const char *name)
{
	if (r == NULL || name == NULL)
		return TICKRING_E_ARGUMENT;
	tickring_unregister(r);
	struct tickring_registration *reg = calloc(1, sizeof *reg);
	if (reg == NULL)
		return TICKRING_E_MEMORY;
	memcpy(reg->name, name, strnlen(name, sizeof reg->name));
	begin_generation(r, reg);
	int err = enter(r, reg);
	if (err != 0) {
		free(reg);
		return err;
	}
	r->registration = reg;
	return 0;
}

void tickring_unregister(tickring_reader *r)
{
	if (r == NULL || r->registration == NULL)
		return;
	leave(r->registration);
	free(r->registration);
	r->registration = NULL;
}

int tickring_registered(const tickring_reader *r)
{
	return r->registration != NULL && r->registration->fd >= 0;
}
