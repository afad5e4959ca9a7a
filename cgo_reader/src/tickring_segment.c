/* Open, check, map and release a segment file. Nothing in the file is trusted. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tickring_internal.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* The kernel's id of this boot: 32 hexadecimal digits with dashes between them. */
int tickring_boot_id(unsigned char id[16])
{
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return TICKRING_E_SYSTEM;
	ssize_t got = read(fd, text, sizeof text);
	close(fd);
	size_t digits = 0;
	memset(id, 0, 16);
	for (ssize_t i = 0; i < got && digits < 32; i++) {
		int value = hex_digit(text[i]);
		if (value < 0)
			continue;
		id[digits / 2] = (unsigned char)(id[digits / 2] << 4 | value);
		digits++;
	}
	if (digits == 32)
		return 0;
	errno = EIO;
	return TICKRING_E_SYSTEM;
}

static int open_error(int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
		return TICKRING_E_NO_FEED;
	case EACCES:
	case EPERM:
		return TICKRING_E_PERMISSION;
	case ELOOP:
	case ENXIO:
	case ENODEV:
		return TICKRING_E_NOT_REGULAR;
	default:
		return TICKRING_E_SYSTEM;
	}
}

/*
 * In a directory that everybody may write to anyone can plant a file; only our own
 * and root's are taken there.
 */
int tickring_check_owner(const char *path, const struct stat *file)
{
	char copy[TICKRING_PATH_MAX];
	struct stat dir;
	if (file->st_uid == geteuid() || file->st_uid == 0)
		return 0;
	if (strlen(path) >= sizeof copy)
		return TICKRING_E_ARGUMENT;
	strcpy(copy, path);
	if (stat(dirname(copy), &dir) != 0)
		return open_error(errno);
	return (dir.st_mode & S_IWOTH) != 0 ? TICKRING_E_OWNER : 0;
}

static int open_file(const char *path, int *fd, uint64_t *size)
{
	struct stat st;
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return open_error(errno);
	int err = 0;
	if (fstat(*fd, &st) != 0)
		err = TICKRING_E_SYSTEM;
	else if (!S_ISREG(st.st_mode))
		err = TICKRING_E_NOT_REGULAR;
	else if ((err = tickring_check_owner(path, &st)) == 0 && st.st_size < TICKRING_HEADER_SIZE)
		err = TICKRING_E_TOO_SHORT;
	if (err != 0) {
		close(*fd);
		*fd = -1;
		return err;
	}
	*size = (uint64_t)st.st_size;
	return 0;
}

/* Private copy of the header; the magic pairs with the publisher's last store. */
static int copy_header(int fd, tickring_header *out)
{
	void *at = mmap(NULL, TICKRING_HEADER_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return TICKRING_E_SYSTEM;
	uint64_t magic = tickring_load_acquire(at);
	tickring_copy(out, at, 0, TICKRING_HEADER_SIZE / 8);
	munmap(at, TICKRING_HEADER_SIZE);
	if (magic == 0)
		return TICKRING_E_NOT_READY;
	return magic == TICKRING_MAGIC ? 0 : TICKRING_E_MAGIC;
}

/* Entry sizes in the order of the directory; a book's depends on its depth. */
static uint32_t entry_size(uint32_t kind, uint32_t book_depth)
{
	switch (kind) {
	case TICKRING_SECTION_INSTRUMENTS:
		return TICKRING_INSTRUMENT_SIZE;
	case TICKRING_SECTION_INSTRUMENT_STATES:
		return TICKRING_INSTRUMENT_STATE_SIZE;
	case TICKRING_SECTION_CONNECTIONS:
		return TICKRING_CONNECTION_SIZE;
	case TICKRING_SECTION_BOARD:
		return TICKRING_BOARD_ENTRY_SIZE;
	case TICKRING_SECTION_BOOKS:
		return TICKRING_BOOK_HEADER_SIZE + 2 * book_depth * TICKRING_LEVEL_SIZE;
	default:
		return TICKRING_RECORD_SIZE;
	}
}

/* Sections follow each other behind the header and end within the segment. */
static int check_sections(const tickring_header *h)
{
	uint64_t end = TICKRING_HEADER_SIZE;
	if (h->directory_count != TICKRING_DIRECTORY_ENTRIES)
		return TICKRING_E_DIRECTORY;
	if (h->book_depth < 1 || h->book_depth > TICKRING_MAX_BOOK_DEPTH)
		return TICKRING_E_HEADER;
	for (uint32_t i = 0; i < TICKRING_DIRECTORY_ENTRIES; i++) {
		const tickring_section *s = &h->directory[i];
		if (s->kind != i + 1 || s->entry_size != entry_size(s->kind, h->book_depth))
			return TICKRING_E_DIRECTORY;
		/* The bounds on count and entry size keep the product below 2^42. */
		if (s->count == 0 || s->count > TICKRING_MAX_SLOTS || s->offset % 128 != 0 ||
		    s->offset < end || s->offset > h->total_size ||
		    s->count * s->entry_size > h->total_size - s->offset)
			return TICKRING_E_DIRECTORY;
		end = s->offset + s->count * s->entry_size;
	}
	return 0;
}

static int check_counts(const tickring_header *h)
{
	const tickring_section *dir = h->directory;
	uint64_t rows = dir[TICKRING_SECTION_INSTRUMENTS - 1].count;
	uint64_t slots = dir[TICKRING_SECTION_RING - 1].count;
	if (rows > TICKRING_MAX_INSTRUMENTS ||
	    dir[TICKRING_SECTION_INSTRUMENT_STATES - 1].count != rows ||
	    dir[TICKRING_SECTION_BOARD - 1].count != rows ||
	    dir[TICKRING_SECTION_BOOKS - 1].count != rows ||
	    dir[TICKRING_SECTION_CONNECTIONS - 1].count > TICKRING_MAX_CONNECTIONS ||
	    slots < TICKRING_MIN_SLOTS || (slots & (slots - 1)) != 0)
		return TICKRING_E_DIRECTORY;
	return 0;
}

static int check_header(const tickring_header *h, uint64_t size)
{
	if (h->byte_order != TICKRING_BYTE_ORDER_TAG)
		return TICKRING_E_BYTE_ORDER;
	if (h->layout_version != TICKRING_LAYOUT_VERSION)
		return TICKRING_E_VERSION;
	if (h->header_size != TICKRING_HEADER_SIZE)
		return TICKRING_E_HEADER;
	if (h->total_size > size)
		return TICKRING_E_TRUNCATED;
	if (h->total_size < size)
		return TICKRING_E_SIZE;
	if (h->format_hash != TICKRING_FORMAT_HASH)
		return TICKRING_E_FORMAT_HASH;
	if (h->generation == 0)
		return TICKRING_E_HEADER;
	if (h->state == TICKRING_STATE_INITIALISING)
		return TICKRING_E_NOT_READY;
	if (h->state > TICKRING_STATE_SUPERSEDED)
		return TICKRING_E_STATE;
	int err = check_sections(h);
	return err != 0 ? err : check_counts(h);
}

static int check_boot(const tickring_header *h)
{
	unsigned char id[16];
	int err = tickring_boot_id(id);
	if (err != 0)
		return err;
	return memcmp(id, h->boot_id, sizeof id) == 0 ? 0 : TICKRING_E_OTHER_BOOT;
}

static void take_header(struct tickring_segment *seg, const tickring_header *h)
{
	const tickring_section *dir = h->directory;
	seg->size = (size_t)h->total_size;
	seg->generation = h->generation;
	seg->source = h->source;
	seg->book_depth = h->book_depth;
	seg->instruments = dir[TICKRING_SECTION_INSTRUMENTS - 1].count;
	seg->connections = dir[TICKRING_SECTION_CONNECTIONS - 1].count;
	seg->slots = dir[TICKRING_SECTION_RING - 1].count;
	seg->off_instruments = dir[TICKRING_SECTION_INSTRUMENTS - 1].offset;
	seg->off_states = dir[TICKRING_SECTION_INSTRUMENT_STATES - 1].offset;
	seg->off_connections = dir[TICKRING_SECTION_CONNECTIONS - 1].offset;
	seg->off_board = dir[TICKRING_SECTION_BOARD - 1].offset;
	seg->off_books = dir[TICKRING_SECTION_BOOKS - 1].offset;
	seg->off_ring = dir[TICKRING_SECTION_RING - 1].offset;
	seg->book_entry = dir[TICKRING_SECTION_BOOKS - 1].entry_size;
	memcpy(seg->feed, h->feed, sizeof h->feed);
	seg->feed[sizeof h->feed] = '\0';
	memcpy(seg->venue, h->venue, sizeof h->venue);
	seg->venue[sizeof h->venue] = '\0';
}

/*
 * name NULL: any feed. All checks come before the whole file is mapped, so that a
 * huge file which is no segment costs nothing.
 */
int tickring_segment_open(struct tickring_segment *seg, const char *path, const char *name,
                          const tickring_options *options)
{
	tickring_header header;
	uint64_t size = 0;
	memset(seg, 0, sizeof *seg);
	int err = open_file(path, &seg->fd, &size);
	if (err != 0)
		return err;
	err = copy_header(seg->fd, &header);
	if (err == 0)
		err = check_header(&header, size);
	if (err == 0 && !options->ignore_boot_id)
		err = check_boot(&header);
	if (err == 0) {
		take_header(seg, &header);
		if (name != NULL && strcmp(name, seg->feed) != 0)
			err = TICKRING_E_OTHER_FEED;
	}
	if (err == 0) {
		int flags = MAP_SHARED | (options->no_populate ? 0 : MAP_POPULATE);
		void *at = mmap(NULL, seg->size, PROT_READ, flags, seg->fd, 0);
		if (at != MAP_FAILED) {
			seg->base = at;
			return 0;
		}
		err = errno == ENOMEM ? TICKRING_E_MEMORY : TICKRING_E_SYSTEM;
	}
	close(seg->fd);
	seg->fd = -1;
	return err;
}

void tickring_segment_close(struct tickring_segment *seg)
{
	munmap((void *)seg->base, seg->size);
	close(seg->fd);
	seg->base = NULL;
	seg->fd = -1;
}

/* Whether somebody cut the file; pages behind its end must not be touched. */
int tickring_segment_shrunk(const struct tickring_segment *seg)
{
	struct stat st;
	return fstat(seg->fd, &st) != 0 || (uint64_t)st.st_size < seg->size;
}

/* Feed names are 1 to 63 of [A-Za-z0-9._-] and do not start with a point. */
static int check_name(const char *feed)
{
	size_t n = strlen(feed);
	if (n < 1 || n > 63 || feed[0] == '.')
		return TICKRING_E_NAME;
	for (size_t i = 0; i < n; i++) {
		char c = feed[i];
		int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
			return TICKRING_E_NAME;
	}
	return 0;
}

static int make_reader(const char *path, const char *name, const tickring_options *options,
                       tickring_reader **out)
{
	tickring_reader *r = calloc(1, sizeof *r);
	if (r == NULL)
		return TICKRING_E_MEMORY;
	if (options != NULL) {
		size_t size = options->size < sizeof r->options ? options->size : sizeof r->options;
		memcpy(&r->options, options, size);
	}
	if (r->options.spin == 0)
		r->options.spin = 2000;
	strcpy(r->path, path);
	if (name != NULL) {
		r->named = 1;
		strcpy(r->name, name);
	}
	int err = tickring_segment_open(&r->seg, r->path, name, &r->options);
	if (err != 0) {
		free(r);
		return err;
	}
	tickring_from_oldest(r);
	*out = r;
	return 0;
}

int tickring_attach(const char *dir, const char *feed, const tickring_options *options,
                    tickring_reader **out)
{
	char path[TICKRING_PATH_MAX];
	if (out == NULL)
		return TICKRING_E_ARGUMENT;
	*out = NULL;
	if (feed == NULL)
		return TICKRING_E_ARGUMENT;
	int err = check_name(feed);
	if (err != 0)
		return err;
	if (dir == NULL)
		dir = getenv("TICKRING_DIR");
	if (dir == NULL || dir[0] == '\0')
		dir = "/dev/shm/tickring";
	int n = snprintf(path, sizeof path, "%s/%s", dir, feed);
	if (n < 0 || (size_t)n >= sizeof path)
		return TICKRING_E_ARGUMENT;
	return make_reader(path, feed, options, out);
}

/* How often the name of a feed that is not there yet is tried. */
#define TRY_EVERY_NS 10000000

int tickring_attach_wait(const char *dir, const char *feed, const tickring_options *options,
                         int64_t timeout_ns, tickring_reader **out)
{
	int64_t start = tickring_clock_ns();
	for (;;) {
		int err = tickring_attach(dir, feed, options, out);
		if (err == 0 || err == TICKRING_E_ARGUMENT || err == TICKRING_E_NAME ||
		    err == TICKRING_E_MEMORY)
			return err;
		int64_t ns = TRY_EVERY_NS;
		if (timeout_ns >= 0) {
			int64_t left = timeout_ns - (tickring_clock_ns() - start);
			if (left <= 0)
				return err;
			ns = left < ns ? left : ns;
		}
		struct timespec ts = {.tv_sec = 0, .tv_nsec = ns};
		nanosleep(&ts, NULL); /* woken early: tries early */
	}
}

int tickring_attach_path(const char *path, const tickring_options *options,
                         tickring_reader **out)
{
	if (out == NULL)
		return TICKRING_E_ARGUMENT;
	*out = NULL;
	if (path == NULL || strlen(path) >= TICKRING_PATH_MAX)
		return TICKRING_E_ARGUMENT;
	return make_reader(path, NULL, options, out);
}

int tickring_reattach(tickring_reader *r)
{
	struct tickring_segment fresh;
	int err = tickring_segment_open(&fresh, r->path, r->named ? r->name : NULL, &r->options);
	if (err != 0)
		return err;
	if (fresh.generation == r->seg.generation) {
		tickring_segment_close(&fresh);
		return TICKRING_E_SAME_GENERATION;
	}
	tickring_segment_close(&r->seg);
	r->seg = fresh;
	tickring_filter_forget(r->filter);
	r->damaged = 0;
	memset(&r->pulse, 0, sizeof r->pulse);
	r->stats.reattached++;
	tickring_from_oldest(r);
	tickring_follow_registration(r);
	return 0;
}

void tickring_detach(tickring_reader *r)
{
	if (r == NULL)
		return;
	tickring_unregister(r);
	tickring_segment_close(&r->seg);
	free(r->filter);
	free(r);
}
