//! One record as one line of JSON, the bytes that `tickring tail --json` prints.

use std::io::Write as _;

use crate::backend::Backend;
use crate::decimal::Decimal;
use crate::layout::{
    self, ABSENT, BookTicker, Depth, Level, NO_CONNECTION, Perpetual, Record, Status, Ticker, Trade,
};
use crate::reader::ReaderOver;
use crate::record::Body;

/// Bits of a record's flags.
const FLAG_BITS: u16 = u16::BITS as u16;
/// Ranges of reasons that carry a number of another protocol.
const HTTP_RANGE: std::ops::Range<u32> = layout::REASON_HTTP_BASE..2 * layout::REASON_HTTP_BASE;

/// Appends the record, with a line feed at its end, to `out`. The symbol is looked
/// up in the reader's segment, which must be the one that the record came from.
pub fn write_record<B: Backend>(reader: &ReaderOver<B>, record: &Record, out: &mut Vec<u8>) {
    let mut line = Line { out };
    line.number_raw("{\"seq\":", record.sequence());
    line.raw(",\"kind\":\"");
    line.lower(name_or(
        layout::kind_name(record.kind),
        "KIND",
        record.kind.into(),
    ));
    line.raw("\",\"feed\":");
    line.text(reader.feed_bytes());
    line.raw(",\"venue\":");
    line.text(reader.venue_bytes());
    line.raw(",\"symbol\":");
    match reader.instrument(record.instrument) {
        Some(row) => line.text(&row.symbol_bytes()),
        None => line.raw("null"),
    }
    line.flags(record.flags);
    line.time("recv_time_ns", record.recv_time_ns);
    line.time("publish_time_ns", record.publish_time_ns);
    line.time("event_time_ns", record.event_time_ns);
    line.sequence("venue_sequence", record.venue_sequence);
    let (epoch, connection) = provenance(record);
    line.number_raw(",\"book_epoch\":", epoch);
    line.key("connection");
    match connection {
        NO_CONNECTION => line.raw("null"),
        row => line.number(row),
    }
    line.body(record);
    line.raw("}\n");
}

fn provenance(record: &Record) -> (u32, u16) {
    match record.body() {
        Body::BookTicker(b) => (b.book_epoch, b.connection),
        Body::Trade(b) => (b.book_epoch, b.connection),
        Body::Depth(b) => (b.book_epoch, b.connection),
        Body::Ticker(b) => (b.book_epoch, b.connection),
        Body::Status(b) => (b.book_epoch, b.connection),
        Body::Perpetual(b) => (b.book_epoch, b.connection),
        Body::Unknown => (0, NO_CONNECTION),
    }
}

/// A name of the format, or the type's word and the number.
fn name_or(name: Option<&'static str>, word: &str, value: u64) -> String {
    name.map_or_else(|| format!("{word}_{value}"), str::to_owned)
}

fn reason_text(reason: u32) -> String {
    if HTTP_RANGE.contains(&reason) {
        return format!("HTTP_{}", reason - layout::REASON_HTTP_BASE);
    }
    if reason >= layout::REASON_CLOSE_CODE_BASE {
        return format!("CLOSE_{}", reason - layout::REASON_CLOSE_CODE_BASE);
    }
    name_or(layout::reason_name(reason), "REASON", reason.into())
}

/// The venue's text of a trade id; None where there is none.
fn trade_id(trade: &Trade) -> Option<Vec<u8>> {
    match trade.id_format {
        layout::ID_UINT64 => Some(trade.trade_id.to_string().into_bytes()),
        layout::ID_TEXT => Some(trade.text_bytes().to_vec()),
        layout::ID_MEXC_PAIR => Some(
            format!(
                "{}X{}_{}X{}",
                trade.trade_id, trade.id_suffix1, trade.second_id, trade.id_suffix2
            )
            .into_bytes(),
        ),
        _ => None,
    }
}

/// A line under construction.
struct Line<'a> {
    out: &'a mut Vec<u8>,
}

impl Line<'_> {
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, value: impl std::fmt::Display) {
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn number_raw(&mut self, before: &str, value: impl std::fmt::Display) {
        self.raw(before);
        self.number(value);
    }

    fn lower(&mut self, name: String) {
        self.raw(&name.to_ascii_lowercase());
    }

    fn key(&mut self, key: &str) {
        self.raw(",\"");
        self.raw(key);
        self.raw("\":");
    }

    /// A JSON string: quotes and backslashes escaped, control bytes as \u00xx, what
    /// is no UTF-8 as \ufffd a byte.
    fn text(&mut self, bytes: &[u8]) {
        self.raw("\"");
        for chunk in bytes.utf8_chunks() {
            chunk.valid().bytes().for_each(|byte| self.byte(byte));
            chunk.invalid().iter().for_each(|_| self.raw("\\ufffd"));
        }
        self.raw("\"");
    }

    fn byte(&mut self, byte: u8) {
        match byte {
            b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                let _ = write!(self.out, "\\u{byte:04x}");
            }
            _ => self.out.push(byte),
        }
    }

    fn flags(&mut self, flags: u16) {
        self.raw(",\"flags\":[");
        let set = (0..FLAG_BITS).filter(|bit| flags >> bit & 1 == 1);
        for (i, bit) in set.enumerate() {
            self.raw(if i == 0 { "\"" } else { ",\"" });
            self.raw(&name_or(layout::flags_name(1 << bit), "BIT", bit.into()));
            self.raw("\"");
        }
        self.raw("]");
    }

    fn time(&mut self, key: &str, value: i64) {
        self.key(key);
        match value {
            ABSENT => self.raw("null"),
            value => self.number(value),
        }
    }

    fn sequence(&mut self, key: &str, value: u64) {
        self.key(key);
        match value {
            0 => self.raw("null"),
            value => self.number(value),
        }
    }

    fn decimal(&mut self, value: Option<Decimal>) {
        match value {
            None => self.raw("null"),
            Some(value) => {
                self.raw("\"");
                value.write_to(self.out);
                self.raw("\"");
            }
        }
    }

    fn decimals<const N: usize>(&mut self, fields: [(&str, Option<Decimal>); N]) {
        for (key, value) in fields {
            self.key(key);
            self.decimal(value);
        }
    }

    fn body(&mut self, record: &Record) {
        match record.body() {
            Body::BookTicker(body) => self.book_ticker(record, body),
            Body::Trade(body) => self.trade(record, body),
            Body::Depth(body) => self.depth(record, body),
            Body::Ticker(body) => self.ticker(record, body),
            Body::Status(body) => self.status(body),
            Body::Perpetual(body) => self.perpetual(record, body),
            Body::Unknown => {}
        }
    }

    fn book_ticker(&mut self, record: &Record, body: &BookTicker) {
        self.decimals([
            ("bid_price", record.price(body.bid_price)),
            ("bid_quantity", record.quantity(body.bid_quantity)),
            ("ask_price", record.price(body.ask_price)),
            ("ask_quantity", record.quantity(body.ask_quantity)),
        ]);
        self.time("send_time_ns", body.send_time_ns);
    }

    fn trade(&mut self, record: &Record, body: &Trade) {
        self.decimals([
            ("price", record.price(body.price)),
            ("quantity", record.quantity(body.quantity)),
        ]);
        self.key("trade_id");
        match trade_id(body) {
            Some(id) => self.text(&id),
            None => self.raw("null"),
        }
        self.raw(",\"aggressor\":\"");
        self.raw(match body.aggressor {
            layout::AGGRESSOR_BUY => "buy",
            layout::AGGRESSOR_SELL => "sell",
            _ => "unknown",
        });
        self.number_raw("\",\"index\":", body.index);
        self.number_raw(",\"count\":", body.count);
        self.time("send_time_ns", body.send_time_ns);
    }

    fn depth(&mut self, record: &Record, body: &Depth) {
        self.sequence("first_sequence", body.first_sequence);
        self.levels("bids", record, body.bid_levels());
        self.levels("asks", record, body.ask_levels());
    }

    fn levels(&mut self, key: &str, record: &Record, levels: &[Level]) {
        self.key(key);
        self.raw("[");
        for (i, level) in levels.iter().enumerate() {
            self.raw(if i == 0 { "[" } else { ",[" });
            self.decimal(record.price(level.price));
            self.raw(",");
            self.decimal(record.quantity(level.quantity));
            self.raw("]");
        }
        self.raw("]");
    }

    fn ticker(&mut self, record: &Record, body: &Ticker) {
        self.decimals([
            ("last", record.price(body.last)),
            ("bid", record.price(body.bid)),
            ("ask", record.price(body.ask)),
            ("open", record.price(body.open)),
            ("high", record.price(body.high)),
            ("low", record.price(body.low)),
            (
                "base_volume",
                Decimal::new(body.base_volume, body.base_volume_exponent),
            ),
            (
                "quote_volume",
                Decimal::new(body.quote_volume, body.quote_volume_exponent),
            ),
        ]);
        self.time("window_end_ns", body.window_end_ns);
    }

    fn status(&mut self, body: &Status) {
        self.raw(",\"code\":\"");
        self.raw(&name_or(
            layout::status_code_name(body.code),
            "STATUS_CODE",
            body.code.into(),
        ));
        self.raw("\",\"scope\":\"");
        self.lower(name_or(
            layout::scope_name(body.scope),
            "SCOPE",
            body.scope.into(),
        ));
        self.raw("\"");
        self.key("reason");
        match body.reason {
            layout::REASON_NONE => self.raw("null"),
            reason => self.text(reason_text(reason).as_bytes()),
        }
        self.key("text");
        match body.text_bytes() {
            [] => self.raw("null"),
            text => self.text(text),
        }
        self.sequence("first_missing", body.first_missing);
        self.sequence("last_missing", body.last_missing);
        self.time("since_ns", body.since_ns);
    }

    fn perpetual(&mut self, record: &Record, body: &Perpetual) {
        self.decimals([
            ("mark_price", record.price(body.mark_price)),
            ("index_price", record.price(body.index_price)),
            (
                "funding_rate",
                Decimal::new(body.funding_rate, body.funding_exponent),
            ),
        ]);
        self.time("funding_time_ns", body.funding_time_ns);
        self.decimals([(
            "open_interest",
            Decimal::new(body.open_interest, body.open_interest_exponent),
        )]);
        self.time("send_time_ns", body.send_time_ns);
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
