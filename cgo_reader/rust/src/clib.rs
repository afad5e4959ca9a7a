//! One cursor in one mapped segment, by the C library. One of the modules with `unsafe`
//! code: every call is one of tickring.h with pointers that live for the call.

use std::ffi::{CStr, CString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::time::Duration;

use crate::answer::{BoardAnswer, Signal};
use crate::backend::Backend;
use crate::book::Book;
use crate::error::AttachError;
use crate::layout::{
    self, BookHeader, Connection, FORMAT_HASH, Instrument, InstrumentState, Level, Record,
};

/// The longest sleep after a segment has ended, when the C library does not wait.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);
/// E_SAME_GENERATION of tickring.h.
const SAME_GENERATION: c_int = -22;
/// Counters of a segment.
const COUNTERS: u32 = 64;

/// A tickring_reader; only ever behind a pointer.
#[repr(C)]
struct Handle {
    _private: [u8; 0],
}

#[rustfmt::skip] // a table
unsafe extern "C" {
    fn tickring_glue_format_hash() -> u64;
    fn tickring_glue_attach(path: *const c_char, dir: *const c_char, feed: *const c_char, out: *mut *mut Handle) -> c_int;
    fn tickring_glue_rejected(r: *const Handle, torn: *mut u64, skipped: *mut u64);
    fn tickring_detach(r: *mut Handle);
    fn tickring_strerror(error: c_int) -> *const c_char;
    fn tickring_next(r: *mut Handle, out: *mut Record, lost: *mut u64) -> c_int;
    fn tickring_next_head(r: *mut Handle, out: *mut Record, lost: *mut u64) -> c_int;
    fn tickring_wait(r: *mut Handle, timeout_ns: i64) -> c_int;
    fn tickring_reattach(r: *mut Handle) -> c_int;
    fn tickring_from_oldest(r: *mut Handle);
    fn tickring_from_latest(r: *mut Handle);
    fn tickring_join(r: *mut Handle) -> u64;
    fn tickring_next_sequence(r: *const Handle) -> u64;
    fn tickring_board(r: *const Handle, id: u32, slot: u32, out: *mut Record) -> c_int;
    fn tickring_book(r: *const Handle, id: u32, out: *mut BookHeader, bids: *mut Level, asks: *mut Level, capacity: u32) -> c_int;
    fn tickring_instrument_count(r: *const Handle) -> u32;
    fn tickring_get_instrument(r: *const Handle, id: u32, out: *mut Instrument) -> c_int;
    fn tickring_get_instrument_state(r: *const Handle, id: u32, out: *mut InstrumentState) -> c_int;
    fn tickring_get_connection(r: *const Handle, row: u32, out: *mut Connection) -> c_int;
    fn tickring_state(r: *const Handle, id: u32, word: *mut u64) -> c_int;
    fn tickring_fresh_within(r: *const Handle, id: u32, within_ns: i64) -> c_int;
    fn tickring_feed(r: *const Handle) -> *const c_char;
    fn tickring_venue(r: *const Handle) -> *const c_char;
    fn tickring_generation(r: *const Handle) -> u64;
    fn tickring_source(r: *const Handle) -> u32;
    fn tickring_segment_state(r: *const Handle) -> u32;
    fn tickring_slots(r: *const Handle) -> u64;
    fn tickring_book_depth(r: *const Handle) -> u32;
    fn tickring_watermark(r: *const Handle) -> u64;
    fn tickring_last_sequence(r: *const Handle) -> u64;
    fn tickring_counter(r: *const Handle, counter: u32) -> u64;
}

/// The cursor of the C library.
pub struct CLibrary {
    handle: NonNull<Handle>,
    path: PathBuf,
    told: Signal,
}

// SAFETY: a tickring_reader belongs to one thread at a time, whichever that is.
unsafe impl Send for CLibrary {}

/// A call of the library on this reader's handle.
macro_rules! ask {
    ($self:ident, $call:ident $(, $arg:expr)*) => {{
        // SAFETY: the handle lives as long as self; the other arguments are values or
        // references of the types in tickring.h that live for the call.
        unsafe { $call($self.handle.as_ptr() $(, $arg)*) }
    }};
}

impl CLibrary {
    /// What an answer of the library's means, `lost` beside it.
    #[inline]
    fn signal(&mut self, answer: c_int, lost: u64) -> Signal {
        if answer == layout::ANSWER_RECORD {
            return Signal::Record;
        }
        self.told = match answer {
            layout::ANSWER_EMPTY => Signal::Empty,
            layout::ANSWER_OVERRUN => Signal::Overrun(lost),
            layout::ANSWER_STALE => Signal::Stale,
            layout::ANSWER_CLOSED => Signal::Closed,
            layout::ANSWER_SUPERSEDED => Signal::Superseded,
            _ => Signal::Damaged,
        };
        self.told
    }

    fn error(code: c_int, path: &Path) -> AttachError {
        // SAFETY: takes a number, and returns a text that lives for ever.
        let words = unsafe { CStr::from_ptr(tickring_strerror(code)) };
        let words = words.to_string_lossy().into_owned();
        AttachError::Library(code, path.to_path_buf(), words)
    }
}

fn board_answer(answer: c_int) -> BoardAnswer<()> {
    match answer {
        layout::ANSWER_RECORD => BoardAnswer::Got(()),
        layout::ANSWER_EMPTY => BoardAnswer::Empty,
        layout::ANSWER_BUSY => BoardAnswer::Busy,
        _ => BoardAnswer::Damaged,
    }
}

/// A table row that starts as zeros and is filled by a call that says 0.
fn row<T>(mut zero: T, fill: impl FnOnce(*mut T) -> c_int) -> Option<T> {
    (fill(&raw mut zero) == 0).then_some(zero)
}

fn c_text(bytes: &[u8], path: &Path) -> Result<CString, AttachError> {
    CString::new(bytes).map_err(|_| AttachError::NotFound(path.to_path_buf()))
}

impl Drop for CLibrary {
    fn drop(&mut self) {
        ask!(self, tickring_detach);
    }
}

impl Backend for CLibrary {
    fn open(path: &Path, feed: Option<&str>) -> Result<CLibrary, AttachError> {
        // SAFETY: takes nothing.
        let hash = unsafe { tickring_glue_format_hash() };
        if hash != FORMAT_HASH {
            return Err(AttachError::FormatHash(hash)); // a library of another build
        }
        let file = c_text(path.as_os_str().as_bytes(), path)?;
        let parent = path.parent().unwrap_or(Path::new("")).as_os_str();
        let dir = c_text(parent.as_bytes(), path)?;
        let feed = feed.map(|feed| c_text(feed.as_bytes(), path)).transpose()?;
        let feed = feed.as_ref().map_or(std::ptr::null(), |feed| feed.as_ptr());
        let mut handle = std::ptr::null_mut();
        // SAFETY: texts with an end, or null, and a place for the handle.
        let code =
            unsafe { tickring_glue_attach(file.as_ptr(), dir.as_ptr(), feed, &raw mut handle) };
        let handle = NonNull::new(handle).ok_or_else(|| CLibrary::error(code, path))?;
        Ok(CLibrary {
            handle,
            path: path.to_path_buf(),
            told: Signal::Empty,
        })
    }

    fn reattach(&mut self) -> Result<bool, AttachError> {
        match ask!(self, tickring_reattach) {
            0 => {
                self.told = Signal::Empty;
                Ok(true)
            }
            SAME_GENERATION => Ok(false),
            code => Err(CLibrary::error(code, &self.path)),
        }
    }

    #[inline]
    fn fetch(&mut self, out: &mut Record) -> Signal {
        let mut lost = 0;
        let answer = ask!(self, tickring_next, out, &raw mut lost);
        self.signal(answer, lost)
    }

    #[inline]
    fn fetch_head(&mut self, out: &mut Record) -> Signal {
        let mut lost = 0;
        let answer = ask!(self, tickring_next_head, out, &raw mut lost);
        self.signal(answer, lost)
    }

    fn wait(&mut self, timeout: Duration) -> bool {
        let limit = i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX);
        let told = self.told;
        let answer = ask!(self, tickring_wait, limit);
        match self.signal(answer, 0) {
            Signal::Empty => false,
            // An end that was told is no news, but the library returns at once.
            now @ (Signal::Closed | Signal::Superseded | Signal::Stale) if now == told => {
                if now != Signal::Stale {
                    std::thread::sleep(timeout.min(LONGEST_SLEEP));
                }
                false
            }
            _ => true,
        }
    }

    fn next_sequence(&self) -> u64 {
        ask!(self, tickring_next_sequence)
    }

    fn seek_oldest(&mut self) {
        ask!(self, tickring_from_oldest);
    }

    fn seek_latest(&mut self) {
        ask!(self, tickring_from_latest);
    }

    fn seek_watermark(&mut self) -> u64 {
        ask!(self, tickring_join)
    }

    fn rejected(&self) -> (u64, u64) {
        let (mut torn, mut skipped) = (0, 0);
        ask!(
            self,
            tickring_glue_rejected,
            &raw mut torn,
            &raw mut skipped
        );
        (torn, skipped)
    }

    fn board(&self, instrument: u16, place: u32, out: &mut Record) -> BoardAnswer<()> {
        board_answer(ask!(self, tickring_board, instrument.into(), place, out))
    }

    fn book(&self, instrument: u16, book: &mut Book) -> BoardAnswer<()> {
        let depth = self.book_depth();
        if book.depth() != depth {
            return BoardAnswer::Empty;
        }
        let words = book.words.as_mut_ptr();
        let bids = words.wrapping_add(layout::BOOK_HEADER_SIZE / 8);
        let asks = bids.wrapping_add(depth * layout::LEVEL_SIZE / 8);
        board_answer(ask!(
            self,
            tickring_book,
            instrument.into(),
            words.cast(),
            bids.cast(),
            asks.cast(),
            depth as u32
        ))
    }

    fn instrument_count(&self) -> usize {
        ask!(self, tickring_instrument_count) as usize
    }

    fn instrument(&self, id: u16) -> Option<Instrument> {
        row(Instrument::ZERO, |out| {
            ask!(self, tickring_get_instrument, id.into(), out)
        })
    }

    fn instrument_state(&self, id: u16) -> Option<InstrumentState> {
        row(InstrumentState::ZERO, |out| {
            ask!(self, tickring_get_instrument_state, id.into(), out)
        })
    }

    fn state_word(&self, id: u16) -> Option<u64> {
        row(0, |out| ask!(self, tickring_state, id.into(), out))
    }

    fn quote_seen_ns(&self, id: u16) -> Option<i64> {
        Some(self.instrument_state(id)?.book_ticker_last_seen_ns)
    }

    fn fresh_within(&self, id: u16, within_ns: i64) -> bool {
        ask!(self, tickring_fresh_within, id.into(), within_ns) == 1
    }

    fn connection(&self, at: u16) -> Option<Connection> {
        row(Connection::ZERO, |out| {
            ask!(self, tickring_get_connection, at.into(), out)
        })
    }

    fn counter(&self, counter: u32) -> Option<u64> {
        (counter < COUNTERS).then(|| ask!(self, tickring_counter, counter))
    }

    fn state(&self) -> u32 {
        ask!(self, tickring_segment_state)
    }

    fn last_sequence(&self) -> u64 {
        ask!(self, tickring_last_sequence)
    }

    fn watermark(&self) -> u64 {
        ask!(self, tickring_watermark)
    }

    fn generation(&self) -> u64 {
        ask!(self, tickring_generation)
    }

    fn source(&self) -> u32 {
        ask!(self, tickring_source)
    }

    fn feed(&self) -> &[u8] {
        // SAFETY: the text lives in the reader until it is dropped or moved, for
        // which it must be borrowed mutably.
        unsafe { CStr::from_ptr(tickring_feed(self.handle.as_ptr())) }.to_bytes()
    }

    fn venue(&self) -> &[u8] {
        // SAFETY: as in feed.
        unsafe { CStr::from_ptr(tickring_venue(self.handle.as_ptr())) }.to_bytes()
    }

    fn slots(&self) -> usize {
        ask!(self, tickring_slots) as usize
    }

    fn book_depth(&self) -> usize {
        ask!(self, tickring_book_depth) as usize
    }
}
