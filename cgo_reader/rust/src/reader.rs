//! The reader: one cursor, and on top of it what every cursor has: late join, filter,
//! following over generations, registration, counters.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::answer::{Answer, BoardAnswer, Signal, Stats};
use crate::backend::Backend;
use crate::book::Book;
use crate::error::AttachError;
use crate::filter::{Filter, Sieve};
use crate::layout::{self, Connection, Instrument, InstrumentState, Record};
use crate::options::Options;
use crate::registration::{RegisterError, Registration};

/// How often a reader that follows tries the name.
const RETRY: Duration = Duration::from_millis(100);
/// Places of a board entry.
const BOARD_PLACES: usize = layout::BOARD_ENTRY_SIZE / layout::RECORD_SIZE;

/// Sequences that the board entries of a join stand at.
struct Cover {
    entries: Vec<[u64; BOARD_PLACES]>,
    last: u64,
}

/// One board entry as a join found it; those never written are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Row of the instrument.
    pub instrument: u16,
    /// Its place on the board, a BOARD_ constant.
    pub place: u32,
    /// The newest record, or why there is no copy.
    pub answer: BoardAnswer<Record>,
}

/// What a late join found: see [`ReaderOver::join`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The cursor stands behind this sequence.
    pub watermark: u64,
    /// The board, instruments rising, places in their order.
    pub entries: Vec<Entry>,
}

/// One cursor over a feed, mapped read-only. Owned by one thread at a time; any number
/// of readers may look at one segment. Nothing here is shared with the publisher but
/// the memory that it writes. [`Reader`](crate::Reader) is this over the backend that
/// the crate was built with.
pub struct ReaderOver<B: Backend> {
    pub(crate) backend: B,
    path: PathBuf,
    /// Whether a record needs a second look: one of cover, sieve, registration is there.
    watched: bool,
    cover: Option<Cover>,
    filter: Filter,
    sieve: Option<Sieve>,
    registration: Option<Registration>,
    refused: Option<RegisterError>,
    follow: bool,
    moved: bool,
    tried: Option<Instant>,
    stats: Stats,
    /// Records and losses before this generation.
    before: (u64, u64),
}

impl<B: Backend> ReaderOver<B> {
    /// Attaches to a feed by name, in `dir`, else in TICKRING_DIR, else in
    /// /dev/shm/tickring. Starts at the oldest record that is safe to read.
    ///
    /// # Errors
    /// Each fault of the file or its header has its own [`AttachError`].
    pub fn attach(dir: Option<&Path>, feed: &str) -> Result<Self, AttachError> {
        let path = crate::names::path_of(dir, feed)?;
        Ok(Self::new(B::open(&path, Some(feed))?, path))
    }

    /// Attaches to a segment file.
    ///
    /// # Errors
    /// As [`ReaderOver::attach`].
    pub fn attach_path(path: &Path) -> Result<Self, AttachError> {
        Ok(Self::new(B::open(path, None)?, path.to_path_buf()))
    }

    /// All that can be said before attaching: waiting for a feed that does not exist
    /// yet, a filter, following, a name for `tickring stat`.
    #[must_use]
    pub fn options() -> Options<B> {
        Options::new()
    }

    pub(crate) fn new(backend: B, path: PathBuf) -> Self {
        ReaderOver {
            backend,
            path,
            watched: false,
            cover: None,
            filter: Filter::default(),
            sieve: None,
            registration: None,
            refused: None,
            follow: false,
            moved: false,
            tried: None,
            stats: Stats::default(),
            before: (0, 0),
        }
    }

    /// Tries the name again and moves over when another generation of the feed has it:
    /// the cursor goes to the oldest record there, instrument numbers are to be found
    /// again (those of the filter are). False when the same generation is still there.
    /// To be called after STALE, CLOSED or SUPERSEDED, not more often than every
    /// 100 ms. Stats go on.
    ///
    /// # Errors
    /// As [`ReaderOver::attach`]; the reader keeps what it has.
    pub fn reattach(&mut self) -> Result<bool, AttachError> {
        if !self.backend.reattach()? {
            return Ok(false);
        }
        self.stats.reattached += 1;
        self.before = (self.stats.got, self.stats.lost);
        self.cover = None;
        if self.sieve.is_some() {
            self.sieve = Some(Sieve::lenient(&self.filter, &self.backend));
        }
        if let Some(registration) = &mut self.registration {
            registration.moved();
        }
        self.watch();
        Ok(true)
    }

    fn watch(&mut self) {
        self.watched = self.cover.is_some() || self.sieve.is_some() || self.registration.is_some();
    }

    /// From now on [`Signal::Superseded`], STALE and CLOSED make the reader try the
    /// name, at most every 100 ms, and move by itself. The move is told once, as
    /// SUPERSEDED with another [`ReaderOver::generation`].
    pub fn follow(&mut self, follow: bool) {
        self.follow = follow;
    }

    pub(crate) fn follows(&self) -> bool {
        self.follow
    }

    /// Copies the next record out. Never blocks, never allocates.
    #[allow(clippy::should_implement_trait)] // a stream that may be empty now and not later
    #[inline]
    pub fn next(&mut self) -> Answer {
        // Filled in place: a record that was just stored word by word is slow to move.
        let mut answer = Answer::Record(Record::ZERO);
        if let Answer::Record(record) = &mut answer {
            match self.next_into(record) {
                Signal::Record => {}
                other => return other.with(&Record::ZERO),
            }
        }
        answer
    }

    /// As [`ReaderOver::next`], copying and checking only the first 64 bytes: prices,
    /// quantities, kind, instrument, sequence. The rest of the record is zero, so
    /// that only the fields up to offset 64 mean anything.
    #[inline]
    pub fn next_head(&mut self) -> Answer {
        let mut answer = Answer::Record(Record::ZERO);
        if let Answer::Record(record) = &mut answer {
            match self.pull(record, B::fetch_head) {
                Signal::Record => {}
                other => return other.with(&Record::ZERO),
            }
        }
        answer
    }

    /// As [`ReaderOver::next`], with a place of the caller's for the record: what is
    /// there means something only on [`Signal::Record`].
    #[inline]
    pub fn next_into(&mut self, out: &mut Record) -> Signal {
        self.pull(out, B::fetch)
    }

    #[inline(always)]
    fn pull(&mut self, out: &mut Record, fetch: impl Fn(&mut B, &mut Record) -> Signal) -> Signal {
        if self.moved {
            self.moved = false;
            return Signal::Superseded;
        }
        loop {
            let signal = fetch(&mut self.backend, out);
            if signal != Signal::Record {
                return self.settle(signal);
            }
            if !self.watched || self.admits(out) {
                self.stats.got += 1;
                return signal;
            }
        }
    }

    /// Notes what was no record.
    #[inline(never)]
    fn settle(&mut self, signal: Signal) -> Signal {
        if let Some(registration) = &mut self.registration {
            let lost = self.stats.lost.wrapping_sub(self.before.1);
            let read = self.stats.got - self.before.0;
            registration.report(&self.backend, read, lost);
        }
        match signal {
            Signal::Overrun(lost) => {
                self.stats.overruns += 1;
                // A damaged segment may tell of any number, again and again.
                self.stats.lost = self.stats.lost.wrapping_add(lost);
                signal
            }
            Signal::Stale | Signal::Closed | Signal::Superseded if self.tries() => {
                self.moved = false;
                Signal::Superseded
            }
            _ => signal,
        }
    }

    /// With follow: tries the name if it is time, and says whether it has moved.
    fn tries(&mut self) -> bool {
        let due = self.tried.is_none_or(|tried| tried.elapsed() >= RETRY);
        if !self.follow || !due {
            return false;
        }
        self.tried = Some(Instant::now());
        self.moved = matches!(self.reattach(), Ok(true));
        self.moved
    }

    /// Whether a whole record is handed out: not what a board entry of a join covers,
    /// nor what the filter leaves out.
    #[inline(never)]
    fn admits(&mut self, record: &Record) -> bool {
        if let Some(registration) = &mut self.registration {
            let lost = self.stats.lost.wrapping_sub(self.before.1);
            let read = self.stats.got - self.before.0;
            registration.passed(&self.backend, read, lost);
        }
        if self.covers(record) {
            self.stats.covered += 1;
            return false;
        }
        let sieve = self.sieve.as_mut();
        let passes = sieve.is_none_or(|s| s.passes(record, &self.filter, &self.backend));
        self.stats.filtered += u64::from(!passes);
        passes
    }

    fn covers(&mut self, record: &Record) -> bool {
        let Some(cover) = &self.cover else {
            return false;
        };
        let sequence = record.sequence();
        if sequence > cover.last {
            self.cover = None;
            self.watch();
            return false;
        }
        board_place(record.kind)
            .and_then(|place| Some(cover.entries.get(usize::from(record.instrument))?[place]))
            .is_some_and(|as_of| sequence <= as_of)
    }

    /// Hands every record there is to `each`, and says what came instead of the next
    /// one. The record lies in one place all the time: the cheapest way to read.
    ///
    /// ```no_run
    /// # use tickring::{Reader, Signal};
    /// let mut reader = Reader::attach(None, "gateio")?;
    /// let mut trades = 0;
    /// while let Signal::Empty | Signal::Overrun(_) = reader.drain(|record| {
    ///     trades += u64::from(record.kind == tickring::layout::KIND_TRADE);
    /// }) {
    ///     reader.wait(std::time::Duration::from_secs(1));
    /// }
    /// # Ok::<(), tickring::AttachError>(())
    /// ```
    #[inline]
    pub fn drain(&mut self, mut each: impl FnMut(&Record)) -> Signal {
        let mut record = Record::ZERO;
        loop {
            match self.next_into(&mut record) {
                Signal::Record => each(&record),
                other => return other,
            }
        }
    }

    /// Waits until there is something new: true; false when `timeout` is over first.
    /// Spins briefly, then sleeps on the doorbell, never longer than 100 ms at a time.
    /// First and after each sleep it looks at the file's size: a file cut short is
    /// DAMAGED. What a filter leaves out ends the wait as well.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        if self.moved {
            return true;
        }
        if !self.follow {
            return self.backend.wait(timeout);
        }
        let start = Instant::now();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            if self.backend.wait(left.min(RETRY)) {
                return true;
            }
            // Nothing came for a while: only a live and beating segment is not tried.
            if self.backend.state() != layout::STATE_LIVE && self.tries() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    /// The sequence that the next call expects.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.backend.next_sequence()
    }

    /// Records between this cursor and the newest of the last whole frame; 0 where the
    /// cursor is ahead of it, in the frame that is being written, and where the header
    /// holds what no writer stores.
    #[must_use]
    pub fn lag(&self) -> u64 {
        let (last, next) = (self.last_sequence(), self.next_sequence());
        let sane = (next..=layout::MAX_SEQUENCE).contains(&last);
        if sane { last - next + 1 } else { 0 }
    }

    /// Goes to the oldest record that is not about to be overwritten.
    pub fn seek_oldest(&mut self) {
        self.uncover();
        self.backend.seek_oldest();
    }

    /// Who goes elsewhere has no use for what a join covers.
    fn uncover(&mut self) {
        self.cover = None;
        self.watch();
    }

    /// Goes behind the newest record of the last whole frame.
    pub fn seek_latest(&mut self) {
        self.uncover();
        self.backend.seek_latest();
    }

    /// Joins late: copies the board and goes on behind the watermark; records that an
    /// entry covers are left out from then on. Depth is for the caller: records up to
    /// a book's `as_of` are in that book. After an OVERRUN before the stream has caught
    /// up, join again. Allocates.
    pub fn join(&mut self) -> Joined {
        let watermark = self.backend.seek_watermark();
        let count = self.instrument_count();
        let mut joined = Joined {
            watermark,
            entries: Vec::with_capacity(count * BOARD_PLACES),
        };
        let mut cover = Cover {
            entries: Vec::with_capacity(count),
            last: 0,
        };
        for instrument in (0..=u16::MAX).take(count) {
            let mut as_of = [0; BOARD_PLACES];
            for (place, as_of) in (0..).zip(&mut as_of) {
                let answer = self.board(instrument, place);
                if let BoardAnswer::Got(record) = &answer {
                    *as_of = record.sequence();
                    cover.last = cover.last.max(*as_of);
                }
                if answer != BoardAnswer::Empty {
                    joined.entries.push(Entry {
                        instrument,
                        place,
                        answer,
                    });
                }
            }
            cover.entries.push(as_of);
        }
        self.cover = Some(cover);
        self.watch();
        joined
    }

    /// As [`ReaderOver::join`]: the board's records alone, oldest first.
    pub fn join_board(&mut self) -> Vec<Record> {
        let entries = self.join().entries;
        let mut records: Vec<Record> = entries
            .iter()
            .filter_map(|entry| match entry.answer {
                BoardAnswer::Got(record) => Some(record),
                _ => None,
            })
            .collect();
        records.sort_unstable_by_key(Record::sequence);
        records
    }

    /// Hands out only what the filter lets pass from now on. [`Filter::default`] lets
    /// all pass.
    ///
    /// # Errors
    /// [`AttachError::NoInstrument`] when the feed has no such instrument; the filter
    /// stays as it was.
    pub fn set_filter(&mut self, filter: Filter) -> Result<(), AttachError> {
        self.sieve = match filter == Filter::default() {
            true => None,
            false => Some(Sieve::strict(&filter, &self.backend)?),
        };
        self.filter = filter;
        self.watch();
        Ok(())
    }

    /// Rows of the filter's instruments, rising; None when all pass.
    #[must_use]
    pub fn filtered_instruments(&self) -> Option<Vec<u16>> {
        self.sieve.as_ref().and_then(Sieve::ids)
    }

    /// Names this reader in the feed's file of readers, so that `tickring stat` tells
    /// its lag and losses. Costs two small system calls each 10 ms. Without it, or when
    /// it is refused, the reader reads all the same.
    ///
    /// # Errors
    /// Why there is no slot: no such file, no permission, damaged, full.
    pub fn register(&mut self, name: &str) -> Result<(), RegisterError> {
        self.registration = None;
        self.watch();
        let mut registration = Registration::claim(&self.path, name)?;
        registration.begin(&self.backend, self.stats.got - self.before.0);
        self.registration = Some(registration);
        self.watch();
        Ok(())
    }

    /// Whether this reader holds a slot of the file of readers.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.registration.as_ref().is_some_and(Registration::holds)
    }

    /// Why [`Options::register`] got no slot.
    #[must_use]
    pub fn register_error(&self) -> Option<&RegisterError> {
        self.refused.as_ref()
    }

    pub(crate) fn try_register(&mut self, name: &str) {
        self.refused = self.register(name).err();
    }

    /// The newest record of one kind of an instrument; `place` is a BOARD_
    /// constant.
    #[must_use]
    pub fn board(&self, instrument: u16, place: u32) -> BoardAnswer<Record> {
        let mut record = Record::ZERO;
        let answer = self.backend.board(instrument, place, &mut record);
        answer.map(|()| record)
    }

    /// A book of this segment's depth, for [`ReaderOver::book`] to fill.
    #[must_use]
    pub fn new_book(&self) -> Book {
        Book::new(self.backend.book_depth())
    }

    /// Copies an instrument's board book into `book` (see [`ReaderOver::new_book`];
    /// one of another depth is Empty). Its content is only to be used on Got.
    pub fn book(&self, instrument: u16, book: &mut Book) -> BoardAnswer<()> {
        self.backend.book(instrument, book)
    }

    /// Whether the data of an instrument can be trusted to be at most `within` old: the
    /// source is LIVE, the segment is LIVE and its hot heartbeat moves, the state word
    /// has SUBSCRIBED and none of STALE, SUSPECT, RESYNCING, REFUSED, HALTED, and its
    /// connection received something within that time of this host's clock. It speaks
    /// of the link, not of the last change: a quiet market is fresh; see
    /// [`ReaderOver::quote_age`]. One read of the clock, no system call.
    #[must_use]
    #[inline]
    pub fn fresh_within(&self, instrument: u16, within: Duration) -> bool {
        let within_ns = i64::try_from(within.as_nanos()).unwrap_or(i64::MAX);
        self.backend.fresh_within(instrument, within_ns)
    }

    /// How long ago the venue's newest book ticker of an instrument was received, new
    /// or repeated; None when there was none yet, or no such instrument.
    #[must_use]
    #[inline]
    pub fn quote_age(&self, instrument: u16) -> Option<Duration> {
        match self.backend.quote_seen_ns(instrument)? {
            0 => None,
            // No publisher stores that: older than any bound.
            seen if seen < 0 => Some(Duration::MAX),
            seen => {
                let age = crate::system::realtime_now_ns().saturating_sub(seen);
                Some(Duration::from_nanos(age.max(0).unsigned_abs()))
            }
        }
    }

    /// Valid rows of the instrument table.
    #[must_use]
    pub fn instrument_count(&self) -> usize {
        self.backend.instrument_count()
    }

    /// One row of the instrument table. Rows hold inside one generation.
    #[must_use]
    pub fn instrument(&self, id: u16) -> Option<Instrument> {
        self.backend.instrument(id)
    }

    /// The row of an instrument by BASE/QUOTE or the venue's spelling.
    #[must_use]
    pub fn find(&self, symbol: &str) -> Option<u16> {
        find(&self.backend, symbol)
    }

    /// The state beside an instrument: is its data to be trusted, when was it last
    /// heard of. Its words are loaded one by one.
    #[must_use]
    pub fn instrument_state(&self, id: u16) -> Option<InstrumentState> {
        self.backend.instrument_state(id)
    }

    /// The state word alone: BIT_ set in the low half, book epoch in the high half.
    #[must_use]
    pub fn state_word(&self, id: u16) -> Option<u64> {
        self.backend.state_word(id)
    }

    /// One row of the connection table, its words loaded one by one.
    #[must_use]
    pub fn connection(&self, row: u16) -> Option<Connection> {
        self.backend.connection(row)
    }

    /// One total of the publisher (COUNTER_ constants), refreshed every 50 ms.
    #[must_use]
    pub fn counter(&self, counter: u32) -> Option<u64> {
        self.backend.counter(counter)
    }

    /// The life of the segment now, a STATE_ constant.
    #[must_use]
    pub fn state(&self) -> u32 {
        self.backend.state()
    }

    /// The newest record of the last whole frame, as it stands there: above
    /// MAX_SEQUENCE in a damaged segment.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.backend.last_sequence()
    }

    /// Board and books reflect every record up to this, as it stands there: above
    /// MAX_SEQUENCE in a damaged segment.
    #[must_use]
    pub fn watermark(&self) -> u64 {
        self.backend.watermark()
    }

    /// Names the segment: sequences restart with each generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.backend.generation()
    }

    /// Where the data come from, a SOURCE_ constant.
    #[must_use]
    pub fn source(&self) -> u32 {
        self.backend.source()
    }

    /// The feed's name, as bytes.
    #[must_use]
    pub fn feed_bytes(&self) -> &[u8] {
        self.backend.feed()
    }

    /// The venue's name, as bytes.
    #[must_use]
    pub fn venue_bytes(&self) -> &[u8] {
        self.backend.venue()
    }

    /// Slots of the ring.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.backend.slots()
    }

    /// What this reader has seen.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (torn_rejected, skipped_depth) = self.backend.rejected();
        Stats {
            torn_rejected,
            skipped_depth,
            ..self.stats
        }
    }
}

#[cfg(feature = "native")]
impl ReaderOver<crate::native::Native> {
    /// Reads a segment that lies in this process's own memory: one that a thread
    /// writes, or a saved copy. Its boot is not checked, and
    /// [`ReaderOver::reattach`] never finds another.
    ///
    /// # Errors
    /// As [`ReaderOver::attach`], without the faults of files.
    pub fn over(
        words: std::sync::Arc<[std::sync::atomic::AtomicU64]>,
    ) -> Result<Self, AttachError> {
        Ok(Self::new(
            crate::native::Native::over(words)?,
            PathBuf::new(),
        ))
    }

    /// Makes `sequence` (from 1) the next one. One that is long gone answers
    /// OVERRUN, one in the future EMPTY until it is there.
    pub fn seek(&mut self, sequence: u64) {
        self.uncover();
        self.backend.seek(sequence);
    }

    /// The generation that replaced this one, 0 while there is none.
    #[must_use]
    pub fn successor_generation(&self) -> u64 {
        self.backend.successor_generation()
    }

    /// The publisher's version text, as bytes.
    #[must_use]
    pub fn publisher_version_bytes(&self) -> &[u8] {
        self.backend.publisher_version()
    }
}

/// The row of an instrument by BASE/QUOTE or the venue's spelling.
pub(crate) fn find(backend: &impl Backend, symbol: &str) -> Option<u16> {
    (0..=u16::MAX).take(backend.instrument_count()).find(|id| {
        backend
            .instrument(*id)
            .is_some_and(|row| row.is_called(symbol))
    })
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
