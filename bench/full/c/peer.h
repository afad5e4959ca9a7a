/*
 * The frame of a peer: a program of two processes, a writer and a reader, that pass
 * stamped messages of 128 bytes by one transport.
 *
 *     PEER ADDRESS COUNT WARM WRITER_CPU READER_CPU HELPER_CPU INTERVAL
 *
 * The writer sends WARM + COUNT messages, one every INTERVAL ticks, or as fast as it
 * can where that is 0. The reader prints "samples N lost L" and N triples of eight-byte
 * numbers: when a message was sent, when it was due, and when this side had it, in
 * ticks; the WARM first ones are not among them. Threads and servers that a transport
 * needs beside the two run on HELPER_CPU. Where that is READER_CPU, the reader blocks
 * instead of spinning: else it would keep the CPU from those that it waits for.
 */
#ifndef BENCH_FULL_PEER_H
#define BENCH_FULL_PEER_H

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ticks.h"

enum { MESSAGE_SIZE = 128 };

/* sent is 0 in the mark behind the last message. */
struct message {
	int64_t sent, due;
	unsigned char rest[MESSAGE_SIZE - 2 * sizeof(int64_t)];
};

struct job {
	const char *address;
	long count, warm, interval;
	int writer_cpu, reader_cpu, helper_cpu;
	int blocks; /* the reader */
};

/*
 * What a transport does. prepare runs before the two processes part and open_writer and
 * open_reader in each of them; each returns what it is given in the next one's state.
 * receive waits for a message.
 */
struct transport {
	void *(*prepare)(const struct job *j);
	void *(*open_reader)(void *state, const struct job *j);
	void *(*open_writer)(void *state, const struct job *j);
	void (*send)(void *state, const struct message *m);
	void (*receive)(void *state, struct message *m);
	void (*close_writer)(void *state); /* may be NULL: nothing to flush */
};

struct sample {
	int64_t sent, due, seen;
};

static inline void read_all(const struct transport *t, void *state, const struct job *j, int *ready)
{
	struct sample *samples = (struct sample *)malloc((size_t)j->count * sizeof *samples);
	if (samples == NULL)
		die("memory");
	memset(samples, 1, (size_t)j->count * sizeof *samples); /* no page fault later */
	long seen = 0, kept = 0;
	struct message m;
	__atomic_store_n(ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		t->receive(state, &m);
		int64_t now = ticks();
		if (m.sent == 0)
			break;
		if (seen++ >= j->warm && kept < j->count) {
			struct sample s = {m.sent, m.due, now};
			samples[kept++] = s;
		}
	}
	printf("samples %ld lost %ld\n", kept, j->warm + j->count - seen);
	fwrite(samples, sizeof *samples, (size_t)kept, stdout);
	if (fflush(stdout) != 0)
		die("write samples");
}

static inline void write_all(const struct transport *t, void *state, const struct job *j)
{
	struct message m;
	memset(&m, 7, sizeof m);
	int64_t due = ticks() + j->interval;
	for (long i = 0; i < j->warm + j->count; i++, due += j->interval) {
		int64_t now = ticks();
		while (now < due && j->interval > 0)
			now = ticks();
		m.sent = now;
		m.due = j->interval > 0 ? due : now;
		t->send(state, &m);
	}
	m.sent = 0;
	t->send(state, &m);
	if (t->close_writer != NULL)
		t->close_writer(state);
}

static inline void run_both(const struct transport *t, const struct job *j)
{
	int *ready = (int *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ready == MAP_FAILED)
		die("map");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	void *state = t->prepare(j);
	pid_t parent = getpid(), child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		state = t->open_reader(state, j);
		pin(j->reader_cpu);
		read_all(t, state, j, ready);
		_exit(0);
	}
	state = t->open_writer(state, j);
	pin(j->writer_cpu);
	while (!__atomic_load_n(ready, __ATOMIC_ACQUIRE))
		sched_yield();
	write_all(t, state, j);
	int status;
	if (waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "the reader ended with status %d\n", status);
		exit(1);
	}
}

static inline int peer_main(int argc, char **argv, const struct transport *t)
{
	if (argc != 8) {
		fprintf(stderr, "usage: PEER ADDRESS COUNT WARM WRITER_CPU READER_CPU HELPER_CPU INTERVAL\n");
		return 2;
	}
	struct job j;
	j.address = argv[1];
	j.count = number(argv[2]);
	j.warm = number(argv[3]);
	j.writer_cpu = (int)number(argv[4]);
	j.reader_cpu = (int)number(argv[5]);
	j.helper_cpu = (int)number(argv[6]);
	j.interval = number(argv[7]);
	j.blocks = j.helper_cpu == j.reader_cpu;
	run_both(t, &j);
	return 0;
}

#endif
