/* One record as one line of JSON, the form that `tickring tail --json` prints. */
#ifndef TICKRING_TOOLS_JSON_H
#define TICKRING_TOOLS_JSON_H

#include "tickring.h"

/* Longer than any line: every byte of every text escaped. */
#define JSON_LINE_MAX 8192

typedef struct json_line {
	size_t length;
	char text[JSON_LINE_MAX];
} json_line;

/*
 * What a record does not say of itself. Texts are padded fields of at most 64 bytes;
 * symbol NULL prints as null.
 */
typedef struct json_names {
	const char *feed;
	const char *venue;
	const char *symbol;
} json_names;

/* Fill line with the record and a line feed. */
void json_record(json_line *line, const tickring_record *record, const json_names *names);

#endif
