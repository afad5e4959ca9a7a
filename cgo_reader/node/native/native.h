/*
 * What the sources of the addon share. All of it runs on the JavaScript thread that made the
 * object, but for the sleeper's own function in sleeper.c.
 */
#ifndef TICKRING_NATIVE_H
#define TICKRING_NATIVE_H

#define NAPI_VERSION 8
#include <node_api.h>

#include "tickring_internal.h"

struct sleeper;

/* A reader. It outlives its JavaScript object while a poller holds it. */
struct core {
	tickring_reader *reader; /* NULL when closed */
	uint32_t references;     /* of JavaScript and of a poller */
	int polled;              /* a poller reads it */
	int answer;              /* the last one that was told */
	uint64_t lost;
	struct sleeper *sleeper; /* NULL before the first wait */
};

/* Several of them, merged. */
struct poll {
	tickring_poller *poller; /* NULL when closed */
	uint32_t count;
	uint32_t feed; /* of the last answer */
	uint64_t lost;
	struct core *cores[TICKRING_POLLER_FEEDS];
	struct sleeper *sleeper;
};

/* args.c: each throws and returns 0 when it cannot be. */
int take_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *out);
int take_u32(napi_env env, napi_value value, uint32_t *out); /* the largest for all beyond */
int take_i64(napi_env env, napi_value value, int64_t *out); /* of a bigint */
int take_bytes(napi_env env, napi_value value, size_t least, unsigned char **out, size_t *size);
/* A text to be freed; NULL for null and undefined. */
int take_text(napi_env env, napi_value value, char **out);
napi_value give_i32(napi_env env, int32_t value);
napi_value give_bool(napi_env env, int value);
napi_value give_u64(napi_env env, uint64_t value);
napi_value give_i64(napi_env env, int64_t value);
/* Number of records and the answer behind them, as one number. */
napi_value give_batch(napi_env env, size_t count, int answer);
napi_value fail(napi_env env, const char *text);
int export_function(napi_env env, napi_value exports, const char *name, napi_callback call);

/* reader.c */
int add_reader(napi_env env, napi_value exports);
/* Any reader that is not closed; only one that no poller reads. NULL: thrown. */
struct core *core_of(napi_env env, napi_value value);
struct core *free_core_of(napi_env env, napi_value value);
void release_core(struct core *core);

/* tables.c, poller.c */
int add_tables(napi_env env, napi_value exports);
int add_poller(napi_env env, napi_value exports);

/*
 * sleeper.c: a thread that sleeps on doorbells and calls back into JavaScript. To sleep is two
 * calls: sleeper_listen keeps the doorbells' values, then the caller looks at the slots, then
 * sleeper_sleep; a record behind that look has changed a value. It calls back once, after at
 * most ns. sleeper_busy: it still sleeps, and will call back; nothing else may be called.
 */
struct sleeper *sleeper_make(void);
int sleeper_busy(const struct sleeper *sleeper);
void sleeper_listen(struct sleeper *sleeper, uint32_t index, const tickring_reader *reader);
int sleeper_sleep(napi_env env, struct sleeper *sleeper, uint32_t count, int64_t ns,
                  napi_value callback);
/* Gives it up, and a call back that is due; its thread ends within the nap. NULL is allowed. */
void sleeper_end(napi_env env, struct sleeper *sleeper);

#endif
