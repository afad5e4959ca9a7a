/* Several readers as one stream. */
#include "native.h"

#include <stdlib.h>

static void close_poll(napi_env env, struct poll *poll)
{
	if (poll->poller == NULL)
		return;
	tickring_poller_free(poll->poller); /* detaches the readers */
	poll->poller = NULL;
	sleeper_end(env, poll->sleeper);
	poll->sleeper = NULL;
	for (uint32_t i = 0; i < poll->count; i++) {
		poll->cores[i]->reader = NULL;
		release_core(poll->cores[i]);
	}
	poll->count = 0;
}

static void forget_poll(napi_env env, void *data, void *hint)
{
	(void)hint;
	close_poll(env, data);
	free(data);
}

static struct poll *poll_of(napi_env env, napi_value value)
{
	void *data = NULL;
	if (napi_get_value_external(env, value, &data) == napi_ok && data != NULL &&
	    ((struct poll *)data)->poller != NULL)
		return data;
	napi_throw_error(env, "CLOSED_READER", "tickring: the poller is closed");
	return NULL;
}

/* poller(): without readers yet. */
static napi_value make(napi_env env, napi_callback_info info)
{
	(void)info;
	napi_value out = NULL;
	struct poll *poll = calloc(1, sizeof *poll);
	if (poll != NULL && tickring_poller_new(&poll->poller) == 0 &&
	    napi_create_external(env, poll, forget_poll, NULL, &out) == napi_ok)
		return out;
	if (poll != NULL)
		close_poll(env, poll);
	free(poll);
	return fail(env, "tickring: no memory for a poller");
}

/* pollerAdd(poller, reader): it reads the reader from now on. */
static napi_value add(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct poll *poll = poll_of(env, argv[0]);
	struct core *core = poll == NULL ? NULL : free_core_of(env, argv[1]);
	if (core == NULL)
		return NULL;
	if (core->sleeper != NULL && sleeper_busy(core->sleeper))
		return fail(env, "tickring: the reader is being waited for: end that first");
	if (tickring_poller_add(poll->poller, core->reader) < 0)
		return fail(env, "tickring: a poller takes 64 feeds");
	core->polled = 1;
	core->references++;
	poll->cores[poll->count++] = core;
	return NULL;
}

static napi_value close_poller(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct poll *poll = poll_of(env, argv[0]);
	if (poll != NULL)
		close_poll(env, poll);
	return NULL;
}

/*
 * pollerRead(poller, bytes, feeds, first, limit): records from the first place on, until all
 * are full or something else came up; feeds has whose each record is.
 */
static napi_value read_records(napi_env env, napi_callback_info info)
{
	napi_value argv[5];
	unsigned char *bytes, *feeds;
	size_t size, room, count = 0;
	uint32_t first, limit;
	if (!take_arguments(env, info, 5, argv))
		return NULL;
	struct poll *poll = poll_of(env, argv[0]);
	if (poll == NULL || !take_bytes(env, argv[1], 0, &bytes, &size) ||
	    !take_bytes(env, argv[2], 0, &feeds, &room) || !take_u32(env, argv[3], &first) ||
	    !take_u32(env, argv[4], &limit))
		return NULL;
	if (room > size / TICKRING_RECORD_SIZE)
		room = size / TICKRING_RECORD_SIZE;
	room = room > first ? room - first : 0;
	if (room > limit)
		room = limit;
	tickring_record *out = (tickring_record *)(void *)bytes + first;
	feeds += first;
	int answer = TICKRING_RECORD;
	while (count < room) {
		answer = tickring_poller_next(poll->poller, &out[count], &poll->lost, &poll->feed);
		if (answer != TICKRING_RECORD)
			break;
		feeds[count++] = (unsigned char)poll->feed;
	}
	return give_batch(env, count, answer);
}

/* Whose the last answer was, and what it cost. */
static napi_value last_feed(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct poll *poll = poll_of(env, argv[0]);
	return poll == NULL ? NULL : give_i32(env, (int32_t)poll->feed);
}

static napi_value last_lost(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct poll *poll = poll_of(env, argv[0]);
	return poll == NULL ? NULL : give_u64(env, poll->lost);
}

/* Whether next has something to say, without the spinning that a wait begins with. */
static int something(struct poll *poll)
{
	tickring_options *options = &poll->cores[0]->reader->options;
	uint32_t spin = options->spin;
	options->spin = 0;
	int answer = tickring_poller_wait(poll->poller, 0);
	options->spin = spin;
	return answer == TICKRING_RECORD;
}

/* pollerWait(poller, ns, callback): as a reader's wait. */
static napi_value wait_for(napi_env env, napi_callback_info info)
{
	napi_value argv[3];
	int64_t ns;
	if (!take_arguments(env, info, 3, argv))
		return NULL;
	struct poll *poll = poll_of(env, argv[0]);
	if (poll == NULL || !take_i64(env, argv[1], &ns))
		return NULL;
	if (poll->sleeper == NULL && (poll->sleeper = sleeper_make()) == NULL)
		return fail(env, "tickring: no memory to wait");
	if (sleeper_busy(poll->sleeper))
		return fail(env, "tickring: the poller is being waited for already");
	for (uint32_t i = 0; i < poll->count; i++)
		sleeper_listen(poll->sleeper, i, poll->cores[i]->reader);
	if (poll->count == 0 || something(poll))
		return give_bool(env, 0);
	if (!sleeper_sleep(env, poll->sleeper, poll->count, ns, argv[2]))
		return fail(env, "tickring: no thread to wait with: is the process's limit reached?");
	return give_bool(env, 1);
}

int add_poller(napi_env env, napi_value exports)
{
	return export_function(env, exports, "poller", make) &&
	       export_function(env, exports, "pollerAdd", add) &&
	       export_function(env, exports, "pollerClose", close_poller) &&
	       export_function(env, exports, "pollerRead", read_records) &&
	       export_function(env, exports, "pollerFeed", last_feed) &&
	       export_function(env, exports, "pollerLost", last_lost) &&
	       export_function(env, exports, "pollerWait", wait_for);
}
