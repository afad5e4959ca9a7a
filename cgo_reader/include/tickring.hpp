/*
 * tickring.hpp: read tickring segments from C++20. A thin layer over tickring.h, which says
 * what every call means; link with the C library.
 *
 *     tickring::reader feed("gateio");
 *     for (;;) {
 *         for (const tickring::record &rec : feed.records(std::chrono::seconds(1)))
 *             if (const auto *best = rec.book_ticker())
 *                 use(rec.price(best->bid_price), rec.price(best->ask_price));
 *         if (feed.last() == tickring::answer::overrun)
 *             refresh(feed.lost());
 *         else if (feed.last() >= tickring::answer::closed)
 *             break;
 *     }
 *
 * Only constructors and what is documented to allocate can throw: tickring::error, or
 * std::bad_alloc. Everything else is noexcept, allocates nothing, and copies a record once,
 * into memory of the reader. With exceptions off, use reader::attach, which returns errors.
 *
 * Threads: as in tickring.h. A reader or poller belongs to one thread at a time; const
 * members may be called by others meanwhile.
 */
#ifndef TICKRING_HPP
#define TICKRING_HPP

#if __cplusplus < 202002L
#error "tickring.hpp needs C++20; tickring.h is enough for C++17"
#endif

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tickring.h"

namespace tickring {

using level = tickring_level;
using options = tickring_options;
using stats = tickring_stats;
using nanoseconds = std::chrono::nanoseconds;

/* What next and the board say; see tickring_next. */
enum class answer : int {
	record = TICKRING_RECORD,
	empty = TICKRING_EMPTY,
	overrun = TICKRING_OVERRUN,
	stale = TICKRING_STALE,
	closed = TICKRING_CLOSED,
	superseded = TICKRING_SUPERSEDED,
	damaged = TICKRING_DAMAGED,
	busy = TICKRING_BUSY
};

/* A TICKRING_E code as an exception; what() is tickring_strerror's line. */
class error : public std::runtime_error {
public:
	explicit error(int code) : std::runtime_error(tickring_strerror(code)), code_(code) {}
	int code() const noexcept { return code_; }

private:
	int code_;
};

namespace detail {
[[noreturn]] inline void fail(int code)
{
#if defined(__cpp_exceptions)
	throw error(code);
#else
	(void)code;
	std::abort();
#endif
}
} // namespace detail

/*
 * One record: tickring_record with what its kind allows. A body of another kind is nullptr.
 */
struct record : tickring_record {
	std::uint64_t sequence() const noexcept { return tickring_sequence(this); }
	bool has(unsigned flag) const noexcept { return (flags & flag) != 0; }

	const tickring_book_ticker *book_ticker() const noexcept
	{
		return kind == TICKRING_KIND_BOOK_TICKER ? &body.book_ticker : nullptr;
	}
	const tickring_trade *trade() const noexcept
	{
		return kind == TICKRING_KIND_TRADE ? &body.trade : nullptr;
	}
	const tickring_depth *depth() const noexcept
	{
		return kind == TICKRING_KIND_DEPTH ? &body.depth : nullptr;
	}
	const tickring_ticker *ticker() const noexcept
	{
		return kind == TICKRING_KIND_TICKER ? &body.ticker : nullptr;
	}
	const tickring_status *status() const noexcept
	{
		return kind == TICKRING_KIND_STATUS ? &body.status : nullptr;
	}
	const tickring_perpetual *perpetual() const noexcept
	{
		return kind == TICKRING_KIND_PERPETUAL ? &body.perpetual : nullptr;
	}

	/* Levels of a DEPTH record, at most 4; none of any other. They live as long as it. */
	std::span<const level> bids() const noexcept
	{
		return kind == TICKRING_KIND_DEPTH ? std::span<const level>(body.depth.levels, body.depth.bids)
		                                   : std::span<const level>();
	}
	std::span<const level> asks() const noexcept
	{
		return kind == TICKRING_KIND_DEPTH
		               ? std::span<const level>(body.depth.levels + body.depth.bids, body.depth.asks)
		               : std::span<const level>();
	}
	/* Text of a STATUS record, or a trade's id that is text. It lives as long as the record. */
	std::string_view text() const noexcept
	{
		if (kind == TICKRING_KIND_STATUS)
			return {body.status.text, body.status.text_length};
		if (kind == TICKRING_KIND_TRADE)
			return {body.trade.text, body.trade.text_length};
		return {};
	}
	/* The nearest double of a mantissa of this record, NaN when absent. Compare mantissas. */
	double price(std::int64_t mantissa) const noexcept { return tickring_price_double(this, mantissa); }
	double quantity(std::int64_t mantissa) const noexcept
	{
		return tickring_quantity_double(this, mantissa);
	}
};
static_assert(sizeof(record) == TICKRING_RECORD_SIZE);

/* mantissa x 10^exponent as a canonical decimal, "" when absent. Allocates. */
inline std::string decimal_text(std::int64_t mantissa, int exponent)
{
	std::array<char, TICKRING_DECIMAL_TEXT_MAX> text;
	return {text.data(), tickring_decimal_text(mantissa, exponent, text.data(), text.size())};
}

/* A private copy of a board book. The constructor allocates, reading does not. */
class book {
public:
	/* depth: levels a side to keep, reader_view::book_depth for all. */
	explicit book(std::uint32_t depth) : bids_(depth), asks_(depth) {}
	const tickring_book_header &header() const noexcept { return header_; }
	/* Best level first, as many as the book has and this one keeps. */
	std::span<const level> bids() const noexcept { return side(bids_, header_.bid_count); }
	std::span<const level> asks() const noexcept { return side(asks_, header_.ask_count); }
	/* Synchronised and not suspect: may be traded on. */
	bool valid() const noexcept
	{
		return (header_.flags & (TICKRING_BOOK_VALID | TICKRING_BOOK_SUSPECT)) == TICKRING_BOOK_VALID;
	}

private:
	friend class reader_view;
	static std::span<const level> side(const std::vector<level> &levels, std::size_t count) noexcept
	{
		return {levels.data(), count < levels.size() ? count : levels.size()};
	}
	tickring_book_header header_{};
	std::vector<level> bids_;
	std::vector<level> asks_;
};

/* What may be asked of a segment without moving the cursor. It owns nothing. */
class reader_view {
public:
	explicit reader_view(tickring_reader *handle) noexcept : handle_(handle) {}
	/* The reader of the C interface; nullptr after a move or a failed attach. */
	tickring_reader *handle() const noexcept { return handle_; }
	explicit operator bool() const noexcept { return handle_ != nullptr; }

	/* Newest record of an instrument; slot is one of TICKRING_BOARD. record, empty, busy, damaged. */
	answer board(std::uint32_t id, std::uint32_t slot, record &out) const noexcept
	{
		return answer(tickring_board(handle_, id, slot, &out));
	}
	/* Top of an instrument's book. record, empty, busy, damaged. */
	answer read(std::uint32_t id, book &out) const noexcept
	{
		return answer(tickring_book(handle_, id, &out.header_, out.bids_.data(), out.asks_.data(),
		                            static_cast<std::uint32_t>(out.bids_.size())));
	}

	std::uint32_t instrument_count() const noexcept { return tickring_instrument_count(handle_); }
	/* Row of "BTC/USDT" or of the venue's spelling. Holds within one generation. */
	std::optional<std::uint32_t> find(const char *symbol) const noexcept
	{
		std::uint32_t id = 0;
		return tickring_find(handle_, symbol, &id) == 0 ? std::optional(id) : std::nullopt;
	}
	/* "BTC/USDT", "" for no row. Allocates. */
	std::string symbol(std::uint32_t id) const
	{
		std::array<char, TICKRING_SYMBOL_MAX> text{};
		return tickring_symbol(handle_, id, text.data(), text.size()) == 0 ? text.data() : "";
	}
	std::optional<tickring_instrument> instrument(std::uint32_t id) const noexcept
	{
		tickring_instrument row;
		return tickring_get_instrument(handle_, id, &row) == 0 ? std::optional(row) : std::nullopt;
	}
	std::optional<tickring_instrument_state> state(std::uint32_t id) const noexcept
	{
		tickring_instrument_state row;
		return tickring_get_instrument_state(handle_, id, &row) == 0 ? std::optional(row) : std::nullopt;
	}
	std::optional<tickring_connection> connection(std::uint32_t id) const noexcept
	{
		tickring_connection row;
		return tickring_get_connection(handle_, id, &row) == 0 ? std::optional(row) : std::nullopt;
	}

	/* Live, verified, and received within so long; see tickring_fresh_within. */
	bool fresh_within(std::uint32_t id, nanoseconds within) const noexcept
	{
		return tickring_fresh_within(handle_, id, within.count()) != 0;
	}
	/* Age of the newest book ticker; nothing when there was none. */
	std::optional<nanoseconds> quote_age(std::uint32_t id) const noexcept
	{
		std::int64_t age = tickring_quote_age_ns(handle_, id);
		return age >= 0 ? std::optional(nanoseconds(age)) : std::nullopt;
	}

	std::string_view feed() const noexcept { return tickring_feed(handle_); }
	std::string_view venue() const noexcept { return tickring_venue(handle_); }
	std::uint64_t generation() const noexcept { return tickring_generation(handle_); }
	std::uint32_t source() const noexcept { return tickring_source(handle_); }
	std::uint32_t segment_state() const noexcept { return tickring_segment_state(handle_); }
	std::uint64_t slots() const noexcept { return tickring_slots(handle_); }
	std::uint32_t book_depth() const noexcept { return tickring_book_depth(handle_); }
	std::uint64_t watermark() const noexcept { return tickring_watermark(handle_); }
	std::uint64_t last_sequence() const noexcept { return tickring_last_sequence(handle_); }
	std::uint64_t counter(std::uint32_t index) const noexcept { return tickring_counter(handle_, index); }
	std::uint64_t next_sequence() const noexcept { return tickring_next_sequence(handle_); }
	std::uint64_t lag() const noexcept { return tickring_lag(handle_); }
	stats statistics() const noexcept { return tickring_get_stats(handle_); }

protected:
	tickring_reader *handle_;
};

/* A cursor over a feed, detached with the object. It can be moved, not copied. */
class reader : public reader_view {
	class range;

public:
	/* Attach to a feed by name, in dir or else TICKRING_DIR or /dev/shm/tickring. Throws error. */
	explicit reader(const char *feed, const char *dir = nullptr, const options &o = defaults())
		: reader_view(nullptr)
	{
		check(tickring_attach(dir, feed, &o, &handle_));
	}
	/* As above, and wait for a feed that is not there yet; negative: for ever. Blocks, throws. */
	reader(const char *feed, nanoseconds wait, const char *dir = nullptr, const options &o = defaults())
		: reader_view(nullptr)
	{
		check(tickring_attach_wait(dir, feed, &o, wait.count(), &handle_));
	}
	/* Attach by the path of the file. Throws error. */
	static reader at_path(const char *path, const options &o = defaults())
	{
		int err = 0;
		reader r = at_path(path, err, o);
		check(err);
		return r;
	}
	/* The same without exceptions: err is 0 or a TICKRING_E code, and then the reader is empty. */
	static reader attach(const char *feed, int &err, const char *dir = nullptr,
	                     const options &o = defaults()) noexcept
	{
		reader r;
		err = tickring_attach(dir, feed, &o, &r.handle_);
		return r;
	}
	static reader attach(const char *feed, nanoseconds wait, int &err, const char *dir = nullptr,
	                     const options &o = defaults()) noexcept
	{
		reader r;
		err = tickring_attach_wait(dir, feed, &o, wait.count(), &r.handle_);
		return r;
	}
	static reader at_path(const char *path, int &err, const options &o = defaults()) noexcept
	{
		reader r;
		err = tickring_attach_path(path, &o, &r.handle_);
		return r;
	}
	/* Options whose size is set and all else is the default. */
	static constexpr options defaults() noexcept
	{
		options o{};
		o.size = sizeof(options);
		return o;
	}

	/* An empty reader: only to be assigned to. */
	reader() noexcept : reader_view(nullptr) {}
	reader(const reader &) = delete;
	reader &operator=(const reader &) = delete;
	reader(reader &&other) noexcept
		: reader_view(std::exchange(other.handle_, nullptr)), rec_(other.rec_), lost_(other.lost_),
		  last_(other.last_)
	{
	}
	reader &operator=(reader &&other) noexcept
	{
		if (this != &other) {
			tickring_detach(handle_);
			handle_ = std::exchange(other.handle_, nullptr);
			rec_ = other.rec_;
			lost_ = other.lost_;
			last_ = other.last_;
		}
		return *this;
	}
	~reader() { tickring_detach(handle_); }

	/* Copy the next record; lost() after overrun. */
	answer next(record &out) noexcept
	{
		return last_ = answer(tickring_next(handle_, &out, &lost_));
	}
	/* The first 64 bytes alone; the rest of out keeps what it had. */
	answer next_head(record &out) noexcept
	{
		return last_ = answer(tickring_next_head(handle_, &out, &lost_));
	}
	/*
	 * A range over the records that are there, which waits for each at most so long. It ends
	 * with any answer that is not a record (an overrun is never passed over in silence):
	 * last() is that answer. The record it gives is overwritten by the next step.
	 */
	range records(nanoseconds wait = nanoseconds(0)) noexcept { return range(*this, wait); }
	/* The last answer of next, next_head or of a range. */
	answer last() const noexcept { return last_; }
	/* How many records the last overrun cost. */
	std::uint64_t lost() const noexcept { return lost_; }
	/* Until next has something to say, at most so long; see tickring_wait. Blocks. */
	answer wait(nanoseconds timeout) noexcept { return answer(tickring_wait(handle_, timeout.count())); }

	/* Name this reader for `tickring stat`, see tickring_register: 0 or a TICKRING_E code. */
	int register_as(const char *name) noexcept { return tickring_register(handle_, name); }
	void unregister() noexcept { tickring_unregister(handle_); }
	bool registered() const noexcept { return tickring_registered(handle_) != 0; }

	/* Move to another generation of the same name: 0 or a TICKRING_E code. */
	int reattach() noexcept { return tickring_reattach(handle_); }
	void from_oldest() noexcept { tickring_from_oldest(handle_); }
	void from_latest() noexcept { tickring_from_latest(handle_); }
	/* Late join; returns the watermark, see tickring_join. */
	std::uint64_t join() noexcept { return tickring_join(handle_); }
	/*
	 * Only these kinds (TICKRING_KIND values, none: all) and symbols (none: all) from now on;
	 * see tickring_filter. 0 or a TICKRING_E code. Allocates.
	 */
	int filter(std::initializer_list<unsigned> kinds, std::span<const char *const> symbols = {}) noexcept
	{
		std::uint32_t set = 0;
		for (unsigned kind : kinds)
			set |= TICKRING_KIND_BIT(kind);
		return tickring_filter(handle_, set, symbols.data(), symbols.size());
	}

private:
	friend class poller;

	static void check(int err)
	{
		if (err != 0)
			detail::fail(err);
	}

	class range {
	public:
		class iterator {
		public:
			using value_type = record;
			using difference_type = std::ptrdiff_t;
			iterator(reader &r, nanoseconds wait) noexcept : reader_(&r), wait_(wait) { ++*this; }
			const record &operator*() const noexcept { return reader_->rec_; }
			const record *operator->() const noexcept { return &reader_->rec_; }
			iterator &operator++() noexcept
			{
				while (quiet(reader_->next(reader_->rec_)) && wait_.count() != 0)
					if (quiet(reader_->last_ = reader_->wait(wait_)))
						break;
				return *this;
			}
			void operator++(int) noexcept { ++*this; }
			friend bool operator==(const iterator &i, std::default_sentinel_t) noexcept
			{
				return i.reader_->last() != answer::record;
			}

		private:
			static bool quiet(answer a) noexcept { return a == answer::empty || a == answer::stale; }
			reader *reader_;
			nanoseconds wait_;
		};
		range(reader &r, nanoseconds wait) noexcept : reader_(&r), wait_(wait) {}
		iterator begin() const noexcept { return iterator(*reader_, wait_); }
		std::default_sentinel_t end() const noexcept { return {}; }

	private:
		reader *reader_;
		nanoseconds wait_;
	};

	record rec_{};
	std::uint64_t lost_ = 0;
	answer last_ = answer::empty;
};

/* Several feeds merged on one clock; see tickring_poller_next. It can be moved, not copied. */
class poller {
public:
	/* Throws error when there is no memory. */
	poller()
	{
		int err = tickring_poller_new(&handle_);
		if (err != 0)
			detail::fail(err);
	}
	poller(const poller &) = delete;
	poller &operator=(const poller &) = delete;
	poller(poller &&other) noexcept
		: handle_(std::exchange(other.handle_, nullptr)), lost_(other.lost_), feed_(other.feed_)
	{
	}
	poller &operator=(poller &&other) noexcept
	{
		std::swap(handle_, other.handle_);
		lost_ = other.lost_;
		feed_ = other.feed_;
		return *this;
	}
	~poller() { tickring_poller_free(handle_); }

	/* Take a reader over; its number, or a TICKRING_E code and r is as before. */
	int add(reader &&r) noexcept
	{
		int feed = tickring_poller_add(handle_, r.handle_);
		if (feed >= 0)
			r.handle_ = nullptr;
		return feed;
	}
	/* The next answer; feed() says whose, lost() how many after overrun. */
	answer next(record &out) noexcept
	{
		return answer(tickring_poller_next(handle_, &out, &lost_, &feed_));
	}
	std::uint32_t feed() const noexcept { return feed_; }
	std::uint64_t lost() const noexcept { return lost_; }
	/* Until next has something to say, at most so long. Blocks. */
	answer wait(nanoseconds timeout) noexcept
	{
		return answer(tickring_poller_wait(handle_, timeout.count()));
	}
	/* Board, tables and facts of a feed; empty for a number out of range. */
	reader_view operator[](std::uint32_t feed) const noexcept
	{
		return reader_view(tickring_poller_reader(handle_, feed));
	}

private:
	tickring_poller *handle_ = nullptr;
	std::uint64_t lost_ = 0;
	std::uint32_t feed_ = 0;
};

} // namespace tickring

#endif
