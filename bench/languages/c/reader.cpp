/*
 * The C++ side of the bench of languages, through tickring.hpp as it is.
 *
 *     reader drain next|range|head PATH    a full ring again and again, see ../doc.go
 *     reader spin PATH WARM                as bench/reader.c
 */
#include <array>
#include <cstring>
#include <string>
#include <tickring.hpp>
#include <vector>

#include "drain.h"
#include "ticks.h"

namespace {

/* As bench/reader.c's: what is beyond is read and not kept. */
constexpr std::size_t capacity = 1 << 20;

struct sum {
	std::uint64_t records = 0, check = 0;
	void take(const tickring::record &rec)
	{
		check += static_cast<std::uint64_t>(rec.body.book_ticker.bid_price);
		records++;
	}
};

void drain(tickring::reader &feed, const std::string &way, sum &s)
{
	tickring::record rec;
	feed.from_oldest();
	if (way == "range") {
		for (const tickring::record &each : feed.records())
			s.take(each);
	} else if (way == "head") {
		while (feed.next_head(rec) == tickring::answer::record)
			s.take(rec);
	} else {
		while (feed.next(rec) == tickring::answer::record)
			s.take(rec);
	}
}

void turns(const char *path, const std::string &way)
{
	auto feed = tickring::reader::at_path(path);
	for (int drains; (drains = turn()) > 0;) {
		sum s;
		const auto start = cpu_ns();
		for (int i = 0; i < drains; i++)
			drain(feed, way, s);
		answer_turn(s.records, cpu_ns() - start, s.check);
	}
}

using sample = std::array<std::int64_t, 3>;

int spin(const char *path, long warm)
{
	std::vector<sample> samples(capacity, sample{1, 1, 1}); /* no page fault later */
	samples.clear();
	auto feed = tickring::reader::at_path(path);
	feed.from_latest();
	std::puts("ready");
	std::fflush(stdout);
	tickring::record rec;
	std::uint64_t lost = 0;
	for (long seen = 0;;) {
		const auto answer = feed.next(rec);
		if (answer == tickring::answer::record) {
			const auto now = ticks();
			if (seen++ >= warm && samples.size() < capacity)
				samples.push_back({rec.recv_time_ns, static_cast<std::int64_t>(rec.venue_sequence), now});
		} else if (answer == tickring::answer::overrun) {
			lost += feed.lost();
		} else if (answer >= tickring::answer::closed) {
			break;
		}
	}
	std::printf("samples %zu lost %llu\n", samples.size(), static_cast<unsigned long long>(lost));
	std::fwrite(samples.data(), sizeof(sample), samples.size(), stdout);
	return std::fflush(stdout) != 0 || feed.last() != tickring::answer::closed;
}

} // namespace

int main(int argc, char **argv)
try {
	if (argc != 4)
		return 2;
	if (std::strcmp(argv[1], "spin") == 0)
		return spin(argv[2], number(argv[3]));
	turns(argv[3], argv[2]);
	return 0;
} catch (const std::exception &e) {
	std::fprintf(stderr, "reader: %s\n", e.what());
	return 1;
}
