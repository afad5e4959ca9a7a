/* Print the next ten best bids and asks of one instrument: quote FEED BTC/USDT */
#include <cstdio>
#include <span>
#include <tickring.hpp>

int main(int argc, char **argv)
try {
	using namespace std::chrono_literals;
	if (argc != 3) {
		std::fprintf(stderr, "usage: quote FEED SYMBOL\n");
		return 1;
	}
	tickring::reader feed(argv[1]);
	feed.filter({TICKRING_KIND_BOOK_TICKER}, std::span<const char *const>(argv + 2, 1));
	for (int left = 10; left > 0 && feed.last() < tickring::answer::closed;) {
		for (const tickring::record &rec : feed.records(1s)) {
			const auto *best = rec.book_ticker();
			std::printf("%.10g %.10g\n", rec.price(best->bid_price), rec.price(best->ask_price));
			if (--left == 0)
				break;
		}
		if (feed.last() == tickring::answer::overrun)
			std::fprintf(stderr, "quote: lost %llu records\n",
			             static_cast<unsigned long long>(feed.lost()));
	}
	return 0;
} catch (const tickring::error &e) {
	std::fprintf(stderr, "quote: %s\n", e.what());
	return 1;
}
