/*
 * Where the C library's header and clib.rs could drift apart without a word: structs
 * that may grow, and calls whose types only a C compiler checks.
 */
#include <string.h>

#include "tickring.h"

_Static_assert(sizeof(tickring_record) == 128, "record");
_Static_assert(sizeof(tickring_instrument) == 128, "instrument");
_Static_assert(sizeof(tickring_instrument_state) == 64, "instrument state");
_Static_assert(sizeof(tickring_connection) == 128, "connection");
_Static_assert(sizeof(tickring_book_header) == 128, "book header");

uint64_t tickring_glue_format_hash(void)
{
	return TICKRING_FORMAT_HASH;
}

/* dir NULL and feed NULL: path is a file. */
int tickring_glue_attach(const char *path, const char *dir, const char *feed, tickring_reader **out)
{
	tickring_options options;
	memset(&options, 0, sizeof options);
	options.size = sizeof options;
	if (feed != NULL)
		return tickring_attach(dir, feed, &options, out);
	return tickring_attach_path(path, &options, out);
}

void tickring_glue_rejected(const tickring_reader *reader, uint64_t *torn, uint64_t *skipped)
{
	tickring_stats stats = tickring_get_stats(reader);
	*torn = stats.torn_rejected;
	*skipped = stats.skipped_depth;
}
