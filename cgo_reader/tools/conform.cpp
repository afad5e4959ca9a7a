// conform: the C++ reader under test of docs/conformance.md, over tickring.hpp.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "canonical.h"
#include "tickring.hpp"

using namespace std::chrono;
using tickring::answer;
using tickring::reader;
using tickring::record;
using words = std::vector<std::string>;

namespace {

constexpr auto look_again = milliseconds(1);

reader feed;
std::optional<tickring::poller> merged;
// Sequences that the board covered at the last join, by instrument and slot.
std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> covered;
std::uint64_t hidden; // records that the board covered

std::int64_t number(const std::string &word) { return std::strtoll(word.c_str(), nullptr, 10); }

std::uint32_t row_of(const std::string &word)
{
	unsigned long long n = std::strtoull(word.c_str(), nullptr, 10);
	return n < UINT32_MAX ? static_cast<std::uint32_t>(n) : UINT32_MAX;
}

steady_clock::time_point deadline(const std::string &word)
{
	return steady_clock::now() + milliseconds(number(word));
}

void drop()
{
	feed = reader();
	covered.clear();
	hidden = 0;
}

void opened(int err)
{
	if (err != 0)
		std::printf("ERROR %s\n", error_name(err));
	else
		std::printf("OPENED generation=%" PRIu64 " next=%" PRIu64 "\n", feed.generation(),
		            feed.next_sequence());
}

void open_path(const words &args)
{
	drop();
	int err = 0;
	feed = reader::at_path(args[0].c_str(), err);
	opened(err);
}

// The constructors throw: this is how most programs open a feed.
void attach(const words &args)
{
	drop();
	try {
		feed = reader(args[1].c_str(), args[0].c_str());
		opened(0);
	} catch (const tickring::error &e) {
		opened(e.code());
	}
}

void await(const words &args)
{
	drop();
	int err = 0;
	feed = reader::attach(args[1].c_str(), milliseconds(number(args[2])), err, args[0].c_str());
	opened(err);
}

// Refused, it goes on without a slot.
void register_feed(const words &args)
{
	attach(args);
	if (feed)
		(void)feed.register_as(args[2].c_str());
}

void print(answer a, const record &rec, std::uint64_t lost, const tickring::reader_view &from)
{
	if (a == answer::record) {
		std::fputs("RECORD", stdout);
		print_record(&rec);
	} else if (a == answer::overrun) {
		std::printf("OVERRUN lost=%" PRIu64 " next=%" PRIu64 "\n", lost, from.next_sequence());
	} else {
		std::puts(tickring_answer_name(static_cast<int>(a)));
	}
}

bool is_covered(const record &rec)
{
	std::uint32_t slot = 0;
	if (rec.book_ticker() != nullptr)
		slot = TICKRING_BOARD_BOOK_TICKER;
	else if (rec.trade() != nullptr)
		slot = TICKRING_BOARD_TRADE;
	else if (rec.ticker() != nullptr)
		slot = TICKRING_BOARD_TICKER;
	else if (rec.status() != nullptr)
		slot = TICKRING_BOARD_STATUS;
	else
		return false;
	auto entry = covered.find({rec.instrument, slot});
	return entry != covered.end() && rec.sequence() <= entry->second;
}

template <typename Next> answer uncovered(Next next, record &rec)
{
	for (;;) {
		answer a = next(rec);
		if (a != answer::record || !is_covered(rec))
			return a;
		hidden++;
	}
}

answer next_record(record &rec)
{
	return uncovered([](record &r) { return feed.next(r); }, rec);
}

void next(const words &args)
{
	record rec{};
	for (std::int64_t n = number(args[0]); n > 0; n--) {
		answer a = next_record(rec);
		print(a, rec, feed.lost(), feed);
		if (a != answer::record && a != answer::overrun)
			return;
	}
}

void head(const words &args)
{
	record rec{};
	for (std::int64_t n = number(args[0]); n > 0; n--) {
		answer a = uncovered([](record &r) { return feed.next_head(r); }, rec);
		if (a == answer::record)
			print_head(&rec);
		else
			print(a, rec, feed.lost(), feed);
		if (a != answer::record && a != answer::overrun)
			return;
	}
}

bool quiet(answer a) { return a == answer::empty || a == answer::stale; }

void until(const words &args)
{
	record rec{};
	const auto end = deadline(args[1]);
	for (;;) {
		answer a = next_record(rec);
		if (!quiet(a) || args[0] == tickring_answer_name(static_cast<int>(a))) {
			print(a, rec, feed.lost(), feed);
			return;
		}
		if (steady_clock::now() > end) {
			std::puts("TIMEOUT");
			return;
		}
		feed.wait(look_again);
	}
}

void position(const words &)
{
	std::printf("POSITION next=%" PRIu64 "\n", feed.next_sequence());
}

void seek(const words &args)
{
	if (args[0] == "latest")
		feed.from_latest();
	else
		feed.from_oldest();
	position(args);
}

void statistics(const words &)
{
	tickring::stats s = feed.statistics();
	std::printf("STATS records=%" PRIu64 " lost=%" PRIu64 " overruns=%" PRIu64
	            " skipped_depth=%" PRIu64 "\n",
	            s.got - hidden, s.lost, s.overruns, s.skipped_depth);
}

words split(const std::string &text, char between)
{
	words list;
	std::string word;
	for (std::istringstream in(text); std::getline(in, word, between);)
		if (!word.empty())
			list.push_back(word);
	return list;
}

std::string joined(const words &list)
{
	std::string text;
	for (const std::string &word : list)
		text += (text.empty() ? "" : ",") + word;
	return text.empty() ? "*" : text;
}

void filter(const words &args)
{
	words kinds;
	std::uint32_t set = 0;
	const std::string wanted = "," + args[0] + ",";
	for (std::uint8_t k = TICKRING_KIND_BOOK_TICKER; k <= TICKRING_KIND_PERPETUAL; k++) {
		if (wanted.find("," + std::string(tickring_kind_name(k)) + ",") == std::string::npos)
			continue;
		set |= TICKRING_KIND_BIT(k);
		kinds.emplace_back(tickring_kind_name(k));
	}
	const words symbols = args[1] == "*" ? words() : split(args[1], ',');
	std::vector<const char *> texts;
	std::set<std::uint32_t> ids;
	for (const std::string &symbol : symbols) {
		auto id = feed.find(symbol.c_str());
		if (!id) {
			std::puts("ERROR NO_INSTRUMENT");
			return;
		}
		ids.insert(*id);
		texts.push_back(symbol.c_str());
	}
	if (int err = tickring_filter(feed.handle(), set, texts.data(), texts.size()); err != 0) {
		std::printf("ERROR %s\n", error_name(err));
		return;
	}
	words rows;
	for (std::uint32_t id : ids)
		rows.push_back(std::to_string(id));
	std::printf("FILTER kinds=%s instruments=%s\n", joined(kinds).c_str(), joined(rows).c_str());
}

void join(const words &)
{
	record rec{};
	covered.clear();
	std::printf("JOINED watermark=%" PRIu64 "\n", feed.join());
	for (std::uint32_t id = 0; id < feed.instrument_count(); id++) {
		for (std::uint32_t slot = 0; slot <= TICKRING_BOARD_STATUS; slot++) {
			answer a = feed.board(id, slot, rec);
			if (a == answer::empty)
				continue;
			std::printf("BOARD instrument=%u slot=%s", id, tickring_board_slot_name(slot));
			if (a == answer::record) {
				covered[{id, slot}] = rec.sequence();
				print_record(&rec);
			} else {
				std::printf(" %s\n", tickring_answer_name(static_cast<int>(a)));
			}
		}
	}
	answer a;
	do {
		a = next_record(rec);
		print(a, rec, feed.lost(), feed);
	} while (a == answer::record);
}

void board(const words &args)
{
	record rec{};
	for (std::uint32_t slot = 0; slot <= TICKRING_BOARD_STATUS; slot++) {
		if (args[1] != tickring_board_slot_name(slot))
			continue;
		answer a = feed.board(row_of(args[0]), slot, rec);
		if (a == answer::record) {
			std::printf("BOARD slot=%s", args[1].c_str());
			print_record(&rec);
		} else {
			std::puts(tickring_answer_name(static_cast<int>(a)));
		}
		return;
	}
	std::puts("ERROR ARGUMENT");
}

void read_book(const words &args)
{
	tickring::book b(feed.book_depth());
	answer a = feed.read(row_of(args[0]), b);
	if (a == answer::record)
		print_book(row_of(args[0]), &b.header(), b.bids().data(), b.asks().data());
	else
		std::puts(tickring_answer_name(static_cast<int>(a)));
}

void instruments(const words &)
{
	for (std::uint32_t id = 0; auto row = feed.instrument(id); id++)
		print_instrument(id, feed.symbol(id).c_str(), &*row);
}

void find(const words &args)
{
	if (auto id = feed.find(args[0].c_str()))
		std::printf("FOUND id=%u\n", *id);
	else
		std::puts("ERROR NO_INSTRUMENT");
}

void state(const words &args)
{
	if (auto row = feed.state(row_of(args[0])))
		print_state(row_of(args[0]), &*row);
	else
		std::puts("ERROR NO_INSTRUMENT");
}

void connection(const words &args)
{
	if (auto row = feed.connection(row_of(args[0])))
		print_connection(row_of(args[0]), &*row);
	else
		std::puts("ERROR ARGUMENT");
}

void counter(const words &args)
{
	std::printf("COUNTER index=%u value=%" PRIu64 "\n", row_of(args[0]), feed.counter(row_of(args[0])));
}

void fresh(const words &args)
{
	std::printf("FRESH %d\n", feed.fresh_within(row_of(args[0]), nanoseconds(number(args[1]))) ? 1 : 0);
}

void age(const words &args)
{
	auto age = feed.quote_age(row_of(args[0]));
	std::puts(!age ? "AGE none" : age->count() <= number(args[1]) ? "AGE within" : "AGE beyond");
}

void reattach(const words &)
{
	int err = feed.reattach();
	if (err == TICKRING_E_SAME_GENERATION || err == TICKRING_E_NO_FEED) {
		std::puts("SAME");
	} else if (err != 0) {
		std::printf("ERROR %s\n", error_name(err));
	} else {
		covered.clear();
		std::printf("REATTACHED generation=%" PRIu64 " next=%" PRIu64 "\n", feed.generation(),
		            feed.next_sequence());
	}
}

// A stretch of records without a hole.
struct run {
	std::uint64_t first = 0, last = 0, records = 0, hash = HASH_SEED;

	void add(const record &rec)
	{
		if (records != 0 && rec.sequence() != last + 1)
			end();
		if (records == 0)
			first = rec.sequence();
		last = rec.sequence();
		records++;
		hash = hash_record(hash, &rec);
	}
	void end()
	{
		if (records != 0)
			std::printf("RUN first=%" PRIu64 " last=%" PRIu64 " records=%" PRIu64 " hash=%016" PRIx64 "\n",
			            first, last, records, hash);
		*this = run();
	}
};

void drain(const words &args)
{
	const auto end = deadline(args[0]);
	run r;
	for (;;) {
		for (const record &rec : feed.records(look_again)) {
			if (is_covered(rec))
				hidden++;
			else
				r.add(rec);
		}
		answer a = feed.last();
		if (quiet(a) && steady_clock::now() <= end)
			continue;
		r.end();
		if (a == answer::overrun) {
			print(a, record(), feed.lost(), feed);
			continue;
		}
		std::puts(quiet(a) ? "TIMEOUT" : tickring_answer_name(static_cast<int>(a)));
		return;
	}
}

void open_poller(const words &paths)
{
	int err = 0;
	merged.emplace();
	for (const std::string &path : paths) {
		reader r = reader::at_path(path.c_str(), err);
		if (err != 0 || merged->add(std::move(r)) < 0)
			break;
	}
	if (err == 0) {
		std::printf("POLLER feeds=%zu\n", paths.size());
		return;
	}
	std::printf("ERROR %s\n", error_name(err));
	merged.reset();
}

void poll(const words &args)
{
	record rec{};
	for (std::int64_t n = number(args[0]); n > 0; n--) {
		answer a = merged->next(rec);
		if (a == answer::empty) {
			std::puts("EMPTY");
			return;
		}
		std::printf("FEED %u ", merged->feed());
		print(a, rec, merged->lost(), (*merged)[merged->feed()]);
	}
}

enum class needs { nothing, reader, poller };

struct command {
	std::size_t takes;
	needs what;
	void (*run)(const words &);
};

const std::map<std::string, command> commands = {
	{"hello", {0, needs::nothing, [](const words &) {
		           std::printf("READER name=cpp format_hash=0x%016" PRIx64 "\n",
		                       static_cast<std::uint64_t>(TICKRING_FORMAT_HASH));
	           }}},
	{"open", {1, needs::nothing, open_path}},
	{"attach", {2, needs::nothing, attach}},
	{"await", {3, needs::nothing, await}},
	{"register", {3, needs::nothing, register_feed}},
	{"registered", {0, needs::reader, [](const words &) { std::printf("REGISTERED %d\n", feed.registered() ? 1 : 0); }}},
	{"close", {0, needs::reader, [](const words &) { drop(); std::puts("DETACHED"); }}},
	{"segment", {0, needs::reader, [](const words &) { print_segment(feed.handle()); }}},
	{"next", {1, needs::reader, next}},
	{"head", {1, needs::reader, head}},
	{"until", {2, needs::reader, until}},
	{"seek", {1, needs::reader, seek}},
	{"position", {0, needs::reader, position}},
	{"lag", {0, needs::reader, [](const words &) { std::printf("LAG records=%" PRIu64 "\n", feed.lag()); }}},
	{"stats", {0, needs::reader, statistics}},
	{"filter", {2, needs::reader, filter}},
	{"join", {0, needs::reader, join}},
	{"board", {2, needs::reader, board}},
	{"book", {1, needs::reader, read_book}},
	{"instruments", {0, needs::reader, instruments}},
	{"find", {1, needs::reader, find}},
	{"state", {1, needs::reader, state}},
	{"connection", {1, needs::reader, connection}},
	{"counter", {1, needs::reader, counter}},
	{"fresh", {2, needs::reader, fresh}},
	{"age", {2, needs::reader, age}},
	{"reattach", {0, needs::reader, reattach}},
	{"drain", {1, needs::reader, drain}},
	{"poller", {1, needs::nothing, open_poller}},
	{"poll", {1, needs::poller, poll}},
};

void serve(const std::string &name, const words &args)
{
	auto found = commands.find(name);
	if (found == commands.end() || args.size() < found->second.takes)
		std::puts("UNSUPPORTED");
	else if (found->second.what == needs::reader && !feed)
		std::puts("NO_READER");
	else if (found->second.what == needs::poller && !merged)
		std::puts("NO_POLLER");
	else
		found->second.run(args);
}

} // namespace

int main()
{
	for (std::string line; std::getline(std::cin, line);) {
		words list = split(line, ' ');
		if (list.empty())
			continue;
		if (list[0] == "quit")
			break;
		serve(list[0], words(list.begin() + 1, list.end()));
		std::puts(".");
		if (std::fflush(stdout) != 0)
			return 1;
	}
	return 0;
}
