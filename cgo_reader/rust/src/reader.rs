//! One cursor over a segment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::error::AttachError;
use crate::layout::{self, Connection, Header, Instrument, InstrumentState, Record};
use crate::memory::{self, Plain, Words};
use crate::protocol::{self, Entry, HEAD_WORDS, RECORD_WORDS, Slot};
use crate::record::{Book, unpadded};
use crate::segment::{self, Segment};
use crate::stale::Watch;

/// What a call to [`Reader::next`] says. The same in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // the record is the usual answer, and the point
pub enum Answer {
    /// The next record, whole.
    Record(Record),
    /// Nothing new yet.
    Empty,
    /// The writer lapped this reader: so many records are gone. The next call goes
    /// on behind them. What the application derives from the stream is to be
    /// refreshed from the board.
    Overrun(u64),
    /// As Empty, and the writer's hot thread has stood still for a second.
    /// Reversible; a good time to try [`Reader::reattach`].
    Stale,
    /// Closed cleanly, and drained.
    Closed,
    /// A newer segment has the name, and this one is drained.
    Superseded,
    /// Bytes that no writer leaves. Final for this segment.
    Damaged,
}

/// What a look at the board says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)]
pub enum BoardAnswer<T> {
    /// The newest value, whole.
    Got(T),
    /// There was none yet, or there is no such instrument.
    Empty,
    /// No whole copy in 1,000 tries: its writer may be dead.
    Busy,
    /// A whole copy that makes no sense.
    Damaged,
}

/// What a reader has seen since it attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records handed out.
    pub got: u64,
    /// Records overwritten before they were read.
    pub lost: u64,
    /// Times lapped.
    pub overruns: u64,
    /// Copies thrown away since the slot changed meanwhile.
    pub torn_rejected: u64,
    /// DEPTH records dropped after an overrun, until an event began.
    pub skipped_depth: u64,
    /// Records dropped after a join since a board entry covered them.
    pub covered: u64,
}

/// Looks at a slot before [`Reader::wait`] goes to sleep.
const SPINS: u32 = 200;
/// The longest sleep: a doorbell may be missed, a heartbeat must not be.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);
/// Places of a board entry.
const BOARD_PLACES: usize = layout::BOARD_ENTRY_SIZE / layout::RECORD_SIZE;

/// Word indexes of the mutable part of the header.
const STATE: usize = std::mem::offset_of!(Header, state) / 8;
const SUCCESSOR: usize = std::mem::offset_of!(Header, successor_generation) / 8;
const HOT_HEARTBEAT: usize = std::mem::offset_of!(Header, hot_heartbeat) / 8;
const WATERMARK: usize = std::mem::offset_of!(Header, watermark) / 8;
const LAST_SEQUENCE: usize = std::mem::offset_of!(Header, last_sequence) / 8;
const DOORBELL: usize = std::mem::offset_of!(Header, doorbell) / 8;
const INSTRUMENT_COUNT: usize = std::mem::offset_of!(Header, instrument_count) / 8;
const COUNTERS: usize = std::mem::offset_of!(Header, counters) / 8;

/// Sequences that the board entries of a join stand at.
struct Cover {
    entries: Vec<[u64; BOARD_PLACES]>,
    last: u64,
}

/// One cursor over a segment, mapped read-only. Owned by one thread at a time;
/// any number of readers may look at one segment. Nothing here is shared with the
/// publisher but the memory that it writes.
pub struct Reader {
    segment: Segment,
    path: Option<PathBuf>,
    next: u64,
    resuming: bool,
    damaged: bool,
    told: Option<Told>,
    watch: Watch,
    cover: Option<Cover>,
    stats: Stats,
}

/// The last answer that was no record, for what `wait` need not report again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Stale,
    Ended,
}

impl Reader {
    /// Attaches to a feed by name, in `dir`, else in TICKRING_DIR, else in
    /// /dev/shm/tickring. Starts at the oldest record that is safe to read.
    ///
    /// # Errors
    /// Each fault of the file or its header has its own [`AttachError`].
    pub fn attach(dir: Option<&Path>, feed: &str) -> Result<Reader, AttachError> {
        Reader::attach_path(&segment::path_of(dir, feed)?)
    }

    /// Attaches to a segment file.
    ///
    /// # Errors
    /// As [`Reader::attach`].
    pub fn attach_path(path: &Path) -> Result<Reader, AttachError> {
        let segment = Segment::open(path)?;
        Ok(Reader::new(segment, Some(path.to_path_buf())))
    }

    /// Reads a segment that lies in this process's own memory: one that a thread
    /// writes, or a saved copy. Its boot is not checked, and [`Reader::reattach`]
    /// never finds another.
    ///
    /// # Errors
    /// As [`Reader::attach`], without the faults of files.
    pub fn over(words: Arc<[AtomicU64]>) -> Result<Reader, AttachError> {
        Ok(Reader::new(Segment::over(words)?, None))
    }

    fn new(segment: Segment, path: Option<PathBuf>) -> Reader {
        let beat = segment.memory.acquire(HOT_HEARTBEAT);
        let mut reader = Reader {
            watch: Watch::new(beat, memory::coarse_now_ns()),
            segment,
            path,
            next: 1,
            resuming: false,
            damaged: false,
            told: None,
            cover: None,
            stats: Stats::default(),
        };
        reader.seek_oldest();
        reader
    }

    /// Tries the name again and moves over when another generation has it: the
    /// cursor goes to its first record, instrument numbers are to be resolved
    /// again. False when the same generation is still there. To be called after
    /// STALE, CLOSED or SUPERSEDED, not more often than every 100 ms. Stats go on.
    ///
    /// # Errors
    /// As [`Reader::attach`]; the reader keeps what it has.
    pub fn reattach(&mut self) -> Result<bool, AttachError> {
        let Some(path) = self.path.clone() else {
            return Ok(false);
        };
        let segment = Segment::open(&path)?;
        if segment.header.generation == self.generation() {
            return Ok(false);
        }
        let stats = self.stats;
        *self = Reader::new(segment, Some(path));
        self.next = 1;
        self.resuming = false;
        self.stats = stats;
        Ok(true)
    }

    /// Copies the next record out. Never blocks, never allocates.
    #[allow(clippy::should_implement_trait)] // a stream that may be empty now and not later
    pub fn next(&mut self) -> Answer {
        let mut words = [0u64; RECORD_WORDS];
        // A hostile writer could feed records to skip for ever: one lap a call.
        for _ in 0..self.segment.ring.count {
            if let Some(answer) = self.step(&mut words) {
                return answer;
            }
            let record: Record = memory::from_words(&words);
            if !record.is_sane() {
                return self.damage();
            }
            self.next += 1;
            if !self.drops(&record) {
                self.stats.got += 1;
                return Answer::Record(record);
            }
        }
        Answer::Empty
    }

    /// As [`Reader::next`], copying and checking only the first 64 bytes: prices,
    /// quantities, kind, instrument, sequence. The rest of the record is zero, so
    /// that only the fields up to offset 64 mean anything.
    pub fn next_head(&mut self) -> Answer {
        let mut words = [0u64; RECORD_WORDS];
        for _ in 0..self.segment.ring.count {
            if let Some(answer) = self.step(&mut words[..HEAD_WORDS]) {
                return answer;
            }
            let record: Record = memory::from_words(&words);
            if layout::kind_name(record.kind).is_none() {
                return self.damage();
            }
            self.next += 1;
            if !self.drops(&record) {
                self.stats.got += 1;
                return Answer::Record(record);
            }
        }
        Answer::Empty
    }

    /// Fetches the next record into `out`; an answer when there is none.
    fn step(&mut self, out: &mut [u64]) -> Option<Answer> {
        if self.damaged {
            return Some(Answer::Damaged);
        }
        let base = self.slot_base();
        match protocol::read_slot(&self.segment.memory, base, self.next, out) {
            Slot::Whole => None,
            Slot::Passed(commit) => Some(self.overrun(commit)),
            Slot::Torn(commit) => {
                self.stats.torn_rejected += 1;
                Some(self.overrun(commit))
            }
            Slot::Before => self.idle(base, out),
        }
    }

    fn slot_base(&self) -> usize {
        let ring = &self.segment.ring;
        let row = self.next as usize & (ring.count - 1);
        ring.row(row).unwrap_or_default()
    }

    /// Whether a whole record is to be passed over: the rest of a depth event whose
    /// beginning was lost, or what a board entry of a join covers.
    fn drops(&mut self, record: &Record) -> bool {
        if self.resuming {
            if record.kind == layout::KIND_DEPTH && !record.has(layout::FLAG_FIRST) {
                self.stats.skipped_depth += 1;
                return true;
            }
            self.resuming = false;
        }
        let Some(cover) = &self.cover else {
            return false;
        };
        let sequence = record.sequence();
        if sequence > cover.last {
            self.cover = None;
            return false;
        }
        let covered = board_place(record.kind)
            .and_then(|place| Some(cover.entries.get(usize::from(record.instrument))?[place]))
            .is_some_and(|as_of| sequence <= as_of);
        self.stats.covered += u64::from(covered);
        covered
    }

    fn damage(&mut self) -> Answer {
        self.damaged = true;
        Answer::Damaged
    }

    #[cold]
    fn overrun(&mut self, commit: u64) -> Answer {
        let hint = self.segment.memory.acquire(LAST_SEQUENCE);
        let slots = self.segment.ring.count as u64;
        let Some(resume) = protocol::resume(self.next, commit, hint, slots) else {
            return self.damage();
        };
        self.next = resume.next;
        self.resuming = true;
        self.stats.overruns += 1;
        self.stats.lost += resume.lost;
        Answer::Overrun(resume.lost)
    }

    /// Decides what an empty slot means; None when the record came after all.
    fn idle(&mut self, base: usize, out: &mut [u64]) -> Option<Answer> {
        let state = self.state();
        if state == layout::STATE_LIVE {
            let stale = self.look();
            self.told = stale.then_some(Told::Stale);
            return Some(if stale { Answer::Stale } else { Answer::Empty });
        }
        // Records stored before the state are seen now: look once more.
        match protocol::read_slot(&self.segment.memory, base, self.next, out) {
            Slot::Before => {}
            Slot::Whole => return None,
            Slot::Passed(commit) | Slot::Torn(commit) => return Some(self.overrun(commit)),
        }
        self.told = Some(Told::Ended);
        Some(match state {
            layout::STATE_CLOSED => Answer::Closed,
            layout::STATE_SUPERSEDED => Answer::Superseded,
            _ => self.damage(),
        })
    }

    fn look(&mut self) -> bool {
        let beat = self.segment.memory.relaxed(HOT_HEARTBEAT);
        self.watch.look(beat, memory::coarse_now_ns())
    }

    /// Waits until the next record is there, the segment ends, or its writer has
    /// just gone stale: true; false when `timeout` is over first. Spins briefly,
    /// then sleeps on the doorbell, never longer than 100 ms at a time. First and after
    /// each sleep it looks at the file's size: a file cut short is DAMAGED.
    pub fn wait(&mut self, timeout: Duration) -> bool {
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
        self.look() && self.told != Some(Told::Stale)
    }

    /// The sequence that the next call expects.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Makes `sequence` (from 1) the next one. One that is long gone answers
    /// OVERRUN, one in the future EMPTY until it is there.
    pub fn seek(&mut self, sequence: u64) {
        self.next = sequence.clamp(1, layout::MAX_SEQUENCE);
        self.resuming = false;
        self.cover = None;
    }

    /// Goes to the oldest record that is not about to be overwritten.
    pub fn seek_oldest(&mut self) {
        let slots = self.segment.ring.count as u64;
        let last = self.believe(self.last_sequence());
        let oldest = protocol::oldest(last, slots);
        self.seek(oldest);
        self.resuming = oldest > 1;
    }

    /// Goes behind the newest record of the last whole frame.
    pub fn seek_latest(&mut self) {
        let last = self.believe(self.last_sequence());
        self.seek(last + 1);
    }

    /// Takes a sequence from the header; one beyond any real ring is damage.
    fn believe(&mut self, sequence: u64) -> u64 {
        if sequence > layout::MAX_SEQUENCE {
            self.damaged = true;
            return 0;
        }
        sequence
    }

    /// Joins late: gives the board's entries, oldest first, and goes on
    /// behind the watermark; records that an entry covers are passed over. Depth is
    /// for the caller: records up to a book's `as_of` are in that book. After an
    /// OVERRUN before the stream has caught up, join again. Allocates.
    pub fn join_board(&mut self) -> Vec<Record> {
        // Pairs with the store after board and books: they reflect all up to here.
        let watermark = self.believe(self.watermark());
        let mut records = Vec::new();
        let mut cover = Cover {
            entries: Vec::new(),
            last: 0,
        };
        for instrument in 0..self.instrument_count() as u16 {
            let mut as_of = [0; BOARD_PLACES];
            for (place, as_of) in (0..).zip(&mut as_of) {
                if let BoardAnswer::Got(record) = self.board(instrument, place) {
                    *as_of = record.sequence();
                    cover.last = cover.last.max(*as_of);
                    records.push(record);
                }
            }
            cover.entries.push(as_of);
        }
        records.sort_unstable_by_key(Record::sequence);
        self.seek(watermark + 1);
        self.cover = Some(cover);
        records
    }

    /// The newest record of one kind of an instrument; `place` is a BOARD_
    /// constant.
    #[must_use]
    pub fn board(&self, instrument: u16, place: u32) -> BoardAnswer<Record> {
        let entry = self.row(self.segment.board, instrument);
        let Some(base) = entry.filter(|_| (place as usize) < BOARD_PLACES) else {
            return BoardAnswer::Empty;
        };
        let mut words = [0u64; RECORD_WORDS];
        match self.read_entry(base + place as usize * RECORD_WORDS, &mut words) {
            BoardAnswer::Got(()) => {}
            BoardAnswer::Empty => return BoardAnswer::Empty,
            BoardAnswer::Busy => return BoardAnswer::Busy,
            BoardAnswer::Damaged => return BoardAnswer::Damaged,
        }
        let record: Record = memory::from_words(&words);
        if record.sequence() > layout::MAX_SEQUENCE || !record.is_sane() {
            return BoardAnswer::Damaged;
        }
        BoardAnswer::Got(record)
    }

    /// A book of this segment's depth, for [`Reader::book`] to fill.
    #[must_use]
    pub fn new_book(&self) -> Book {
        Book::new(self.segment.header.book_depth as usize)
    }

    /// Copies an instrument's board book into `book` (see [`Reader::new_book`];
    /// one of another depth is Empty). Its content is only to be used on Got.
    pub fn book(&self, instrument: u16, book: &mut Book) -> BoardAnswer<()> {
        let fits = book.depth() == self.segment.header.book_depth as usize;
        let Some(base) = self.row(self.segment.books, instrument).filter(|_| fits) else {
            return BoardAnswer::Empty;
        };
        match self.read_entry(base, &mut book.words) {
            BoardAnswer::Got(()) if !book.is_sane() => BoardAnswer::Damaged,
            answer => answer,
        }
    }

    fn read_entry(&self, base: usize, out: &mut [u64]) -> BoardAnswer<()> {
        for _ in 0..layout::BOARD_TRIES {
            match protocol::read_entry(&self.segment.memory, base, out) {
                Entry::Never => return BoardAnswer::Empty,
                Entry::Whole => return BoardAnswer::Got(()),
                Entry::Changing => std::hint::spin_loop(),
            }
        }
        BoardAnswer::Busy
    }

    fn row(&self, table: segment::Table, instrument: u16) -> Option<usize> {
        let row = usize::from(instrument);
        table.row(row).filter(|_| row < self.instrument_count())
    }

    fn copy_row<T: Plain>(&self, base: usize) -> T {
        let mut words = [0u64; RECORD_WORDS];
        let count = size_of::<T>() / 8;
        protocol::copy(&self.segment.memory, base, &mut words[..count]);
        memory::from_words(&words[..count])
    }

    /// Valid rows of the instrument table.
    #[must_use]
    pub fn instrument_count(&self) -> usize {
        // Pairs with the store after a row was written: a row below it is whole.
        let count = self.segment.memory.acquire(INSTRUMENT_COUNT) as u32;
        (count as usize).min(self.segment.instruments.count)
    }

    /// One row of the instrument table. Rows hold inside one generation.
    #[must_use]
    pub fn instrument(&self, id: u16) -> Option<Instrument> {
        let base = self.row(self.segment.instruments, id)?;
        Some(self.copy_row(base))
    }

    /// The row of an instrument by BASE/QUOTE or the venue's spelling.
    #[must_use]
    pub fn find(&self, symbol: &str) -> Option<u16> {
        let symbol = symbol.as_bytes();
        (0..self.instrument_count() as u16).find(|id| {
            self.instrument(*id).is_some_and(|row| {
                row.symbol_bytes() == symbol || row.venue_symbol_bytes() == symbol
            })
        })
    }

    /// The state beside an instrument: is its data to be trusted, when was it last
    /// heard of. Its words are loaded one by one.
    #[must_use]
    pub fn instrument_state(&self, id: u16) -> Option<InstrumentState> {
        let base = self.row(self.segment.states, id)?;
        Some(self.copy_row(base))
    }

    /// The state word alone: BIT_ set in the low half, book epoch in the high half.
    #[must_use]
    pub fn state_word(&self, id: u16) -> Option<u64> {
        let base = self.row(self.segment.states, id)?;
        Some(self.segment.memory.acquire(base))
    }

    /// One row of the connection table, its words loaded one by one.
    #[must_use]
    pub fn connection(&self, row: u16) -> Option<Connection> {
        let base = self.segment.connections.row(usize::from(row))?;
        Some(self.copy_row(base))
    }

    /// One total of the publisher (COUNTER_ constants), refreshed every 50 ms.
    #[must_use]
    pub fn counter(&self, counter: u32) -> Option<u64> {
        let counter = counter as usize;
        let known = counter < self.segment.header.counters.len();
        known.then(|| self.segment.memory.relaxed(COUNTERS + counter))
    }

    /// The life of the segment now, a STATE_ constant.
    #[must_use]
    pub fn state(&self) -> u32 {
        self.segment.memory.acquire(STATE) as u32
    }

    /// The generation that replaced this one, 0 while there is none.
    #[must_use]
    pub fn successor_generation(&self) -> u64 {
        self.segment.memory.acquire(SUCCESSOR)
    }

    /// The newest record of the last whole frame; never above MAX_SEQUENCE.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.segment
            .memory
            .acquire(LAST_SEQUENCE)
            .min(layout::MAX_SEQUENCE)
    }

    /// Board and books reflect every record up to this; never above MAX_SEQUENCE.
    #[must_use]
    pub fn watermark(&self) -> u64 {
        self.segment
            .memory
            .acquire(WATERMARK)
            .min(layout::MAX_SEQUENCE)
    }

    /// Names the segment: sequences restart with each generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.segment.header.generation
    }

    /// Where the data come from, a SOURCE_ constant.
    #[must_use]
    pub fn source(&self) -> u32 {
        self.segment.header.source
    }

    /// The feed's name, as bytes.
    #[must_use]
    pub fn feed_bytes(&self) -> &[u8] {
        unpadded(&self.segment.header.feed)
    }

    /// The venue's name, as bytes.
    #[must_use]
    pub fn venue_bytes(&self) -> &[u8] {
        unpadded(&self.segment.header.venue)
    }

    /// The publisher's version text, as bytes.
    #[must_use]
    pub fn publisher_version_bytes(&self) -> &[u8] {
        unpadded(&self.segment.header.publisher_version)
    }

    /// Slots of the ring.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.segment.ring.count
    }

    /// What this reader has seen.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }
}

/// The place of a kind in a board entry.
fn board_place(kind: u8) -> Option<usize> {
    let place = match kind {
        layout::KIND_BOOK_TICKER => layout::BOARD_BOOK_TICKER,
        layout::KIND_TRADE => layout::BOARD_TRADE,
        layout::KIND_TICKER => layout::BOARD_TICKER,
        layout::KIND_STATUS => layout::BOARD_STATUS,
        _ => return None,
    };
    Some(place as usize)
}
