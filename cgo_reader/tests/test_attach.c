/* Every fault of a file, of its header and of its directory has its own error. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "segment.h"

static const struct segment_shape shape = {16, 2, 5, 1};

#define DIR_OF(kind) (h->directory[TICKRING_SECTION_##kind - 1])

static void no_magic(tickring_header *h) { h->magic = 0; }
static void wrong_magic(tickring_header *h) { h->magic ^= 1; }
static void byte_order(tickring_header *h) { h->byte_order = 0x04030201; }
static void version(tickring_header *h) { h->layout_version++; }
static void header_size(tickring_header *h) { h->header_size = 8192; }
static void larger(tickring_header *h) { h->total_size += 4096; }
static void huge(tickring_header *h) { h->total_size = UINT64_MAX; }
static void smaller(tickring_header *h) { h->total_size -= 4096; }
static void hash(tickring_header *h) { h->format_hash ^= 1; }
static void generation(tickring_header *h) { h->generation = 0; }
static void no_depth(tickring_header *h) { h->book_depth = 0; }
static void much_depth(tickring_header *h) { h->book_depth = UINT32_MAX; }
static void initialising(tickring_header *h) { h->state = TICKRING_STATE_INITIALISING; }
static void no_state(tickring_header *h) { h->state = 9; }
static void dir_count(tickring_header *h) { h->directory_count = 7; }
static void dir_kind(tickring_header *h) { DIR_OF(BOARD).kind = 6; }
static void entry_size(tickring_header *h) { DIR_OF(RING).entry_size = 64; }
static void book_entry(tickring_header *h) { DIR_OF(BOOKS).entry_size += 32; }
static void no_count(tickring_header *h) { DIR_OF(CONNECTIONS).count = 0; }
static void count_overflow(tickring_header *h) { DIR_OF(RING).count = UINT64_C(1) << 57; }
static void many_slots(tickring_header *h) { DIR_OF(RING).count = 32768; }
static void odd_slots(tickring_header *h) { DIR_OF(RING).count = 15; }
static void few_slots(tickring_header *h) { DIR_OF(RING).count = 4; }
static void unaligned(tickring_header *h) { DIR_OF(RING).offset += 8; }
static void in_header(tickring_header *h) { DIR_OF(INSTRUMENTS).offset = 2048; }
static void behind_end(tickring_header *h) { DIR_OF(RING).offset = h->total_size; }
static void offset_overflow(tickring_header *h) { DIR_OF(RING).offset = UINT64_MAX - 127; }
static void overlap(tickring_header *h) { DIR_OF(BOOKS).offset = DIR_OF(BOARD).offset; }
static void states_differ(tickring_header *h) { DIR_OF(INSTRUMENT_STATES).count--; }
static void boot(tickring_header *h) { h->boot_id[3] ^= 1; }
static void feed(tickring_header *h) { strcpy(h->feed, "other"); }
static void long_feed(tickring_header *h) { memset(h->feed, 'x', sizeof h->feed); }

static const struct {
	const char *name;
	void (*change)(tickring_header *h);
	int want;
} header_cases[] = {
	{"no magic yet", no_magic, TICKRING_E_NOT_READY},
	{"a wrong magic", wrong_magic, TICKRING_E_MAGIC},
	{"another byte order", byte_order, TICKRING_E_BYTE_ORDER},
	{"another version", version, TICKRING_E_VERSION},
	{"another header size", header_size, TICKRING_E_HEADER},
	{"a size beyond the file", larger, TICKRING_E_TRUNCATED},
	{"an absurd size", huge, TICKRING_E_TRUNCATED},
	{"a size below the file's", smaller, TICKRING_E_SIZE},
	{"another format hash", hash, TICKRING_E_FORMAT_HASH},
	{"generation zero", generation, TICKRING_E_HEADER},
	{"no book depth", no_depth, TICKRING_E_HEADER},
	{"an absurd book depth", much_depth, TICKRING_E_HEADER},
	{"state initialising", initialising, TICKRING_E_NOT_READY},
	{"a state without meaning", no_state, TICKRING_E_STATE},
	{"seven directory entries", dir_count, TICKRING_E_DIRECTORY},
	{"sections out of order", dir_kind, TICKRING_E_DIRECTORY},
	{"another record size", entry_size, TICKRING_E_DIRECTORY},
	{"a book entry that is not the depth's", book_entry, TICKRING_E_DIRECTORY},
	{"an empty section", no_count, TICKRING_E_DIRECTORY},
	{"a count that overflows", count_overflow, TICKRING_E_DIRECTORY},
	{"more slots than the file holds", many_slots, TICKRING_E_DIRECTORY},
	{"slots that are no power of two", odd_slots, TICKRING_E_DIRECTORY},
	{"fewer slots than allowed", few_slots, TICKRING_E_DIRECTORY},
	{"an unaligned section", unaligned, TICKRING_E_DIRECTORY},
	{"a section in the header", in_header, TICKRING_E_DIRECTORY},
	{"a section behind the end", behind_end, TICKRING_E_DIRECTORY},
	{"an offset that overflows", offset_overflow, TICKRING_E_DIRECTORY},
	{"sections that overlap", overlap, TICKRING_E_DIRECTORY},
	{"tables of different length", states_differ, TICKRING_E_DIRECTORY},
	{"another boot", boot, TICKRING_E_OTHER_BOOT},
	{"another feed's name", feed, TICKRING_E_OTHER_FEED},
	{"a feed name without an end", long_feed, TICKRING_E_OTHER_FEED},
};

static void header_faults(struct segment *s)
{
	tickring_header good = s->header;
	for (size_t i = 0; i < sizeof header_cases / sizeof header_cases[0]; i++) {
		tickring_reader *r = (tickring_reader *)(void *)&good;
		s->header = good;
		header_cases[i].change(&s->header);
		segment_store_header(s);
		int have = tickring_attach(s->dir, "test", NULL, &r);
		if (have != header_cases[i].want || r != NULL) {
			check_failures++;
			fprintf(stderr, "attach to %s: %d (%s), want %d\n", header_cases[i].name, have,
			        tickring_strerror(have), header_cases[i].want);
		}
		tickring_detach(r);
	}
	s->header = good;
	segment_store_header(s);
}

static void names(void)
{
	static const char *const bad[] = {"",      ".hidden", "a/b", "..", "a b", "\xc3\xa9",
	                                  "1234567890123456789012345678901234567890123456789012345678901234"};
	tickring_reader *r;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_EQ(tickring_attach("/tmp", bad[i], NULL, &r), TICKRING_E_NAME);
	CHECK_EQ(tickring_attach("/tmp", NULL, NULL, &r), TICKRING_E_ARGUMENT);
	CHECK_EQ(tickring_attach("/tmp", "a", NULL, NULL), TICKRING_E_ARGUMENT);
	CHECK_EQ(tickring_attach_path(NULL, NULL, &r), TICKRING_E_ARGUMENT);
}

static void files(struct segment *s)
{
	char path[200];
	tickring_reader *r;
	CHECK_EQ(tickring_attach(s->dir, "nothing", NULL, &r), TICKRING_E_NO_FEED);
	CHECK_EQ(tickring_attach("/nonexistent", "test", NULL, &r), TICKRING_E_NO_FEED);
	CHECK_EQ(tickring_attach_path(s->dir, NULL, &r), TICKRING_E_NOT_REGULAR);
	snprintf(path, sizeof path, "%s/link", s->dir);
	CHECK(symlink(s->path, path) == 0);
	CHECK_EQ(tickring_attach_path(path, NULL, &r), TICKRING_E_NOT_REGULAR);
	unlink(path);
	CHECK(mkfifo(path, 0600) == 0);
	CHECK_EQ(tickring_attach_path(path, NULL, &r), TICKRING_E_NOT_REGULAR);
	unlink(path);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	CHECK_EQ(tickring_attach_path(path, NULL, &r), TICKRING_E_TOO_SHORT);
	CHECK(ftruncate(fd, 4095) == 0);
	CHECK_EQ(tickring_attach_path(path, NULL, &r), TICKRING_E_TOO_SHORT);
	CHECK(ftruncate(fd, 4096) == 0);
	CHECK_EQ(tickring_attach_path(path, NULL, &r), TICKRING_E_NOT_READY);
	close(fd);
	unlink(path);
}

/* What nobody's attach answers. */
static int as_nobody(const struct segment *s)
{
	tickring_reader *r;
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
			_exit(99);
		_exit(-tickring_attach(s->dir, "test", NULL, &r));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 1;
}

static void owners(struct segment *s)
{
	tickring_reader *r;
	if (geteuid() != 0) {
		printf("attach: skipped permission and owner, which need root\n");
		return;
	}
	CHECK(chmod(s->dir, 0755) == 0);
	CHECK_EQ(as_nobody(s), TICKRING_E_PERMISSION);
	CHECK(chmod(s->dir, 0777) == 0 && chown(s->path, 1234, 1234) == 0);
	CHECK_EQ(tickring_attach(s->dir, "test", NULL, &r), TICKRING_E_OWNER);
	CHECK(chmod(s->dir, 0755) == 0);
	CHECK_EQ(tickring_attach(s->dir, "test", NULL, &r), 0);
	tickring_detach(r);
	CHECK(chown(s->path, 0, 0) == 0);
}

static void facts(struct segment *s)
{
	tickring_options options = {.size = sizeof options, .ignore_boot_id = 1, .no_populate = 1};
	tickring_reader *r;
	s->header.boot_id[0] ^= 1;
	s->header.counters[TICKRING_COUNTER_TRADES] = 77;
	memset(s->header.venue, 'v', sizeof s->header.venue);
	segment_store_header(s);
	setenv("TICKRING_DIR", s->dir, 1);
	CHECK_EQ(tickring_attach(NULL, "test", &options, &r), 0);
	unsetenv("TICKRING_DIR");
	CHECK_TEXT(tickring_feed(r), "test");
	CHECK_TEXT(tickring_venue(r), "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv");
	CHECK_EQ(tickring_generation(r), 1);
	CHECK_EQ(tickring_source(r), TICKRING_SOURCE_LIVE);
	CHECK_EQ(tickring_segment_state(r), TICKRING_STATE_LIVE);
	CHECK_EQ(tickring_slots(r), 16);
	CHECK_EQ(tickring_book_depth(r), 5);
	CHECK_EQ(tickring_counter(r, TICKRING_COUNTER_TRADES), 77);
	CHECK_EQ(tickring_counter(r, 64), 0);
	tickring_detach(r);
	tickring_detach(NULL);
	for (int code = TICKRING_E_NO_INSTRUMENT; code < 0; code++)
		CHECK(strcmp(tickring_strerror(code), tickring_strerror(-1000)) != 0);
}

void test_attach(void)
{
	struct segment s;
	segment_make(&s, shape);
	names();
	files(&s);
	header_faults(&s);
	owners(&s);
	facts(&s);
	segment_free(&s);
}
