/* Decimals as text and as doubles; errors as text. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tickring_internal.h"

/* Powers of ten that a double holds exactly. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

#define EXACT_MANTISSA (INT64_C(1) << 53)

/*
 * With both operands exact one operation rounds once. Else the C library converts; the
 * text has no decimal point, so that the locale does not matter.
 */
double tickring_double(int64_t mantissa, int exponent)
{
	char text[48];
	if (mantissa == TICKRING_ABSENT)
		return (double)NAN;
	if (mantissa >= -EXACT_MANTISSA && mantissa <= EXACT_MANTISSA && exponent >= -22 &&
	    exponent <= 22)
		return exponent < 0 ? (double)mantissa / powers[-exponent]
		                    : (double)mantissa * powers[exponent];
	snprintf(text, sizeof text, "%llde%d", (long long)mantissa, exponent);
	return strtod(text, NULL);
}

static char *repeat_zero(char *to, int times)
{
	if (times <= 0)
		return to;
	memset(to, '0', (size_t)times);
	return to + times;
}

size_t tickring_decimal_text(int64_t mantissa, int exponent, char *text, size_t size)
{
	char digits[24];
	char *to = text;
	if (size == 0)
		return 0;
	text[0] = '\0';
	if (size < TICKRING_DECIMAL_TEXT_MAX || mantissa == TICKRING_ABSENT || exponent < -128 ||
	    exponent > 127)
		return 0;
	if (mantissa < 0)
		*to++ = '-';
	unsigned long long value = (unsigned long long)(mantissa < 0 ? -mantissa : mantissa);
	while (value != 0 && exponent < 0 && value % 10 == 0) {
		value /= 10;
		exponent++;
	}
	int n = snprintf(digits, sizeof digits, "%llu", value);
	int whole = n + exponent; /* digits before the point, when positive */
	if (value == 0) {
		*to++ = '0';
	} else if (exponent >= 0) {
		memcpy(to, digits, (size_t)n);
		to = repeat_zero(to + n, exponent);
	} else if (whole > 0) {
		memcpy(to, digits, (size_t)whole);
		to += whole;
		*to++ = '.';
		memcpy(to, digits + whole, (size_t)(n - whole));
		to += n - whole;
	} else {
		*to++ = '0';
		*to++ = '.';
		to = repeat_zero(to, -whole);
		memcpy(to, digits, (size_t)n);
		to += n;
	}
	*to = '\0';
	return (size_t)(to - text);
}

const char *tickring_strerror(int error)
{
	switch (error) {
	case 0:
		return "no error";
	case TICKRING_E_ARGUMENT:
		return "argument out of range";
	case TICKRING_E_NAME:
		return "feed name not allowed: use 1 to 63 of letters, digits, '.', '_' and '-', "
		       "not starting with '.'";
	case TICKRING_E_NO_FEED:
		return "no such feed: start its publisher, or point TICKRING_DIR at its directory";
	case TICKRING_E_PERMISSION:
		return "permission denied: run as the publisher's user or as a member of the "
		       "segment's group";
	case TICKRING_E_NOT_REGULAR:
		return "not a regular file";
	case TICKRING_E_OWNER:
		return "owned by another user in a directory that everybody may write to";
	case TICKRING_E_TOO_SHORT:
		return "shorter than a segment header: not a segment, or truncated";
	case TICKRING_E_NOT_READY:
		return "segment is not ready: its publisher has not finished making it";
	case TICKRING_E_MAGIC:
		return "no tickring segment: wrong magic";
	case TICKRING_E_BYTE_ORDER:
		return "segment was written in another byte order";
	case TICKRING_E_VERSION:
		return "segment has another layout version: use the reader that came with its "
		       "publisher";
	case TICKRING_E_HEADER:
		return "segment header is damaged";
	case TICKRING_E_TRUNCATED:
		return "segment file is shorter than its header says: truncated from outside";
	case TICKRING_E_SIZE:
		return "segment file is longer than its header says";
	case TICKRING_E_FORMAT_HASH:
		return "segment has another format hash: reader and publisher are of different "
		       "builds";
	case TICKRING_E_STATE:
		return "segment header is damaged: its state has no meaning";
	case TICKRING_E_DIRECTORY:
		return "segment directory is damaged";
	case TICKRING_E_OTHER_BOOT:
		return "left over from another boot of this machine: start the publisher";
	case TICKRING_E_OTHER_FEED:
		return "segment bears another feed's name than the file";
	case TICKRING_E_MEMORY:
		return "no memory for the reader or its mapping";
	case TICKRING_E_SYSTEM:
		return "system error, see errno";
	case TICKRING_E_SAME_GENERATION:
		return "the name still leads to the same segment";
	case TICKRING_E_NO_INSTRUMENT:
		return "no such instrument";
	case TICKRING_E_NO_READERS:
		return "no file of readers: its publisher makes it when it starts; reading needs none";
	case TICKRING_E_READERS:
		return "file of readers is damaged: the next start of the publisher replaces it; "
		       "reading needs none";
	case TICKRING_E_READERS_FULL:
		return "every slot for readers is taken; reading goes on without";
	case TICKRING_E_READERS_BUSY:
		return "file of readers is locked by another process; reading goes on without";
	default:
		return "unknown error";
	}
}
