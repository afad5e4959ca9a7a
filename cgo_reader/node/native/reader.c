/* The reader: attach, read, wait, positions. */
#include "native.h"

#include <stdlib.h>

/* Words that look gives; lib/reader.js has their names in the same order. */
#define LOOK_WORDS 17

void release_core(struct core *core)
{
	if (--core->references > 0)
		return;
	tickring_detach(core->reader);
	free(core);
}

static void forget_core(napi_env env, void *data, void *hint)
{
	(void)hint;
	struct core *core = data;
	sleeper_end(env, core->sleeper);
	core->sleeper = NULL;
	release_core(core);
}

struct core *core_of(napi_env env, napi_value value)
{
	void *data = NULL;
	if (napi_get_value_external(env, value, &data) == napi_ok && data != NULL &&
	    ((struct core *)data)->reader != NULL)
		return data;
	napi_throw_error(env, "CLOSED_READER", "tickring: the reader is closed");
	return NULL;
}

struct core *free_core_of(napi_env env, napi_value value)
{
	struct core *core = core_of(env, value);
	if (core == NULL || !core->polled)
		return core;
	napi_throw_error(env, "POLLED_READER", "tickring: a poller reads this feed: use the poller");
	return NULL;
}

/* attach(directory, feed, path, follow, ignoreBootId): a reader, or an error's number. */
static napi_value attach(napi_env env, napi_callback_info info)
{
	napi_value argv[5], out = NULL;
	char *text[3] = {NULL, NULL, NULL};
	uint32_t follow = 0, ignore = 0;
	struct core *core = NULL;
	int err = TICKRING_E_MEMORY;
	if (!take_arguments(env, info, 5, argv))
		return NULL;
	int ok = take_u32(env, argv[3], &follow) && take_u32(env, argv[4], &ignore);
	for (int i = 0; ok && i < 3; i++)
		ok = take_text(env, argv[i], &text[i]);
	if (ok && (core = calloc(1, sizeof *core)) != NULL) {
		tickring_options options = {.size = sizeof options, .auto_reattach = follow,
		                            .ignore_boot_id = ignore};
		core->references = 1;
		err = text[2] != NULL ? tickring_attach_path(text[2], &options, &core->reader)
		                      : tickring_attach(text[0], text[1], &options, &core->reader);
	}
	for (int i = 0; i < 3; i++)
		free(text[i]);
	if (ok && err == 0 && napi_create_external(env, core, forget_core, NULL, &out) == napi_ok)
		return out;
	if (core != NULL)
		release_core(core);
	return ok ? give_i32(env, err != 0 ? err : TICKRING_E_MEMORY) : NULL;
}

static napi_value close_reader(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	if (core == NULL)
		return NULL;
	sleeper_end(env, core->sleeper);
	core->sleeper = NULL;
	tickring_detach(core->reader);
	core->reader = NULL;
	return NULL;
}

/* read(reader, bytes, first, limit): records from the first place on, until all are full. */
static napi_value read_records(napi_env env, napi_callback_info info)
{
	napi_value argv[4];
	unsigned char *bytes;
	size_t size, count = 0;
	uint32_t first, limit;
	if (!take_arguments(env, info, 4, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	if (core == NULL || !take_bytes(env, argv[1], 0, &bytes, &size) ||
	    !take_u32(env, argv[2], &first) || !take_u32(env, argv[3], &limit))
		return NULL;
	size_t room = size / TICKRING_RECORD_SIZE;
	room = room > first ? room - first : 0;
	if (room > limit)
		room = limit;
	tickring_record *out = (tickring_record *)(void *)bytes + first;
	int answer = TICKRING_RECORD;
	while (count < room) {
		answer = tickring_next(core->reader, &out[count], &core->lost);
		if (answer != TICKRING_RECORD)
			break;
		count++;
	}
	core->answer = answer;
	return give_batch(env, count, answer);
}

/* nextHead(reader, bytes): the first 64 bytes of the next record; the answer. */
static napi_value next_head(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	unsigned char *bytes;
	size_t size;
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	if (core == NULL || !take_bytes(env, argv[1], TICKRING_RECORD_SIZE, &bytes, &size))
		return NULL;
	core->answer = tickring_next_head(core->reader, (void *)bytes, &core->lost);
	return give_i32(env, core->answer);
}

/* waitSync(reader, ns): blocks; the answer. */
static napi_value wait_sync(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	int64_t ns;
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	if (core == NULL || !take_i64(env, argv[1], &ns))
		return NULL;
	return give_i32(env, tickring_wait(core->reader, ns));
}

/*
 * wait(reader, ns, callback): true: the callback comes once next may have something new to
 * say, or within ns (at most 100 ms: death rings no bell). False: it has already, no callback.
 */
static napi_value wait_for(napi_env env, napi_callback_info info)
{
	napi_value argv[3];
	int64_t ns;
	if (!take_arguments(env, info, 3, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	if (core == NULL || !take_i64(env, argv[1], &ns))
		return NULL;
	if (core->sleeper == NULL && (core->sleeper = sleeper_make()) == NULL)
		return fail(env, "tickring: no memory to wait");
	if (sleeper_busy(core->sleeper))
		return fail(env, "tickring: the reader is being waited for already");
	sleeper_listen(core->sleeper, 0, core->reader);
	int answer = tickring_glance(core->reader);
	if (answer == TICKRING_RECORD || (answer != TICKRING_EMPTY && answer != core->answer))
		return give_bool(env, 0);
	if (!sleeper_sleep(env, core->sleeper, 1, ns, argv[2]))
		return fail(env, "tickring: no thread to wait with: is the process's limit reached?");
	return give_bool(env, 1);
}

static napi_value lost(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	return core == NULL ? NULL : give_u64(env, core->lost);
}

/* move(reader, where): 0 oldest, 1 latest, 2 join; the watermark of a join. */
static napi_value move(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	uint32_t where;
	uint64_t watermark = 0;
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	if (core == NULL || !take_u32(env, argv[1], &where))
		return NULL;
	if (where == 0)
		tickring_from_oldest(core->reader);
	else if (where == 1)
		tickring_from_latest(core->reader);
	else
		watermark = tickring_join(core->reader);
	return give_u64(env, watermark);
}

static napi_value reattach(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	return core == NULL ? NULL : give_i32(env, tickring_reattach(core->reader));
}

/* look(reader, words): facts and totals, as they are now, into a byte view of words. */
static napi_value look(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	unsigned char *bytes;
	size_t size;
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	if (core == NULL || !take_bytes(env, argv[1], LOOK_WORDS * sizeof(uint64_t), &bytes, &size))
		return NULL;
	const tickring_reader *r = core->reader;
	tickring_stats stats = tickring_get_stats(r);
	const uint64_t words[LOOK_WORDS] = {
		tickring_generation(r), tickring_source(r), tickring_segment_state(r),
		tickring_slots(r), tickring_book_depth(r), tickring_instrument_count(r),
		tickring_watermark(r), tickring_last_sequence(r), tickring_next_sequence(r),
		tickring_lag(r), stats.got, stats.lost, stats.overruns, stats.torn_rejected,
		stats.skipped_depth, stats.reattached, stats.filtered,
	};
	memcpy(bytes, words, sizeof words);
	return NULL;
}

/* register(reader, name): 0 or an error's number. Null for a name gives the slot back. */
static napi_value register_reader(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	char *name;
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	if (core == NULL || !take_text(env, argv[1], &name))
		return NULL;
	int err = 0;
	if (name == NULL)
		tickring_unregister(core->reader);
	else
		err = tickring_register(core->reader, name);
	free(name);
	return give_i32(env, err);
}

static napi_value registered(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	return core == NULL ? NULL : give_bool(env, tickring_registered(core->reader));
}

/* The texts of an array; NULL and *ok 0 when there is one that is none. */
static char **take_texts(napi_env env, napi_value array, uint32_t count, int *ok)
{
	char **texts = calloc((size_t)count + 1, sizeof *texts);
	*ok = texts != NULL;
	for (uint32_t i = 0; *ok && i < count; i++) {
		napi_value item = NULL;
		*ok = napi_get_element(env, array, i, &item) == napi_ok &&
		      take_text(env, item, &texts[i]) && texts[i] != NULL;
	}
	return texts;
}

/* filter(reader, kinds, symbols): 0 or an error's number. */
static napi_value filter(napi_env env, napi_callback_info info)
{
	napi_value argv[3];
	uint32_t kinds, count = 0;
	int ok;
	if (!take_arguments(env, info, 3, argv))
		return NULL;
	struct core *core = free_core_of(env, argv[0]);
	if (core == NULL || !take_u32(env, argv[1], &kinds))
		return NULL;
	if (napi_get_array_length(env, argv[2], &count) != napi_ok)
		return fail(env, "tickring: give an array of symbols");
	char **texts = take_texts(env, argv[2], count, &ok);
	int err = TICKRING_E_ARGUMENT;
	if (ok)
		err = tickring_filter(core->reader, kinds, (const char *const *)texts, count);
	for (uint32_t i = 0; texts != NULL && i < count; i++)
		free(texts[i]);
	free(texts);
	return give_i32(env, err);
}

int add_reader(napi_env env, napi_value exports)
{
	return export_function(env, exports, "attach", attach) &&
	       export_function(env, exports, "close", close_reader) &&
	       export_function(env, exports, "read", read_records) &&
	       export_function(env, exports, "nextHead", next_head) &&
	       export_function(env, exports, "waitSync", wait_sync) &&
	       export_function(env, exports, "wait", wait_for) &&
	       export_function(env, exports, "lost", lost) &&
	       export_function(env, exports, "move", move) &&
	       export_function(env, exports, "reattach", reattach) &&
	       export_function(env, exports, "look", look) &&
	       export_function(env, exports, "register", register_reader) &&
	       export_function(env, exports, "registered", registered) &&
	       export_function(env, exports, "filter", filter);
}
