/*
 * simdjson's on-demand interface on the bench's frames.
 *
 *     simdjson FRAMES CPU MILLISECONDS
 *
 * FRAMES has lines "CHANNEL TEXT". For each channel it prints "decode CHANNEL BYTES
 * DECODER - NS": CPU time a frame. All fields are read that a record takes. "simdjson"
 * leaves prices and quantities as texts; "simdjson+decimals" makes exact integers and
 * exponents of them, which is what the others have to do too before they can compare.
 */
#include <fstream>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

#include "ticks.h"

namespace {

namespace json = simdjson::ondemand;

/* What is read goes somewhere, so that it is read. */
struct sink {
	std::uint64_t sum = 0;
	bool decimals = false;

	void take(std::uint64_t v) { sum += v; }

	void text(std::string_view t) { sum += t.size() + static_cast<unsigned char>(t.empty() ? 0 : t[0]); }

	void number(std::string_view t)
	{
		if (!decimals)
			return text(t);
		bool minus = !t.empty() && t[0] == '-', point = false;
		std::int64_t mantissa = 0;
		int exponent = 0;
		if (t.size() > 18)
			throw std::runtime_error("a number of more than 18 digits");
		for (char c : t.substr(minus)) {
			if (c == '.' && !point) {
				point = true;
				continue;
			}
			if (c < '0' || c > '9')
				throw std::runtime_error("no number");
			mantissa = mantissa * 10 + (c - '0');
			exponent -= point;
		}
		sum += static_cast<std::uint64_t>(minus ? -mantissa : mantissa) + static_cast<std::uint64_t>(exponent);
	}

	void number(json::value v) { number(std::string_view(v.get_string())); }

	void levels(json::array side)
	{
		for (json::array level : side)
			for (json::value v : level)
				number(v);
	}
};

void book_ticker(json::object r, sink &s)
{
	s.take(r["t"].get_uint64());
	s.take(r["u"].get_uint64());
	s.text(r["s"].get_string());
	for (const char *key : {"b", "B", "a", "A"})
		s.number(r[key].value());
}

void trade(json::object r, sink &s)
{
	s.take(r["id"].get_uint64());
	s.text(r["create_time_ms"].get_string()); // a time; what is behind its point has no place in a record
	s.text(r["side"].get_string());
	s.text(r["currency_pair"].get_string());
	s.number(r["amount"].value());
	s.number(r["price"].value());
}

void ticker(json::object r, sink &s)
{
	s.text(r["currency_pair"].get_string());
	for (const char *key : {"last", "lowest_ask", "highest_bid", "base_volume", "quote_volume", "high_24h", "low_24h"})
		s.number(r[key].value());
}

void update(json::object r, sink &s)
{
	s.take(r["t"].get_uint64());
	s.text(r["s"].get_string());
	s.take(r["U"].get_uint64());
	s.take(r["u"].get_uint64());
	s.levels(r["b"]);
	s.levels(r["a"]);
}

void full_update(json::object r, sink &s)
{
	s.take(r["t"].get_uint64());
	s.take(bool(r["full"].get_bool()));
	s.text(r["s"].get_string());
	s.take(r["u"].get_uint64());
	s.levels(r["b"]);
	s.levels(r["a"]);
}

void book(json::object r, sink &s)
{
	s.take(r["t"].get_uint64());
	s.take(r["lastUpdateId"].get_uint64());
	s.text(r["s"].get_string());
	s.levels(r["bids"]);
	s.levels(r["asks"]);
}

using body = void (*)(json::object, sink &);

body body_of(std::string_view channel)
{
	if (channel == "book_ticker")
		return book_ticker;
	if (channel == "trade")
		return trade;
	if (channel == "ticker")
		return ticker;
	if (channel == "order_book")
		return book;
	return channel == "obu" ? full_update : update;
}

struct frame {
	std::string channel;
	simdjson::padded_string text;
};

std::vector<frame> read_frames(const char *path)
{
	std::vector<frame> list;
	std::ifstream in(path);
	for (std::string line; std::getline(in, line);) {
		auto space = line.find(' ');
		list.push_back({line.substr(0, space), simdjson::padded_string(line.substr(space + 1))});
	}
	if (list.empty())
		throw std::runtime_error("no frames in " + std::string(path));
	return list;
}

/* The envelope of spot.obu has its time and event behind the result. */
void decode(json::parser &parser, const frame &f, body read, sink &s)
{
	json::document doc = parser.iterate(f.text);
	bool behind = f.channel == "obu";
	if (!behind)
		s.take(doc["time_ms"].get_uint64());
	s.text(doc["channel"].get_string());
	if (!behind)
		s.text(doc["event"].get_string());
	read(doc["result"].get_object(), s);
	if (behind) {
		s.take(doc["time_ms"].get_uint64());
		s.text(doc["event"].get_string());
	}
}

std::int64_t cpu_ns()
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return std::int64_t(ts.tv_sec) * 1000000000 + ts.tv_nsec;
}

volatile std::uint64_t result;

double ns_per_frame(const frame &f, bool decimals, std::int64_t for_ns)
{
	constexpr int batch = 64;
	json::parser parser;
	sink s;
	s.decimals = decimals;
	body read = body_of(f.channel);
	std::int64_t calls = 0, began = cpu_ns(), took;
	while ((took = cpu_ns() - began) < for_ns) {
		for (int i = 0; i < batch; i++)
			decode(parser, f, read, s);
		calls += batch;
	}
	result = s.sum;
	return double(took) / double(calls);
}

} // namespace

int main(int argc, char **argv)
try {
	if (argc != 4) {
		std::fprintf(stderr, "usage: simdjson FRAMES CPU MILLISECONDS\n");
		return 2;
	}
	pin(int(number(argv[2])));
	for (const frame &f : read_frames(argv[1]))
		for (bool decimals : {false, true})
			std::printf("decode %s %zu %s - %.2f\n", f.channel.c_str(), f.text.size(), decimals ? "simdjson+decimals" : "simdjson",
			            ns_per_frame(f, decimals, number(argv[3]) * 1000000));
	return 0;
} catch (const std::exception &e) {
	std::fprintf(stderr, "simdjson: %s\n", e.what());
	return 1;
}
