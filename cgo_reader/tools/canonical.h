/* Lines of the canonical log of docs/conformance.md, on standard output. */
#ifndef TICKRING_TOOLS_CANONICAL_H
#define TICKRING_TOOLS_CANONICAL_H

#include "tickring.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HASH_SEED UINT64_C(0xcbf29ce484222325)

/* Goes on from h over the record's words. */
uint64_t hash_record(uint64_t h, const tickring_record *rec);

/* Name of a TICKRING_E code in the log. */
const char *error_name(int error);

/* The keys of a record behind the line's word, and the line feed. */
void print_record(const tickring_record *rec);
/* Whole lines. */
void print_head(const tickring_record *rec);
void print_book(uint32_t id, const tickring_book_header *h, const tickring_level *bids,
                const tickring_level *asks);
void print_segment(const tickring_reader *reader);
void print_instrument(uint32_t id, const char *symbol, const tickring_instrument *row);
void print_state(uint32_t id, const tickring_instrument_state *state);
void print_connection(uint32_t row, const tickring_connection *connection);

#ifdef __cplusplus
}
#endif

#endif
