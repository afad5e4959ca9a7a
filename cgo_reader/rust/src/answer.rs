//! What the calls of a reader say.

use crate::layout::Record;

/// What a call to [`ReaderOver::next`](crate::ReaderOver::next) says. The same in every
/// language.
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
    /// Reversible; a good time to try [`ReaderOver::reattach`](crate::ReaderOver::reattach).
    Stale,
    /// Closed cleanly, and drained.
    Closed,
    /// A newer segment has the name, and this one is drained. A reader that follows
    /// says it once when it has moved: instruments are to be found again.
    Superseded,
    /// Bytes that no writer leaves. Final for this segment.
    Damaged,
}

/// An [`Answer`] without its record, which lies where the caller wanted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The record is there, whole.
    Record,
    /// See [`Answer::Empty`].
    Empty,
    /// See [`Answer::Overrun`].
    Overrun(u64),
    /// See [`Answer::Stale`].
    Stale,
    /// See [`Answer::Closed`].
    Closed,
    /// See [`Answer::Superseded`].
    Superseded,
    /// See [`Answer::Damaged`].
    Damaged,
}

impl Signal {
    /// The answer, with the record where there is one.
    #[must_use]
    #[inline]
    pub fn with(self, record: &Record) -> Answer {
        match self {
            Signal::Record => Answer::Record(*record),
            Signal::Empty => Answer::Empty,
            Signal::Overrun(lost) => Answer::Overrun(lost),
            Signal::Stale => Answer::Stale,
            Signal::Closed => Answer::Closed,
            Signal::Superseded => Answer::Superseded,
            Signal::Damaged => Answer::Damaged,
        }
    }
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

impl<T> BoardAnswer<T> {
    /// The same answer about something else.
    pub fn map<U>(self, value: impl FnOnce(T) -> U) -> BoardAnswer<U> {
        match self {
            BoardAnswer::Got(got) => BoardAnswer::Got(value(got)),
            BoardAnswer::Empty => BoardAnswer::Empty,
            BoardAnswer::Busy => BoardAnswer::Busy,
            BoardAnswer::Damaged => BoardAnswer::Damaged,
        }
    }
}

/// What a reader has seen since it attached; it goes on over generations.
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
    /// Records that the filter did not let pass.
    pub filtered: u64,
    /// Times moved to another generation.
    pub reattached: u64,
}
