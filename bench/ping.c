/*
 * The raw limit: cache lines between two processes, pinned, with nothing around them.
 *
 *     ping rtt    LINES COUNT WARM CPU_A CPU_B            round trips, in ticks
 *     ping oneway LINES COUNT WARM CPU_A CPU_B INTERVAL   stamp to seen, in ticks, one
 *                                                         message every INTERVAL ticks
 *
 * LINES is 1 or 2. A message is one word in each of its lines; the first line's word is
 * stored last and tells the other side. COUNT samples go to stdout, eight bytes each;
 * WARM messages before them are not among them.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ticks.h"

enum { WORDS = 16, SECOND = 8 };

/* One direction: two cache lines, and two more to keep the other direction away. */
struct mail {
	_Alignas(128) _Atomic uint64_t word[WORDS];
	unsigned char apart[128];
};

struct shared {
	struct mail to, from;
	int64_t samples[];
};

struct job {
	int lines, cpu_a, cpu_b;
	long count, warm, interval;
};

static void send_mail(struct mail *m, int lines, uint64_t value)
{
	if (lines == 2)
		atomic_store_explicit(&m->word[SECOND], value, memory_order_relaxed);
	atomic_store_explicit(&m->word[0], value, memory_order_release);
}

/* Waits for another value than last and returns it. */
static uint64_t await_mail(struct mail *m, int lines, uint64_t last)
{
	uint64_t v;
	while ((v = atomic_load_explicit(&m->word[0], memory_order_acquire)) == last)
		;
	if (lines == 2 && atomic_load_explicit(&m->word[SECOND], memory_order_relaxed) < v)
		abort();
	return v;
}

static void echo(struct shared *s, const struct job *j)
{
	uint64_t last = 0;
	for (long i = 0; i < j->warm + j->count; i++) {
		last = await_mail(&s->to, j->lines, last);
		send_mail(&s->from, j->lines, last);
	}
}

static void round_trips(struct shared *s, const struct job *j)
{
	for (long i = 0; i < j->warm + j->count; i++) {
		int64_t sent = ticks();
		send_mail(&s->to, j->lines, (uint64_t)i + 1);
		await_mail(&s->from, j->lines, (uint64_t)i);
		int64_t back = ticks();
		if (i >= j->warm)
			s->samples[i - j->warm] = back - sent;
	}
}

/* The mail is the stamp itself; it grows. */
static void see(struct shared *s, const struct job *j)
{
	uint64_t last = 0;
	atomic_store(&s->from.word[0], 1);
	for (long i = 0; i < j->warm + j->count; i++) {
		last = await_mail(&s->to, j->lines, last);
		int64_t seen = ticks();
		if (i >= j->warm)
			s->samples[i - j->warm] = seen - (int64_t)last;
		atomic_store_explicit(&s->from.word[0], (uint64_t)i + 2, memory_order_relaxed);
	}
}

/* A message is sent when it is due and its predecessor was seen. */
static void pace(struct shared *s, const struct job *j)
{
	while (atomic_load(&s->from.word[0]) == 0)
		;
	int64_t due = ticks() + j->interval;
	for (long i = 0; i < j->warm + j->count; i++, due += j->interval) {
		int64_t now = ticks();
		while (now < due || atomic_load_explicit(&s->from.word[0], memory_order_relaxed) < (uint64_t)i + 1)
			now = ticks();
		send_mail(&s->to, j->lines, (uint64_t)now);
	}
}

static void run(struct shared *s, const struct job *j, void (*far)(struct shared *, const struct job *),
                void (*near)(struct shared *, const struct job *))
{
	pid_t parent = getpid(), child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		pin(j->cpu_b);
		far(s, j);
		_exit(0);
	}
	pin(j->cpu_a);
	near(s, j);
	int status;
	if (waitpid(child, &status, 0) != child || status != 0)
		die("other side");
	fwrite(s->samples, sizeof s->samples[0], (size_t)j->count, stdout);
	if (fflush(stdout) != 0)
		die("write samples");
}

int main(int argc, char **argv)
{
	int oneway = argc == 8 && strcmp(argv[1], "oneway") == 0;
	if (!oneway && !(argc == 7 && strcmp(argv[1], "rtt") == 0)) {
		fprintf(stderr, "usage: ping rtt|oneway LINES COUNT WARM CPU_A CPU_B [INTERVAL]\n");
		return 2;
	}
	struct job j = {
	    .lines = (int)number(argv[2]), .count = number(argv[3]), .warm = number(argv[4]),
	    .cpu_a = (int)number(argv[5]), .cpu_b = (int)number(argv[6]),
	    .interval = oneway ? number(argv[7]) : 0,
	};
	size_t size = sizeof(struct shared) + (size_t)j.count * sizeof(int64_t);
	struct shared *s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (s == MAP_FAILED)
		die("map");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (oneway)
		run(s, &j, see, pace);
	else
		run(s, &j, echo, round_trips);
	return 0;
}
