//! Private copies of board books.

use crate::decimal::Decimal;
use crate::layout::{self, BOOK_SUSPECT, BOOK_VALID, BookHeader, Level};
use crate::view::view;

/// A private copy of one board book. Made once, then filled again and again
/// without allocation.
#[derive(Clone, Debug)]
pub struct Book {
    pub(crate) words: Vec<u64>,
    depth: usize,
}

const BOOK_HEADER_WORDS: usize = layout::BOOK_HEADER_SIZE / 8;
const LEVEL_WORDS: usize = layout::LEVEL_SIZE / 8;

impl Book {
    pub(crate) fn new(depth: usize) -> Book {
        Book {
            words: vec![0; BOOK_HEADER_WORDS + 2 * depth * LEVEL_WORDS],
            depth,
        }
    }

    /// Levels a side that fit.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Sequence the book stands at, times, exponents, counts.
    #[must_use]
    pub fn header(&self) -> &BookHeader {
        view(&self.words)
    }

    /// Synchronised and not suspect: may be used.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.header().flags & (BOOK_VALID | BOOK_SUSPECT) == BOOK_VALID
    }

    /// The valid bids, best first.
    pub fn bids(&self) -> impl ExactSizeIterator<Item = &Level> {
        self.side(0, self.header().bid_count)
    }

    /// The valid asks, best first.
    pub fn asks(&self) -> impl ExactSizeIterator<Item = &Level> {
        self.side(self.depth, self.header().ask_count)
    }

    fn side(&self, first: usize, count: u16) -> impl ExactSizeIterator<Item = &Level> {
        self.words[BOOK_HEADER_WORDS + first * LEVEL_WORDS..]
            .chunks_exact(LEVEL_WORDS)
            .take(usize::from(count).min(self.depth))
            .map(view)
    }

    #[cfg(feature = "native")]
    pub(crate) fn is_sane(&self) -> bool {
        let header = self.header();
        usize::from(header.bid_count.max(header.ask_count)) <= self.depth
    }

    /// A price of this book as an exact decimal.
    #[must_use]
    pub fn price(&self, mantissa: i64) -> Option<Decimal> {
        Decimal::new(mantissa, self.header().price_exponent)
    }

    /// A quantity of this book as an exact decimal.
    #[must_use]
    pub fn quantity(&self, mantissa: i64) -> Option<Decimal> {
        Decimal::new(mantissa, self.header().quantity_exponent)
    }
}
