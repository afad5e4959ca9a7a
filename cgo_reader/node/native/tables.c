/* Board, books, tables, and whether data are live. */
#include "native.h"

/* The arguments of most calls here: a reader, a row, and bytes for the answer. */
struct ask {
	struct core *core;
	uint32_t row;
	unsigned char *bytes;
};

static int take_ask(napi_env env, napi_callback_info info, size_t size, struct ask *ask)
{
	napi_value argv[3];
	size_t given;
	return take_arguments(env, info, 3, argv) && (ask->core = core_of(env, argv[0])) != NULL &&
	       take_u32(env, argv[1], &ask->row) &&
	       take_bytes(env, argv[2], size, &ask->bytes, &given);
}

static napi_value instrument(napi_env env, napi_callback_info info)
{
	struct ask a;
	if (!take_ask(env, info, sizeof(tickring_instrument), &a))
		return NULL;
	return give_i32(env, tickring_get_instrument(a.core->reader, a.row, (void *)a.bytes));
}

static napi_value instrument_state(napi_env env, napi_callback_info info)
{
	struct ask a;
	if (!take_ask(env, info, sizeof(tickring_instrument_state), &a))
		return NULL;
	return give_i32(env, tickring_get_instrument_state(a.core->reader, a.row, (void *)a.bytes));
}

static napi_value connection(napi_env env, napi_callback_info info)
{
	struct ask a;
	if (!take_ask(env, info, sizeof(tickring_connection), &a))
		return NULL;
	return give_i32(env, tickring_get_connection(a.core->reader, a.row, (void *)a.bytes));
}

/* board(reader, id, bytes, slot): the answer. */
static napi_value board(napi_env env, napi_callback_info info)
{
	napi_value argv[4];
	struct ask a;
	uint32_t slot;
	if (!take_arguments(env, info, 4, argv) ||
	    !take_ask(env, info, sizeof(tickring_record), &a) || !take_u32(env, argv[3], &slot))
		return NULL;
	return give_i32(env, tickring_board(a.core->reader, a.row, slot, (void *)a.bytes));
}

/* book(reader, id, header, levels): the answer; room for the book's depth of bids, then asks. */
static napi_value book(napi_env env, napi_callback_info info)
{
	napi_value argv[4];
	struct ask a;
	unsigned char *levels;
	size_t size;
	if (!take_arguments(env, info, 4, argv) ||
	    !take_ask(env, info, sizeof(tickring_book_header), &a))
		return NULL;
	uint32_t depth = tickring_book_depth(a.core->reader);
	if (!take_bytes(env, argv[3], 2 * (size_t)depth * sizeof(tickring_level), &levels, &size))
		return NULL;
	tickring_level *bids = (void *)levels;
	return give_i32(env, tickring_book(a.core->reader, a.row, (void *)a.bytes, bids,
	                                   bids + depth, depth));
}

/* Bytes of a text, because a damaged segment's may be no UTF-8. */
static napi_value give_text(napi_env env, const char *text)
{
	napi_value out = NULL;
	napi_create_buffer_copy(env, strlen(text), text, NULL, &out);
	return out;
}

static napi_value feed(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	return core == NULL ? NULL : give_text(env, tickring_feed(core->reader));
}

static napi_value venue(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	return core == NULL ? NULL : give_text(env, tickring_venue(core->reader));
}

/* find(reader, symbol): an id, or an error's number. */
static napi_value find(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	char symbol[TICKRING_SYMBOL_MAX + 1];
	size_t length = 0;
	uint32_t id = 0;
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	if (core == NULL)
		return NULL;
	if (napi_get_value_string_utf8(env, argv[1], symbol, sizeof symbol, &length) != napi_ok)
		return fail(env, "tickring: give a symbol");
	/* A longer one was cut, and is nobody's. */
	int err = length >= TICKRING_SYMBOL_MAX ? TICKRING_E_NO_INSTRUMENT
	                                        : tickring_find(core->reader, symbol, &id);
	return give_i32(env, err != 0 ? err : (int32_t)id);
}

static napi_value counter(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	uint32_t index;
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	if (core == NULL || !take_u32(env, argv[1], &index))
		return NULL;
	return give_u64(env, tickring_counter(core->reader, index));
}

static napi_value fresh_within(napi_env env, napi_callback_info info)
{
	napi_value argv[3];
	uint32_t id;
	int64_t ns;
	if (!take_arguments(env, info, 3, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	if (core == NULL || !take_u32(env, argv[1], &id) || !take_i64(env, argv[2], &ns))
		return NULL;
	return give_bool(env, tickring_fresh_within(core->reader, id, ns));
}

static napi_value quote_age(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	uint32_t id;
	if (!take_arguments(env, info, 2, argv))
		return NULL;
	struct core *core = core_of(env, argv[0]);
	if (core == NULL || !take_u32(env, argv[1], &id))
		return NULL;
	return give_i64(env, tickring_quote_age_ns(core->reader, id));
}

int add_tables(napi_env env, napi_value exports)
{
	return export_function(env, exports, "instrument", instrument) &&
	       export_function(env, exports, "instrumentState", instrument_state) &&
	       export_function(env, exports, "connection", connection) &&
	       export_function(env, exports, "board", board) &&
	       export_function(env, exports, "book", book) &&
	       export_function(env, exports, "feed", feed) &&
	       export_function(env, exports, "venue", venue) &&
	       export_function(env, exports, "find", find) &&
	       export_function(env, exports, "counter", counter) &&
	       export_function(env, exports, "freshWithin", fresh_within) &&
	       export_function(env, exports, "quoteAge", quote_age);
}
