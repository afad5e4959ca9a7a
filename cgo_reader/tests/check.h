/* Checks that name the place and go on. */
#ifndef TICKRING_TESTS_CHECK_H
#define TICKRING_TESTS_CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern int check_failures;

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			check_failures++; \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		} \
	} while (0)

#define CHECK_EQ(have, want) \
	do { \
		long long have_ = (long long)(have); \
		long long want_ = (long long)(want); \
		if (have_ != want_) { \
			check_failures++; \
			fprintf(stderr, "%s:%d: %s is %lld, want %lld\n", __FILE__, __LINE__, #have, have_, \
			        want_); \
		} \
	} while (0)

#define CHECK_TEXT(have, want) \
	do { \
		const char *have_ = (have); \
		const char *want_ = (want); \
		if (strcmp(have_, want_) != 0) { \
			check_failures++; \
			fprintf(stderr, "%s:%d: %s is\n  %s\nwant\n  %s\n", __FILE__, __LINE__, #have, have_, \
			        want_); \
		} \
	} while (0)

void test_attach(void);
void test_next(void);
void test_torn(void);
void test_tables(void);
void test_life(void);
void test_text(void);
void test_json(void);
void test_hostile(void);
void test_filter(void);
void test_poller(void);
void test_readers(void);

#endif
