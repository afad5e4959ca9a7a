/*
 * The thread that sleeps on doorbells, so that the event loop need not. It has mappings of its
 * own of the headers' pages and hands them to the kernel alone: it never loads from one, so
 * that a file cut short cannot hurt it, and a reader may be closed or move while it sleeps.
 * One thread for each reader that is waited for; not one of libuv's pool, which has four and
 * serves the program's files and names.
 */
#define _GNU_SOURCE
#include "native.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* It calls little and keeps little. */
#define STACK_BYTES (64 * 1024)
/* Where the kernel cannot wait on several words, before Linux 5.16, or none is mapped. */
#define LOOK_NS 1000000

/* futex_waitv, in case the system's headers are older. */
#define SYS_FUTEX_WAITV 449
#define WAIT_SIZE_U32 2
struct bell {
	uint64_t value;
	uint64_t at;
	uint32_t flags;
	uint32_t reserved;
};

struct sleeper {
	/* Of whoever made it, of the thread, and of the function that wakes; the last one frees. */
	uint32_t references;

	/* JavaScript's thread alone. */
	int busy;
	int started;
	napi_ref callback;
	uint64_t generations[TICKRING_POLLER_FEEDS]; /* that the pages are of */

	/* The sleeper's while armed, JavaScript's otherwise. */
	struct bell bells[TICKRING_POLLER_FEEDS];
	uint32_t count;
	int64_t ns;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	int armed;
	int ended;
	int gone; /* the environment is, and wake with it: Node 20 frees it under its users */
	napi_threadsafe_function wake;
};

struct sleeper *sleeper_make(void)
{
	struct sleeper *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->references = 1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	return s;
}

int sleeper_busy(const struct sleeper *s)
{
	return s->busy;
}

static void release(struct sleeper *s)
{
	if (__atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (uint32_t i = 0; i < TICKRING_POLLER_FEEDS; i++)
		if (s->bells[i].at != 0)
			munmap((void *)(uintptr_t)(s->bells[i].at - offsetof(tickring_header, doorbell)),
			       TICKRING_HEADER_SIZE);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* The page of the reader's present segment; 0 when it cannot be mapped. */
static void map_bell(struct bell *bell, const tickring_reader *reader)
{
	const size_t word = offsetof(tickring_header, doorbell);
	if (bell->at != 0)
		munmap((void *)(uintptr_t)(bell->at - word), TICKRING_HEADER_SIZE);
	void *page = mmap(NULL, TICKRING_HEADER_SIZE, PROT_READ, MAP_SHARED, reader->seg.fd, 0);
	bell->at = page == MAP_FAILED ? 0 : (uint64_t)(uintptr_t)page + word;
	bell->flags = WAIT_SIZE_U32;
}

void sleeper_listen(struct sleeper *s, uint32_t index, const tickring_reader *reader)
{
	struct bell *bell = &s->bells[index];
	if (bell->at == 0 || s->generations[index] != reader->seg.generation) {
		map_bell(bell, reader);
		s->generations[index] = reader->seg.generation;
	}
	/* Read before the slot: a record after that look changes it. */
	bell->value = tickring_load32_acquire(reader->seg.base + offsetof(tickring_header, doorbell));
}

static void look_again(int64_t ns)
{
	struct timespec ts = {.tv_sec = 0, .tv_nsec = ns < LOOK_NS ? ns : LOOK_NS};
	nanosleep(&ts, NULL);
}

/* Sleep until a doorbell differs from its value, at most ns. */
static void nap(const struct sleeper *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->bells[i].at == 0) {
			look_again(s->ns);
			return;
		}
	if (s->count == 1) {
		struct timespec ts = {.tv_sec = 0, .tv_nsec = s->ns};
		syscall(SYS_futex, (uintptr_t)s->bells[0].at, FUTEX_WAIT, (uint32_t)s->bells[0].value,
		        &ts, NULL, 0);
		return;
	}
	int64_t end = tickring_clock_ns() + s->ns;
	struct timespec until = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};
	if (syscall(SYS_FUTEX_WAITV, s->bells, s->count, 0, &until, CLOCK_MONOTONIC) < 0 &&
	    (errno == ENOSYS || errno == EPERM))
		look_again(s->ns);
}

static void *sleep_on(void *data)
{
	struct sleeper *s = data;
	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->armed && !s->ended)
			pthread_cond_wait(&s->changed, &s->lock);
		if (s->ended)
			break;
		pthread_mutex_unlock(&s->lock);
		nap(s);
		pthread_mutex_lock(&s->lock);
		s->armed = 0;
		if (!s->ended && !s->gone) /* the queue has room for the one call that is due */
			s->gone = napi_call_threadsafe_function(s->wake, NULL, napi_tsfn_nonblocking) ==
			          napi_closing;
	}
	if (!s->gone)
		napi_release_threadsafe_function(s->wake, napi_tsfn_release);
	pthread_mutex_unlock(&s->lock);
	release(s);
	return NULL;
}

/* On JavaScript's thread: the nap is over. env is NULL when the environment ends. */
static void call_back(napi_env env, napi_value unused, void *context, void *data)
{
	(void)unused;
	(void)data;
	struct sleeper *s = context;
	napi_value receiver, callback = NULL;
	if (env == NULL || !s->busy)
		return;
	s->busy = 0;
	napi_unref_threadsafe_function(env, s->wake);
	napi_get_reference_value(env, s->callback, &callback);
	napi_delete_reference(env, s->callback);
	s->callback = NULL;
	napi_get_undefined(env, &receiver);
	napi_call_function(env, receiver, callback, 0, NULL, NULL);
}

static void forget_wake(napi_env env, void *data, void *hint)
{
	struct sleeper *s = data;
	(void)env;
	(void)hint;
	s->busy = 0; /* nobody will call back, and there is nothing to give up */
	pthread_mutex_lock(&s->lock);
	s->gone = 1;
	pthread_mutex_unlock(&s->lock);
	release(s);
}

/* Signals are for the program's own threads. */
static int start_thread(struct sleeper *s)
{
	pthread_t thread;
	pthread_attr_t attributes;
	sigset_t all, before;
	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	__atomic_add_fetch(&s->references, 1, __ATOMIC_ACQ_REL);
	int err = pthread_create(&thread, &attributes, sleep_on, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (err != 0)
		release(s);
	return err == 0;
}

static int start(napi_env env, struct sleeper *s)
{
	napi_value name;
	napi_create_string_utf8(env, "tickring", NAPI_AUTO_LENGTH, &name);
	if (napi_create_threadsafe_function(env, NULL, NULL, name, 1, 1, s, forget_wake, s, call_back,
	                                    &s->wake) != napi_ok)
		return 0;
	__atomic_add_fetch(&s->references, 1, __ATOMIC_ACQ_REL);
	napi_unref_threadsafe_function(env, s->wake);
	s->started = start_thread(s);
	if (!s->started)
		napi_release_threadsafe_function(s->wake, napi_tsfn_abort);
	return s->started;
}

int sleeper_sleep(napi_env env, struct sleeper *s, uint32_t count, int64_t ns, napi_value callback)
{
	if (!s->started && !start(env, s))
		return 0;
	if (napi_create_reference(env, callback, 1, &s->callback) != napi_ok)
		return 0;
	napi_ref_threadsafe_function(env, s->wake); /* the program does not end meanwhile */
	s->busy = 1;
	s->count = count;
	s->ns = ns < 0 || ns > TICKRING_NAP_NS ? TICKRING_NAP_NS : ns;
	pthread_mutex_lock(&s->lock);
	s->armed = 1;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return 1;
}

void sleeper_end(napi_env env, struct sleeper *s)
{
	if (s == NULL)
		return;
	if (s->busy) {
		s->busy = 0; /* a call that is on its way finds nobody */
		napi_delete_reference(env, s->callback);
		napi_unref_threadsafe_function(env, s->wake);
	}
	pthread_mutex_lock(&s->lock);
	s->ended = 1;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	release(s);
}
