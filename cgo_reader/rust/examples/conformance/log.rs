//! Lines of the canonical log.

use std::fmt::Write as _;

use tickring::layout::*;
use tickring::{Body, Book};

const HASH_SEED: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x100_0000_01b3;
/// Words of the body in the first cache line.
const HEAD_BODY_WORDS: usize = 4;

/// A line while it is written.
pub struct Line(String);

/// What prints as a number, or as a word instead of one of its values.
pub trait Value {
    fn put(self, out: &mut String);
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn put(self, out: &mut String) {
                let _ = write!(out, "{self}");
            }
        }
    )*};
}
numbers!(u8, i8, u16, u32, u64, usize);

impl Value for i64 {
    fn put(self, out: &mut String) {
        match self {
            ABSENT => out.push_str("absent"),
            value => {
                let _ = write!(out, "{value}");
            }
        }
    }
}

impl Value for &str {
    fn put(self, out: &mut String) {
        out.push_str(self);
    }
}

/// A row of a table, 0xFFFF of none.
pub struct Row(pub u32);

impl Value for Row {
    fn put(self, out: &mut String) {
        match self.0 {
            0xffff => out.push_str("none"),
            row => row.put(out),
        }
    }
}

/// A name of the format, or the number.
pub struct Named(pub Option<&'static str>, pub u64);

impl Value for Named {
    fn put(self, out: &mut String) {
        match self.0 {
            Some(name) => out.push_str(name),
            None => self.1.put(out),
        }
    }
}

/// Bits by their names.
pub struct Set<F: Fn(u32) -> Option<&'static str>>(pub u32, pub F);

impl<F: Fn(u32) -> Option<&'static str>> Value for Set<F> {
    fn put(self, out: &mut String) {
        let bits = (0..u32::BITS).filter(|bit| self.0 >> bit & 1 == 1);
        let words: Vec<String> = bits
            .map(|bit| (self.1)(1 << bit).map_or_else(|| format!("BIT_{bit}"), str::to_owned))
            .collect();
        out.push_str(if words.is_empty() { "-" } else { "" });
        out.push_str(&words.join("|"));
    }
}

/// Text with a length.
pub struct Text<'a>(pub &'a [u8]);

impl Value for Text<'_> {
    fn put(self, out: &mut String) {
        out.push('"');
        for byte in self.0 {
            match byte {
                b'"' | b'\\' | 0..0x20 | 0x7f.. => {
                    let _ = write!(out, "\\x{byte:02x}");
                }
                byte => out.push(char::from(*byte)),
            }
        }
        out.push('"');
    }
}

/// Text that ends with the first zero byte.
pub struct Padded<'a>(pub &'a [u8]);

impl Value for Padded<'_> {
    fn put(self, out: &mut String) {
        let text = self.0.split(|byte| *byte == 0).next();
        Text(text.unwrap_or_default()).put(out);
    }
}

struct Levels<'a>(Vec<&'a Level>);

impl Value for Levels<'_> {
    fn put(self, out: &mut String) {
        for (i, level) in self.0.iter().enumerate() {
            out.push(if i == 0 { '[' } else { ',' });
            level.price.put(out);
            out.push(':');
            level.quantity.put(out);
        }
        out.push_str(if self.0.is_empty() { "[]" } else { "]" });
    }
}

/// The running hash over the words of records.
#[derive(Clone, Copy)]
pub struct Hash(pub u64);

impl Default for Hash {
    fn default() -> Hash {
        Hash(HASH_SEED)
    }
}

impl Hash {
    pub fn add(&mut self, record: &Record) {
        let packed = |bytes: [u8; 8]| u64::from_le_bytes(bytes);
        let [e1, e2] = [record.price_exponent, record.quantity_exponent].map(|e| e as u8);
        let [f1, f2] = record.flags.to_le_bytes();
        let [i1, i2] = record.instrument.to_le_bytes();
        self.word(record.commit);
        self.word(packed([
            record.kind,
            e1,
            e2,
            record.reserved,
            f1,
            f2,
            i1,
            i2,
        ]));
        self.word(record.recv_time_ns as u64);
        self.word(record.venue_sequence);
        record.body.iter().for_each(|word| self.word(*word));
        self.word(record.event_time_ns as u64);
        self.word(record.publish_time_ns as u64);
    }

    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(HASH_PRIME);
    }
}

impl Value for Hash {
    fn put(self, out: &mut String) {
        let _ = write!(out, "{:016x}", self.0);
    }
}

fn flag_name(bit: u32) -> Option<&'static str> {
    flags_name(u16::try_from(bit).ok()?)
}

impl Line {
    pub fn new(word: &str) -> Line {
        Line(word.to_owned())
    }

    pub fn end(self) -> String {
        self.0
    }

    pub fn key(mut self, key: &str, value: impl Value) -> Line {
        self.0.push(' ');
        self.0.push_str(key);
        self.0.push('=');
        value.put(&mut self.0);
        self
    }

    fn front(self, record: &Record) -> Line {
        self.key("sequence", record.sequence())
            .key("kind", Named(kind_name(record.kind), record.kind.into()))
            .key("flags", Set(record.flags.into(), flag_name))
            .key("instrument", Row(record.instrument.into()))
            .key("price_exponent", record.price_exponent)
            .key("quantity_exponent", record.quantity_exponent)
            .key("recv_time_ns", record.recv_time_ns)
            .key("venue_sequence", record.venue_sequence)
    }

    /// All of a record.
    pub fn record(self, record: &Record) -> Line {
        let line = self
            .front(record)
            .key("event_time_ns", record.event_time_ns)
            .key("publish_time_ns", record.publish_time_ns);
        let line = match record.body() {
            Body::BookTicker(body) => line.book_ticker(body),
            Body::Trade(body) => line.trade(body),
            Body::Depth(body) => line.depth(body),
            Body::Ticker(body) => line.ticker(body),
            Body::Status(body) => line.status(body),
            Body::Perpetual(body) => line.perpetual(body),
            Body::Unknown => line,
        };
        let mut hash = Hash::default();
        hash.add(record);
        line.key("hash", hash)
    }

    /// The first 64 bytes of a record.
    pub fn head(self, record: &Record) -> Line {
        let mut line = self.front(record).key("words", "");
        for (i, word) in record.body[..HEAD_BODY_WORDS].iter().enumerate() {
            line.0.push(if i == 0 { '[' } else { ',' });
            (*word as i64).put(&mut line.0);
        }
        line.0.push(']');
        line
    }

    fn book_ticker(self, body: &BookTicker) -> Line {
        self.key("bid_price", body.bid_price)
            .key("bid_quantity", body.bid_quantity)
            .key("ask_price", body.ask_price)
            .key("ask_quantity", body.ask_quantity)
            .key("send_time_ns", body.send_time_ns)
            .key("book_epoch", body.book_epoch)
            .key("connection", Row(body.connection.into()))
    }

    fn trade(self, body: &Trade) -> Line {
        let aggressor = Named(aggressor_name(body.aggressor), body.aggressor.into());
        let format = Named(id_format_name(body.id_format), body.id_format.into());
        self.key("price", body.price)
            .key("quantity", body.quantity)
            .key("trade_id", body.trade_id)
            .key("aggressor", aggressor)
            .key("id_format", format)
            .key("index", body.index)
            .key("count", body.count)
            .key("connection", Row(body.connection.into()))
            .key("send_time_ns", body.send_time_ns)
            .key("second_id", body.second_id)
            .key("text", Text(body.text_bytes()))
            .key("book_epoch", body.book_epoch)
            .key("id_suffix1", body.id_suffix1)
            .key("id_suffix2", body.id_suffix2)
    }

    fn depth(self, body: &Depth) -> Line {
        let levels = body.bid_levels().iter().chain(body.ask_levels());
        self.key("levels", Levels(levels.collect()))
            .key("first_sequence", body.first_sequence)
            .key("book_epoch", body.book_epoch)
            .key("connection", Row(body.connection.into()))
            .key("bids", body.bids)
            .key("asks", body.asks)
    }

    fn ticker(self, body: &Ticker) -> Line {
        self.key("last", body.last)
            .key("bid", body.bid)
            .key("ask", body.ask)
            .key("open", body.open)
            .key("high", body.high)
            .key("low", body.low)
            .key("base_volume", body.base_volume)
            .key("quote_volume", body.quote_volume)
            .key("window_end_ns", body.window_end_ns)
            .key("base_volume_exponent", body.base_volume_exponent)
            .key("quote_volume_exponent", body.quote_volume_exponent)
            .key("connection", Row(body.connection.into()))
            .key("book_epoch", body.book_epoch)
    }

    fn status(self, body: &Status) -> Line {
        // Statuses and codes of other protocols have a base in the format, but no name.
        let reason = match body.reason {
            REASON_HTTP_BASE.. => None,
            reason => reason_name(reason),
        };
        self.key("code", Named(status_code_name(body.code), body.code.into()))
            .key("scope", Named(scope_name(body.scope), body.scope.into()))
            .key("reason", Named(reason, body.reason.into()))
            .key("book_epoch", body.book_epoch)
            .key("connection", Row(body.connection.into()))
            .key("first_missing", body.first_missing)
            .key("last_missing", body.last_missing)
            .key("since_ns", body.since_ns)
            .key("text", Text(body.text_bytes()))
    }

    fn perpetual(self, body: &Perpetual) -> Line {
        self.key("mark_price", body.mark_price)
            .key("index_price", body.index_price)
            .key("funding_rate", body.funding_rate)
            .key("funding_time_ns", body.funding_time_ns)
            .key("open_interest", body.open_interest)
            .key("send_time_ns", body.send_time_ns)
            .key("book_epoch", body.book_epoch)
            .key("connection", Row(body.connection.into()))
            .key("funding_exponent", body.funding_exponent)
            .key("open_interest_exponent", body.open_interest_exponent)
    }

    pub fn book(self, book: &Book) -> Line {
        let head = book.header();
        let flags = |bit| book_flag_name(u16::try_from(bit).ok()?);
        self.key("version", head.version)
            .key("as_of", head.as_of)
            .key("event_time_ns", head.event_time_ns)
            .key("recv_time_ns", head.recv_time_ns)
            .key("venue_sequence", head.venue_sequence)
            .key("book_epoch", head.book_epoch)
            .key("bid_count", head.bid_count)
            .key("ask_count", head.ask_count)
            .key("price_exponent", head.price_exponent)
            .key("quantity_exponent", head.quantity_exponent)
            .key("flags", Set(head.flags.into(), flags))
            .key("publish_time_ns", head.publish_time_ns)
            .key("bids", Levels(book.bids().collect()))
            .key("asks", Levels(book.asks().collect()))
    }

    pub fn instrument(self, row: &Instrument) -> Line {
        self.key("symbol", Text(&row.symbol_bytes()))
            .key("channels", Set(row.channels, channel_name))
            .key("venue_symbol", Padded(&row.venue_symbol))
            .key("base", Padded(&row.base))
            .key("quote", Padded(&row.quote))
            .key("tick", row.tick)
            .key("lot", row.lot)
            .key("tick_exponent", row.tick_exponent)
            .key("lot_exponent", row.lot_exponent)
            .key("price_exponent", row.price_exponent)
            .key("quantity_exponent", row.quantity_exponent)
            .key("multiplier_exponent", row.multiplier_exponent)
            .key("multiplier", row.multiplier)
            .key("added_time_ns", row.added_time_ns)
    }

    pub fn state(self, state: &InstrumentState) -> Line {
        self.key("bits", Set(state.bits(), state_bit_name))
            .key("book_epoch", state.book_epoch())
            .key("last_seen_ns", state.last_seen_ns)
            .key("book_ticker_last_seen_ns", state.book_ticker_last_seen_ns)
            .key("trade_last_seen_ns", state.trade_last_seen_ns)
            .key("depth_last_seen_ns", state.depth_last_seen_ns)
            .key("ticker_last_seen_ns", state.ticker_last_seen_ns)
            .key("connection", Row(state.connection))
            .key("stale", Set(state.stale, channel_name))
            .key("acknowledged", Set(state.acknowledged, channel_name))
            .key("refused", Set(state.refused, channel_name))
    }

    pub fn connection(self, row: &Connection) -> Line {
        let state = Named(connection_state_name(row.state), row.state.into());
        self.key("state", state)
            .key("last_receive_ns", row.last_receive_ns)
            .key("connected_since_ns", row.connected_since_ns)
            .key("reconnects", row.reconnects)
            .key("frames", row.frames)
            .key("bytes", row.bytes)
            .key("decode_errors", row.decode_errors)
            .key("round_trip_ns", row.round_trip_ns)
            .key("endpoint", Padded(&row.endpoint))
    }
}
