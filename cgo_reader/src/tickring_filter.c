/* The filter by kind and symbol. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "tickring_internal.h"

enum verdict { NOT_JUDGED, WANTED, UNWANTED };

/* Length of the texts with their ends; 0 when one is missing. */
static size_t texts_size(const char *const *symbols, size_t count)
{
	size_t size = 0;
	for (size_t i = 0; i < count; i++) {
		if (symbols[i] == NULL)
			return 0;
		size += strlen(symbols[i]) + 1;
	}
	return size;
}

/* One block: the struct, the pointers, a verdict for each possible row, the texts. */
static struct tickring_filter *make(uint32_t kinds, const char *const *symbols, size_t count,
                                    size_t texts)
{
	size_t rows = count == 0 ? 0 : TICKRING_MAX_INSTRUMENTS;
	struct tickring_filter *f = malloc(sizeof *f + count * sizeof f->symbols[0] + rows + texts);
	if (f == NULL)
		return NULL;
	f->kinds = kinds != 0 ? kinds : UINT32_MAX;
	f->count = count;
	f->symbols = (const char **)(f + 1);
	f->verdicts = (unsigned char *)(f->symbols + count);
	memset(f->verdicts, NOT_JUDGED, rows);
	char *to = (char *)f->verdicts + rows;
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(symbols[i]) + 1;
		f->symbols[i] = memcpy(to, symbols[i], size);
		to += size;
	}
	return f;
}

int tickring_filter(tickring_reader *r, uint32_t kinds, const char *const *symbols, size_t count)
{
	struct tickring_filter *f = NULL;
	size_t texts = 0;
	if (r == NULL || (count != 0 && symbols == NULL) || count > TICKRING_MAX_INSTRUMENTS)
		return TICKRING_E_ARGUMENT;
	if (count != 0 && (texts = texts_size(symbols, count)) == 0)
		return TICKRING_E_ARGUMENT;
	if (kinds != 0 || count != 0) {
		f = make(kinds, symbols, count, texts);
		if (f == NULL)
			return TICKRING_E_MEMORY;
	}
	free(r->filter);
	r->filter = f;
	return 0;
}

void tickring_filter_forget(struct tickring_filter *f)
{
	if (f != NULL && f->count != 0)
		memset(f->verdicts, NOT_JUDGED, TICKRING_MAX_INSTRUMENTS);
}

/* Once for each row of a generation: a row is whole before its data, and never changes. */
static unsigned char judge(const tickring_reader *r, uint32_t id)
{
	tickring_instrument row;
	char text[TICKRING_SYMBOL_MAX];
	if (tickring_get_instrument(r, id, &row) != 0 || tickring_symbol(r, id, text, sizeof text) != 0)
		return NOT_JUDGED;
	for (size_t i = 0; i < r->filter->count; i++) {
		const char *symbol = r->filter->symbols[i];
		size_t n = strnlen(row.venue_symbol, sizeof row.venue_symbol);
		if (strcmp(symbol, text) == 0 ||
		    (strlen(symbol) == n && memcmp(symbol, row.venue_symbol, n) == 0))
			return WANTED;
	}
	return UNWANTED;
}

int tickring_passes(tickring_reader *r, uint64_t word)
{
	const struct tickring_filter *f = r->filter;
	uint32_t kind = word & 0xff;
	uint32_t instrument = (uint32_t)(word >> 48);
	if (kind < TICKRING_KIND_BOOK_TICKER || kind > TICKRING_KIND_PERPETUAL)
		return 1; /* damage is for the reader to say */
	if ((f->kinds & TICKRING_KIND_BIT(kind)) == 0)
		return 0;
	if (f->count == 0 || instrument == TICKRING_NO_INSTRUMENT)
		return 1;
	if (f->verdicts[instrument] == NOT_JUDGED)
		f->verdicts[instrument] = judge(r, instrument);
	return f->verdicts[instrument] == WANTED;
}
