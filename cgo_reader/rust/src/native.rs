//! One cursor in one mapped segment, in Rust.

use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::answer::{BoardAnswer, Signal};
use crate::backend::Backend;
use crate::book::Book;
use crate::error::AttachError;
use crate::layout::{self, Connection, Header, Instrument, InstrumentState, Record};
use crate::protocol::{self, Entry, HEAD_WORDS, RECORD_WORDS, Slot};
use crate::record::unpadded;
use crate::segment::{Segment, Table};
use crate::stale::Watch;
use crate::system;
use crate::view::{Plain, view, words_of};

/// Looks at a slot before a wait goes to sleep.
const SPINS: u32 = 200;
/// The longest sleep: a doorbell may be missed, a heartbeat must not be.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);
/// How often an idle reader looks whether the file was cut short.
const SIZE_LOOK_NS: i64 = 100_000_000;
/// Places of a board entry.
const BOARD_PLACES: usize = layout::BOARD_ENTRY_SIZE / layout::RECORD_SIZE;
/// State bits with which an instrument's data are not to be acted on.
const UNCLEAN: u32 = layout::BIT_STALE
    | layout::BIT_SUSPECT
    | layout::BIT_RESYNCING
    | layout::BIT_REFUSED
    | layout::BIT_HALTED;

/// Word indexes of the mutable part of the header.
const STATE: usize = offset_of!(Header, state) / 8;
const SUCCESSOR: usize = offset_of!(Header, successor_generation) / 8;
const HOT_HEARTBEAT: usize = offset_of!(Header, hot_heartbeat) / 8;
const HOT_HEARTBEAT_TIME: usize = offset_of!(Header, hot_heartbeat_time_ns) / 8;
const WATERMARK: usize = offset_of!(Header, watermark) / 8;
const LAST_SEQUENCE: usize = offset_of!(Header, last_sequence) / 8;
const DOORBELL: usize = offset_of!(Header, doorbell) / 8;
const INSTRUMENT_COUNT: usize = offset_of!(Header, instrument_count) / 8;
const COUNTERS: usize = offset_of!(Header, counters) / 8;
/// Words within an instrument's state and within a connection.
const QUOTE_SEEN: usize = offset_of!(InstrumentState, book_ticker_last_seen_ns) / 8;
const STATE_CONNECTION: usize = offset_of!(InstrumentState, connection) / 8;
const LAST_RECEIVE: usize = offset_of!(Connection, last_receive_ns) / 8;

/// The cursor in Rust: relaxed and acquire loads over a read-only mapping.
pub struct Native {
    segment: Segment,
    path: Option<PathBuf>,
    next: u64,
    resuming: bool,
    damaged: bool,
    told: Option<Told>,
    watch: Watch,
    sized_at_ns: i64,
    torn_rejected: u64,
    skipped_depth: u64,
}

/// The last answer that was no record, for what `wait` need not report again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Stale,
    Ended,
}

impl Native {
    /// A cursor in words of this process's own.
    pub(crate) fn over(words: Arc<[AtomicU64]>) -> Result<Native, AttachError> {
        Ok(Native::new(Segment::over(words)?, None))
    }

    fn new(segment: Segment, path: Option<PathBuf>) -> Native {
        let beat = segment.memory.acquire(HOT_HEARTBEAT);
        let now = system::coarse_now_ns();
        let mut native = Native {
            watch: Watch::new(beat, now),
            sized_at_ns: now,
            segment,
            path,
            next: 1,
            resuming: false,
            damaged: false,
            told: None,
            torn_rejected: 0,
            skipped_depth: 0,
        };
        native.seek_oldest();
        native
    }

    #[inline(always)]
    fn fetch_words<const WORDS: usize>(&mut self, out: &mut Record) -> Signal {
        // A hostile writer could feed records to skip for ever: one lap a call.
        for _ in 0..self.segment.ring.count {
            if self.damaged {
                return Signal::Damaged;
            }
            let Some(slot) = self.segment.memory.array::<WORDS>(self.slot_base()) else {
                return self.damage();
            };
            match protocol::read_slot(slot, self.next, &mut words_of(out)[..WORDS]) {
                Slot::Whole => {}
                Slot::Before => match self.idle() {
                    Some(signal) => return signal,
                    None => continue,
                },
                Slot::Passed(commit) => return self.overrun(commit),
                Slot::Torn(commit) => {
                    self.torn_rejected += 1;
                    return self.overrun(commit);
                }
            }
            if !is_sane::<WORDS>(out) {
                return self.damage();
            }
            self.next += 1;
            if !self.resuming || !self.skips(out) {
                return Signal::Record;
            }
        }
        Signal::Empty
    }

    #[inline(always)]
    fn slot_base(&self) -> usize {
        let ring = &self.segment.ring;
        ring.base + (self.next as usize & (ring.count - 1)) * RECORD_WORDS
    }

    /// Whether a record is the rest of a depth event whose beginning was lost.
    #[cold]
    fn skips(&mut self, record: &Record) -> bool {
        self.resuming = record.kind == layout::KIND_DEPTH && !record.has(layout::FLAG_FIRST);
        self.skipped_depth += u64::from(self.resuming);
        self.resuming
    }

    fn damage(&mut self) -> Signal {
        self.damaged = true;
        Signal::Damaged
    }

    #[cold]
    fn overrun(&mut self, commit: u64) -> Signal {
        let hint = self.segment.memory.acquire(LAST_SEQUENCE);
        let slots = self.segment.ring.count as u64;
        let Some(resume) = protocol::resume(self.next, commit, hint, slots) else {
            return self.damage();
        };
        self.next = resume.next;
        self.resuming = true;
        Signal::Overrun(resume.lost)
    }

    /// Decides what an empty slot means; None when the record came after all.
    #[inline(never)]
    fn idle(&mut self) -> Option<Signal> {
        let stale = self.look();
        if self.damaged {
            return Some(Signal::Damaged);
        }
        let state = self.state();
        if state == layout::STATE_LIVE {
            self.told = stale.then_some(Told::Stale);
            return Some(if stale { Signal::Stale } else { Signal::Empty });
        }
        // Records stored before the state are seen now: look once more.
        if self.has_next() {
            return None;
        }
        self.told = Some(Told::Ended);
        Some(match state {
            layout::STATE_CLOSED => Signal::Closed,
            layout::STATE_SUPERSEDED => Signal::Superseded,
            _ => self.damage(),
        })
    }

    /// A look at heartbeat and, now and then, at the file's size: true when the writer
    /// stands still.
    fn look(&mut self) -> bool {
        let now = system::coarse_now_ns();
        if now - self.sized_at_ns >= SIZE_LOOK_NS {
            self.sized_at_ns = now;
            if self.cut_short() {
                return false;
            }
        }
        let beat = self.segment.memory.relaxed(HOT_HEARTBEAT);
        self.watch.look(beat, now)
    }

    /// Notes a file that has become shorter than its mapping, before a page that is
    /// gone is touched.
    fn cut_short(&mut self) -> bool {
        self.damaged |= self.segment.memory.shrunk();
        self.damaged
    }

    fn has_next(&self) -> bool {
        self.segment.memory.acquire(self.slot_base()) >= 2 * self.next
    }

    fn has_news(&mut self) -> bool {
        if self.has_next() {
            return true;
        }
        if self.state() != layout::STATE_LIVE {
            return self.told != Some(Told::Ended);
        }
        let stale = self.look();
        self.damaged || stale && self.told != Some(Told::Stale)
    }

    pub(crate) fn seek(&mut self, sequence: u64) {
        self.next = sequence.clamp(1, layout::MAX_SEQUENCE);
        self.resuming = false;
    }

    /// Takes a sequence from the header; one beyond any real ring is damage.
    fn believe(&mut self, word: usize) -> u64 {
        let sequence = self.segment.memory.acquire(word);
        if sequence > layout::MAX_SEQUENCE {
            self.damaged = true;
            return 0;
        }
        sequence
    }

    fn read_entry(&self, base: usize, out: &mut [u64]) -> BoardAnswer<()> {
        let entry = &self.segment.memory.words()[base..base + out.len()];
        for _ in 0..layout::BOARD_TRIES {
            match protocol::read_entry(entry, out) {
                Entry::Never => return BoardAnswer::Empty,
                Entry::Whole => return BoardAnswer::Got(()),
                Entry::Changing => std::hint::spin_loop(),
            }
        }
        BoardAnswer::Busy
    }

    fn row(&self, table: Table, instrument: u16) -> Option<usize> {
        let row = usize::from(instrument);
        table.row(row).filter(|_| row < self.instrument_count())
    }

    fn copy_row<T: Plain>(&self, base: usize) -> T {
        let mut words = [0u64; RECORD_WORDS];
        let count = size_of::<T>() / 8;
        self.segment.memory.copy(base, &mut words[..count]);
        *view(&words[..count])
    }

    pub(crate) fn successor_generation(&self) -> u64 {
        self.segment.memory.acquire(SUCCESSOR)
    }

    pub(crate) fn publisher_version(&self) -> &[u8] {
        unpadded(&self.segment.header.publisher_version)
    }
}

/// Whether a writer could have left this; of a head only what lies in it is looked at.
#[inline(always)]
fn is_sane<const WORDS: usize>(record: &Record) -> bool {
    if WORDS == RECORD_WORDS || record.kind == layout::KIND_STATUS {
        return record.is_sane(); // the length of a STATUS lies in the head
    }
    layout::kind_name(record.kind).is_some()
}

impl Backend for Native {
    fn open(path: &Path, feed: Option<&str>) -> Result<Native, AttachError> {
        let segment = Segment::open(path, feed.map(str::as_bytes))?;
        Ok(Native::new(segment, Some(path.to_path_buf())))
    }

    fn reattach(&mut self) -> Result<bool, AttachError> {
        let Some(path) = self.path.clone() else {
            return Ok(false);
        };
        let segment = Segment::open(&path, Some(self.feed()))?;
        if segment.header.generation == self.generation() {
            return Ok(false);
        }
        let (torn_rejected, skipped_depth) = self.rejected();
        *self = Native {
            torn_rejected,
            skipped_depth,
            ..Native::new(segment, Some(path))
        };
        Ok(true)
    }

    #[inline]
    fn fetch(&mut self, out: &mut Record) -> Signal {
        self.fetch_words::<RECORD_WORDS>(out)
    }

    #[inline]
    fn fetch_head(&mut self, out: &mut Record) -> Signal {
        self.fetch_words::<HEAD_WORDS>(out)
    }

    fn wait(&mut self, timeout: Duration) -> bool {
        if self.damaged || self.cut_short() {
            return true;
        }
        for _ in 0..SPINS {
            if self.has_next() {
                return true;
            }
            std::hint::spin_loop();
        }
        let start = Instant::now();
        loop {
            // Pairs with the store after the commits: a record missed below comes
            // with a word other than this one, and the sleep ends at once.
            let seen = self.segment.memory.acquire(DOORBELL) as u32;
            if self.has_news() {
                return true;
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            self.segment
                .memory
                .sleep_on(DOORBELL, seen, left.min(LONGEST_SLEEP));
            if self.cut_short() {
                return true;
            }
        }
    }

    fn next_sequence(&self) -> u64 {
        self.next
    }

    fn seek_oldest(&mut self) {
        let last = self.believe(LAST_SEQUENCE);
        let oldest = protocol::oldest(last, self.segment.ring.count as u64);
        self.seek(oldest);
        self.resuming = oldest > 1;
    }

    fn seek_latest(&mut self) {
        let last = self.believe(LAST_SEQUENCE);
        self.seek(last + 1);
    }

    fn seek_watermark(&mut self) -> u64 {
        // Pairs with the store after board and books: they reflect all up to here.
        let watermark = self.believe(WATERMARK);
        self.seek(watermark + 1);
        watermark
    }

    fn rejected(&self) -> (u64, u64) {
        (self.torn_rejected, self.skipped_depth)
    }

    fn board(&self, instrument: u16, place: u32, out: &mut Record) -> BoardAnswer<()> {
        let entry = self.row(self.segment.board, instrument);
        let Some(base) = entry.filter(|_| (place as usize) < BOARD_PLACES) else {
            return BoardAnswer::Empty;
        };
        let answer = self.read_entry(base + place as usize * RECORD_WORDS, words_of(out));
        let sane = out.sequence() <= layout::MAX_SEQUENCE && out.is_sane();
        match answer {
            BoardAnswer::Got(()) if !sane => BoardAnswer::Damaged,
            answer => answer,
        }
    }

    fn book(&self, instrument: u16, book: &mut Book) -> BoardAnswer<()> {
        let fits = book.depth() == self.book_depth();
        let Some(base) = self.row(self.segment.books, instrument).filter(|_| fits) else {
            return BoardAnswer::Empty;
        };
        match self.read_entry(base, &mut book.words) {
            BoardAnswer::Got(()) if !book.is_sane() => BoardAnswer::Damaged,
            answer => answer,
        }
    }

    fn instrument_count(&self) -> usize {
        // Pairs with the store after a row was written: a row below it is whole.
        let count = self.segment.memory.acquire(INSTRUMENT_COUNT) as u32;
        (count as usize).min(self.segment.instruments.count)
    }

    fn instrument(&self, id: u16) -> Option<Instrument> {
        let base = self.row(self.segment.instruments, id)?;
        Some(self.copy_row(base))
    }

    fn instrument_state(&self, id: u16) -> Option<InstrumentState> {
        let base = self.row(self.segment.states, id)?;
        Some(self.copy_row(base))
    }

    fn state_word(&self, id: u16) -> Option<u64> {
        let base = self.row(self.segment.states, id)?;
        Some(self.segment.memory.acquire(base))
    }

    fn quote_seen_ns(&self, id: u16) -> Option<i64> {
        let base = self.row(self.segment.states, id)?;
        Some(self.segment.memory.relaxed(base + QUOTE_SEEN) as i64)
    }

    fn fresh_within(&self, id: u16, within_ns: i64) -> bool {
        if self.source() != layout::SOURCE_LIVE || self.state() != layout::STATE_LIVE {
            return false;
        }
        let Some(base) = self.row(self.segment.states, id) else {
            return false;
        };
        let words = &self.segment.memory.words()[base..base + STATE_CONNECTION + 1];
        let bits = words[0].load(Ordering::Acquire) as u32;
        if self.damaged || bits & (layout::BIT_SUBSCRIBED | UNCLEAN) != layout::BIT_SUBSCRIBED {
            return false;
        }
        let connection = words[STATE_CONNECTION].load(Ordering::Relaxed) as u32;
        let Some(row) = self.segment.connections.row(connection as usize) else {
            return false;
        };
        let now = system::realtime_now_ns();
        let near = |then: u64, within: i64| {
            let then = then as i64;
            then > 0 && now.abs_diff(then) <= within.unsigned_abs()
        };
        // The heartbeat by its time, so that a reader that has just attached knows too.
        let memory = &self.segment.memory;
        within_ns >= 0
            && near(memory.relaxed(row + LAST_RECEIVE), within_ns)
            && near(
                memory.relaxed(HOT_HEARTBEAT_TIME),
                layout::STALE_AFTER_NS as i64,
            )
    }

    fn connection(&self, row: u16) -> Option<Connection> {
        let base = self.segment.connections.row(usize::from(row))?;
        Some(self.copy_row(base))
    }

    fn counter(&self, counter: u32) -> Option<u64> {
        let counter = counter as usize;
        let known = counter < self.segment.header.counters.len();
        known.then(|| self.segment.memory.relaxed(COUNTERS + counter))
    }

    fn state(&self) -> u32 {
        self.segment.memory.acquire(STATE) as u32
    }

    fn last_sequence(&self) -> u64 {
        self.segment.memory.acquire(LAST_SEQUENCE)
    }

    fn watermark(&self) -> u64 {
        self.segment.memory.acquire(WATERMARK)
    }

    fn generation(&self) -> u64 {
        self.segment.header.generation
    }

    fn source(&self) -> u32 {
        self.segment.header.source
    }

    fn feed(&self) -> &[u8] {
        unpadded(&self.segment.header.feed)
    }

    fn venue(&self) -> &[u8] {
        unpadded(&self.segment.header.venue)
    }

    fn slots(&self) -> usize {
        self.segment.ring.count
    }

    fn book_depth(&self) -> usize {
        self.segment.header.book_depth as usize
    }
}
