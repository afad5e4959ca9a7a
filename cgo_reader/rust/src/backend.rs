//! What a reader is made over: one cursor in one mapped segment. Two do it, the one in
//! Rust and the one of the C library; all else is written once on top.

use std::path::Path;
use std::time::Duration;

use crate::answer::{BoardAnswer, Signal};
use crate::book::Book;
use crate::error::AttachError;
use crate::layout::{Connection, Instrument, InstrumentState, Record};

/// One cursor in one mapped segment. Not to be implemented outside of this crate.
#[allow(missing_docs)] // the calls are those of the reader on top, where they are explained
pub trait Backend: Sized {
    fn open(path: &Path, feed: Option<&str>) -> Result<Self, AttachError>;
    /// Moves to another generation under the same path; false when it is the same.
    fn reattach(&mut self) -> Result<bool, AttachError>;
    /// Copies the next record, what is dropped after an overrun left out.
    fn fetch(&mut self, out: &mut Record) -> Signal;
    /// As fetch, the first 64 bytes alone.
    fn fetch_head(&mut self, out: &mut Record) -> Signal;
    fn wait(&mut self, timeout: Duration) -> bool;

    fn next_sequence(&self) -> u64;
    fn seek_oldest(&mut self);
    fn seek_latest(&mut self);
    /// Goes behind the watermark, which it returns.
    fn seek_watermark(&mut self) -> u64;
    /// Torn copies rejected and depth records skipped since the reader was made.
    fn rejected(&self) -> (u64, u64);

    fn board(&self, instrument: u16, place: u32, out: &mut Record) -> BoardAnswer<()>;
    fn book(&self, instrument: u16, book: &mut Book) -> BoardAnswer<()>;
    fn instrument_count(&self) -> usize;
    fn instrument(&self, id: u16) -> Option<Instrument>;
    fn instrument_state(&self, id: u16) -> Option<InstrumentState>;
    fn state_word(&self, id: u16) -> Option<u64>;
    fn quote_seen_ns(&self, id: u16) -> Option<i64>;
    fn fresh_within(&self, id: u16, within_ns: i64) -> bool;
    fn connection(&self, row: u16) -> Option<Connection>;
    fn counter(&self, counter: u32) -> Option<u64>;

    fn state(&self) -> u32;
    fn last_sequence(&self) -> u64;
    fn watermark(&self) -> u64;
    fn generation(&self) -> u64;
    fn source(&self) -> u32;
    fn feed(&self) -> &[u8];
    fn venue(&self) -> &[u8];
    fn slots(&self) -> usize;
    fn book_depth(&self) -> usize;
}
