// tickring.hpp: ownership, ranges, spans, and that nothing on the hot path allocates or throws.
#include <cstdio>
#include <cstdlib>
#include <new>
#include <ranges>
#include <string>
#include <type_traits>

#include "tickring.hpp"

extern "C" {
#include "segment.h"
}

namespace {

int failures;
long allocations;

void check(bool good, const char *what, int line)
{
	if (good)
		return;
	failures++;
	std::fprintf(stderr, "hpp.cpp:%d: %s\n", line, what);
}

#define CHECK(cond) check(cond, #cond, __LINE__)

using tickring::answer;
using tickring::reader;
using tickring::record;

static_assert(!std::is_copy_constructible_v<reader> && !std::is_copy_assignable_v<reader>);
static_assert(std::is_nothrow_move_constructible_v<reader> && std::is_nothrow_move_assignable_v<reader>);
static_assert(!std::is_copy_constructible_v<tickring::poller>);
static_assert(std::is_nothrow_move_constructible_v<tickring::poller>);
static_assert(noexcept(std::declval<reader &>().next(std::declval<record &>())));
static_assert(noexcept(std::declval<reader &>().next_head(std::declval<record &>())));
using iterator = decltype(std::declval<reader &>().records().begin());
static_assert(noexcept(++std::declval<iterator &>()) && noexcept(*std::declval<iterator &>()));
static_assert(noexcept(std::declval<reader &>().fresh_within(0, std::declval<tickring::nanoseconds &>())));
static_assert(noexcept(std::declval<tickring::poller &>().next(std::declval<record &>())));
static_assert(std::ranges::input_range<decltype(std::declval<reader &>().records())>);

void errors()
{
	int err = 0;
	CHECK(!reader::attach("none", err, "/nowhere") && err == TICKRING_E_NO_FEED);
	CHECK(!reader::at_path("/nowhere/none", err) && err == TICKRING_E_NO_FEED);
	CHECK(!reader::attach("none", std::chrono::milliseconds(1), err, "/nowhere"));
	try {
		reader r("a/b");
		CHECK(false);
	} catch (const tickring::error &e) {
		CHECK(e.code() == TICKRING_E_NAME);
		CHECK(std::string(e.what()).find("feed name") != std::string::npos);
	}
}

void ranges(segment &s)
{
	reader r("test", s.dir);
	reader moved(std::move(r));
	CHECK(!r && moved && moved.feed() == "test" && moved.venue() == "sim");
	r = std::move(moved);
	CHECK(r && !moved && r.generation() == 1 && r.slots() == 16);
	std::uint64_t seen = 0;
	for (int i = 0; i < 3; i++) {
		record rec{};
		static_cast<tickring_record &>(rec) = numbered(s.next);
		segment_publish(&s, &rec);
	}
	const long before = allocations;
	for (const record &rec : r.records()) {
		seen += rec.sequence();
		CHECK(rec.book_ticker() != nullptr && rec.trade() == nullptr && rec.bids().empty());
		CHECK(is_numbered(&rec, rec.sequence()));
	}
	CHECK(seen == 1 + 2 + 3 && r.last() == answer::empty);
	for (const record &rec : r.records(std::chrono::milliseconds(1)))
		CHECK(rec.sequence() == 0); // there is none
	CHECK(r.last() == answer::empty);
	for (int i = 0; i < 20; i++) {
		tickring_record rec = numbered(s.next);
		segment_publish(&s, &rec);
	}
	seen = 0;
	for (const record &rec : r.records())
		seen += rec.sequence();
	CHECK(seen == 0 && r.last() == answer::overrun && r.lost() == 23 - 16 + 2 - 4);
	for (const record &rec : r.records())
		seen = rec.sequence();
	CHECK(seen == 23 && r.statistics().got == 3 + 15);
	CHECK(allocations == before);
}

// A depth record and a book, as spans.
void levels(segment &s)
{
	reader r = reader::at_path(s.path);
	r.from_latest();
	tickring_record depth{};
	depth.kind = TICKRING_KIND_DEPTH;
	depth.flags = TICKRING_FLAG_FIRST | TICKRING_FLAG_LAST;
	depth.price_exponent = -2;
	depth.body.depth.bids = 1;
	depth.body.depth.asks = 2;
	for (int i = 0; i < 3; i++)
		depth.body.depth.levels[i] = {100 + i, 7};
	segment_publish(&s, &depth);
	record rec{};
	CHECK(r.next(rec) == answer::record && rec.depth() != nullptr);
	CHECK(rec.bids().size() == 1 && rec.asks().size() == 2 && rec.asks()[1].price == 102);
	CHECK(rec.has(TICKRING_FLAG_LAST) && !rec.has(TICKRING_FLAG_SNAPSHOT));
	CHECK(rec.price(rec.asks()[0].price) == 1.01 && tickring::decimal_text(102, -2) == "1.02");
	tickring_instrument row{};
	std::snprintf(row.base, sizeof row.base, "BTC");
	std::memcpy(segment_at(&s, TICKRING_SECTION_INSTRUMENTS, 0), &row, sizeof row);
	store32(HEADER_FIELD(&s, instrument_count), 1);
	CHECK(r.find("BTC") == 0u && !r.find("ETH") && r.symbol(0) == "BTC" && r.symbol(1).empty());
	CHECK(r.instrument(0) && !r.instrument(1) && r.state(0) && !r.connection(300));
	CHECK(!r.fresh_within(0, std::chrono::hours(1)) && !r.quote_age(0));
	tickring::book b(2);
	CHECK(r.read(0, b) == answer::empty);
	tickring_book_header h{};
	h.bid_count = 3;
	h.flags = TICKRING_BOOK_VALID;
	unsigned char *at = segment_at(&s, TICKRING_SECTION_BOOKS, 0);
	std::memcpy(at + 8, reinterpret_cast<unsigned char *>(&h) + 8, sizeof h - 8);
	store64(at, 2);
	CHECK(r.read(0, b) == answer::record && b.valid() && b.bids().size() == 2 && b.asks().empty());
}

void merging(segment &s)
{
	tickring::poller made;
	CHECK(made.add(reader("test", s.dir)) == 0);
	CHECK(made.add(reader("test", std::chrono::seconds(0), s.dir)) == 1);
	tickring::poller p(std::move(made));
	record rec{};
	int records = 0;
	const long before = allocations;
	while (p.next(rec) == answer::record)
		records++;
	CHECK(records > 0 && records % 2 == 0 && p.feed() == 1 && p.wait(tickring::nanoseconds(0)) == answer::empty);
	CHECK(allocations == before);
	CHECK(p[0] && !p[2] && p[1].feed() == "test");
	made = std::move(p);
	CHECK(made[0].handle() != nullptr);
}

} // namespace

// The count is what the test is about: malloc itself stays the sanitizer's.
void *operator new(std::size_t size)
{
	allocations++;
	if (void *at = std::malloc(size))
		return at;
	throw std::bad_alloc();
}
void operator delete(void *at) noexcept { std::free(at); }
void operator delete(void *at, std::size_t) noexcept { std::free(at); }

int main()
{
	segment s{};
	segment_make(&s, segment_shape{16, 3, 5, 1});
	errors();
	ranges(s);
	levels(s);
	merging(s);
	segment_free(&s);
	std::printf("hpp      %s\n", failures == 0 ? "ok" : "FAILED");
	return failures != 0;
}
