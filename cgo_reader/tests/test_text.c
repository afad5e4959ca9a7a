/* Decimals as text and as doubles, names of values. */
#define _GNU_SOURCE
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "segment.h"

static const struct {
	int64_t mantissa;
	int exponent;
	const char *text;
} decimals[] = {
	{0, 0, "0"},
	{0, -5, "0"},
	{0, 100, "0"},
	{642501, -1, "64250.1"},
	{642500, -1, "64250"},
	{642500, -4, "64.25"},
	{1, -8, "0.00000001"},
	{-1, -1, "-0.1"},
	{-1500, -3, "-1.5"},
	{10, -1, "1"},
	{12, 3, "12000"},
	{-12, 1, "-120"},
	{100, -2, "1"},
	{INT64_MAX, 0, "9223372036854775807"},
	{INT64_MAX, -18, "9.223372036854775807"},
	{INT64_MAX, -19, "0.9223372036854775807"},
	{INT64_MIN + 1, -20, "-0.09223372036854775807"},
};

static void text(void)
{
	char have[TICKRING_DECIMAL_TEXT_MAX];
	for (size_t i = 0; i < sizeof decimals / sizeof decimals[0]; i++) {
		size_t n = tickring_decimal_text(decimals[i].mantissa, decimals[i].exponent, have, sizeof have);
		CHECK_TEXT(have, decimals[i].text);
		CHECK_EQ(n, strlen(decimals[i].text));
	}
	CHECK_EQ(tickring_decimal_text(INT64_MAX, 127, have, sizeof have), 19 + 127);
	CHECK_EQ(tickring_decimal_text(INT64_MIN + 1, -128, have, sizeof have), 3 + 128);
	CHECK_EQ(tickring_decimal_text(TICKRING_ABSENT, -2, have, sizeof have), 0);
	CHECK_TEXT(have, "");
	CHECK_EQ(tickring_decimal_text(1, 0, have, sizeof have - 1), 0);
	CHECK_EQ(tickring_decimal_text(1, 0, have, 0), 0);
	CHECK_EQ(tickring_decimal_text(1, 128, have, sizeof have), 0);
	CHECK_EQ(tickring_decimal_text(1, -129, have, sizeof have), 0);
}

/* The double must be the one that the compiler and strtod choose, in any locale. */
static void doubles(void)
{
	uint64_t seed = 88172645463325252u;
	CHECK(tickring_double(642501, -1) == 64250.1);
	CHECK(tickring_double(1, -1) == 0.1);
	CHECK(tickring_double(3, 22) == 3e22);
	CHECK(tickring_double(INT64_MAX, 0) == 9223372036854775807.0);
	CHECK(tickring_double(9007199254740993, 0) == 9007199254740992.0);
	CHECK(isnan(tickring_double(TICKRING_ABSENT, 3)));
	CHECK(tickring_double(INT64_MAX, -128) > 0);
	if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
		setlocale(LC_NUMERIC, "C");
	for (int i = 0; i < 20000; i++) {
		char have[64];
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		int64_t mantissa = (int64_t)seed >> (seed % 50);
		int exponent = (int)(seed >> 32 & 63) - 40;
		snprintf(have, sizeof have, "%llde%d", (long long)mantissa, exponent);
		if (mantissa != TICKRING_ABSENT)
			CHECK(tickring_double(mantissa, exponent) == strtod(have, NULL));
	}
	setlocale(LC_NUMERIC, "C");
	tickring_record rec = numbered(1);
	rec.price_exponent = -2;
	rec.quantity_exponent = 1;
	CHECK(tickring_price_double(&rec, 125) == 1.25);
	CHECK(tickring_quantity_double(&rec, 125) == 1250);
}

static void value_names(void)
{
	CHECK_TEXT(tickring_kind_name(TICKRING_KIND_BOOK_TICKER), "BOOK_TICKER");
	CHECK_TEXT(tickring_flags_name(TICKRING_FLAG_KERNEL_TIME), "KERNEL_TIME");
	CHECK_TEXT(tickring_reason_name(TICKRING_REASON_TLS_WRONG_HOST), "TLS_WRONG_HOST");
	CHECK_TEXT(tickring_answer_name(TICKRING_SUPERSEDED), "SUPERSEDED");
	CHECK(tickring_kind_name(0) == NULL);
	CHECK(tickring_reason_name(1404) == NULL);
}

void test_text(void)
{
	text();
	doubles();
	value_names();
}
