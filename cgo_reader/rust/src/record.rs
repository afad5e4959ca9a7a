//! Typed looks at private copies: records and their bodies, instruments. Needs no
//! operating system.

use crate::decimal::Decimal;
use crate::layout::{
    self, BookTicker, Depth, Instrument, InstrumentState, Level, Perpetual, Record, Status, Ticker,
    Trade,
};
use crate::view::view;

/// The body of a record, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Best bid and ask.
    BookTicker(&'a BookTicker),
    /// One execution.
    Trade(&'a Trade),
    /// Up to four levels.
    Depth(&'a Depth),
    /// Rolling statistics.
    Ticker(&'a Ticker),
    /// The truth about the data.
    Status(&'a Status),
    /// Mark, index, funding, open interest.
    Perpetual(&'a Perpetual),
    /// A kind this version does not know; a reader never hands one out.
    Unknown,
}

impl Record {
    /// The ring's number of this record, from 1. With the segment's generation it
    /// names the record for good.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.commit / 2
    }

    /// Whether every bit of `flags` (FLAG_ constants) is set.
    #[must_use]
    pub fn has(&self, flags: u16) -> bool {
        self.flags & flags == flags
    }

    /// A record from its 16 words, as they stand in the ring.
    ///
    /// ```
    /// use tickring::{Body, Record, layout};
    ///
    /// let mut words = [0u64; 16];
    /// words[0] = 2 * 7; // record 7, whole
    /// words[1] = u64::from(layout::KIND_BOOK_TICKER) | 0xfe << 8; // prices in cents
    /// words[4] = 123;
    /// let record = Record::from_words(&words);
    /// let Body::BookTicker(best) = record.body() else { unreachable!() };
    /// assert_eq!(record.sequence(), 7);
    /// assert_eq!(record.price(best.bid_price).unwrap().to_f64(), 1.23);
    /// ```
    #[must_use]
    pub fn from_words(words: &[u64; layout::RECORD_SIZE / 8]) -> Record {
        *view(words)
    }

    /// The body, by kind.
    #[must_use]
    #[inline]
    pub fn body(&self) -> Body<'_> {
        let words = &self.body;
        match self.kind {
            layout::KIND_BOOK_TICKER => Body::BookTicker(view(words)),
            layout::KIND_TRADE => Body::Trade(view(words)),
            layout::KIND_DEPTH => Body::Depth(view(words)),
            layout::KIND_TICKER => Body::Ticker(view(words)),
            layout::KIND_STATUS => Body::Status(view(words)),
            layout::KIND_PERPETUAL => Body::Perpetual(view(words)),
            _ => Body::Unknown,
        }
    }

    /// A price of this record as an exact decimal; None where it is absent.
    #[must_use]
    pub fn price(&self, mantissa: i64) -> Option<Decimal> {
        Decimal::new(mantissa, self.price_exponent)
    }

    /// A quantity of this record as an exact decimal; None where it is absent.
    #[must_use]
    pub fn quantity(&self, mantissa: i64) -> Option<Decimal> {
        Decimal::new(mantissa, self.quantity_exponent)
    }

    /// Whether a writer could have written this: its kind is known and its inner
    /// lengths lie within it.
    #[must_use]
    #[inline]
    pub fn is_sane(&self) -> bool {
        match self.body() {
            Body::BookTicker(_) | Body::Ticker(_) | Body::Perpetual(_) => true,
            Body::Trade(trade) => usize::from(trade.text_length) <= trade.text.len(),
            Body::Status(status) => usize::from(status.text_length) <= status.text.len(),
            Body::Depth(depth) => depth.level_count() <= depth.levels.len(),
            Body::Unknown => false,
        }
    }
}

impl Depth {
    fn level_count(&self) -> usize {
        usize::from(self.bids) + usize::from(self.asks)
    }

    /// The bids of this record, in the venue's order; quantity 0 deletes.
    #[must_use]
    pub fn bid_levels(&self) -> &[Level] {
        let end = usize::from(self.bids).min(self.levels.len());
        &self.levels[..end]
    }

    /// The asks of this record, in the venue's order; quantity 0 deletes.
    #[must_use]
    pub fn ask_levels(&self) -> &[Level] {
        let start = usize::from(self.bids).min(self.levels.len());
        let end = self.level_count().min(self.levels.len());
        &self.levels[start..end]
    }
}

impl Trade {
    /// The bytes of a trade id that is text; empty for the other formats.
    #[must_use]
    pub fn text_bytes(&self) -> &[u8] {
        let end = usize::from(self.text_length).min(self.text.len());
        &self.text[..end]
    }
}

impl Status {
    /// The venue's or the publisher's words: UTF-8, at most 40 bytes.
    #[must_use]
    pub fn text_bytes(&self) -> &[u8] {
        let end = usize::from(self.text_length).min(self.text.len());
        &self.text[..end]
    }
}

/// The bytes before the first zero.
pub(crate) fn unpadded(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

impl Instrument {
    /// The venue's spelling, as bytes.
    #[must_use]
    pub fn venue_symbol_bytes(&self) -> &[u8] {
        unpadded(&self.venue_symbol)
    }

    /// Whether `symbol` is BASE/QUOTE, the base alone where there is no quote, or the
    /// venue's own spelling.
    #[must_use]
    pub fn is_called(&self, symbol: &str) -> bool {
        let (base, quote) = (unpadded(&self.base), unpadded(&self.quote));
        let symbol = symbol.as_bytes();
        let spelled = match symbol.strip_prefix(base) {
            Some(rest) if quote.is_empty() => rest.is_empty(),
            Some(rest) => rest.strip_prefix(b"/") == Some(quote),
            None => false,
        };
        spelled || symbol == self.venue_symbol_bytes()
    }

    /// BASE/QUOTE as bytes, or the base alone where there is no quote. Allocates.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn symbol_bytes(&self) -> Vec<u8> {
        let (base, quote) = (unpadded(&self.base), unpadded(&self.quote));
        if quote.is_empty() {
            base.to_vec()
        } else {
            [base, b"/", quote].concat()
        }
    }

    /// BASE/QUOTE; bytes that are no UTF-8 are replaced. Allocates.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn symbol(&self) -> String {
        String::from_utf8_lossy(&self.symbol_bytes()).into_owned()
    }
}

impl InstrumentState {
    /// The state bits (BIT_ constants).
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.word as u32
    }

    /// Counts the instrument's synchronisations.
    #[must_use]
    pub fn book_epoch(&self) -> u32 {
        (self.word >> 32) as u32
    }
}
