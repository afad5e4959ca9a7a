//! Several feeds merged on one clock.

use std::time::{Duration, Instant};

use crate::answer::{Answer, Signal};
use crate::backend::Backend;
use crate::layout::Record;
use crate::reader::ReaderOver;

/// How often one feed is served in a row while another has a record: a burst of one
/// venue does not hide the others for longer than some tens of microseconds.
const MAX_TURNS: u32 = 1024;
/// The longest sleep on one feed's doorbell while the others' cannot be heard.
const NAP: Duration = Duration::from_millis(1);

/// Several feeds merged: it holds one record of each and hands out the one with the
/// least `publish_time_ns`, which every publisher of a host takes from the same clock,
/// so that two venues can be compared. It does not wait for a feed that has nothing.
///
/// ```no_run
/// use tickring::{Answer, Poller, Reader};
///
/// let mut poller = Poller::new();
/// for feed in ["gateio", "mexc"] {
///     poller.add(Reader::attach(None, feed)?);
/// }
/// loop {
///     match poller.next() {
///         Some((feed, Answer::Record(record))) => println!("{feed} {}", record.recv_time_ns),
///         Some((feed, other)) => eprintln!("{feed} {other:?}"),
///         None => {
///             poller.wait(std::time::Duration::from_secs(1));
///         }
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), tickring::AttachError>(())
/// ```
pub struct PollerOver<B: Backend> {
    lanes: Vec<Lane<B>>,
    last: Option<usize>,
    turns: u32,
    napped: usize,
}

/// One feed of a poller.
struct Lane<B: Backend> {
    reader: ReaderOver<B>,
    record: Record,
    held: bool,
    /// The state that was said last, and of which generation.
    told: (Signal, u64),
}

impl<B: Backend> Default for PollerOver<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Backend> PollerOver<B> {
    /// A poller without feeds.
    #[must_use]
    pub fn new() -> Self {
        PollerOver {
            lanes: Vec::new(),
            last: None,
            turns: 0,
            napped: 0,
        }
    }

    /// Adds a feed, from where its reader stands, with its filter; returns the number
    /// by which [`PollerOver::next`] names it, from 0.
    pub fn add(&mut self, reader: ReaderOver<B>) -> usize {
        self.lanes.push(Lane {
            reader,
            record: Record::ZERO,
            held: false,
            told: (Signal::Empty, 0),
        });
        self.lanes.len() - 1
    }

    /// Number of feeds.
    #[must_use]
    pub fn feeds(&self) -> usize {
        self.lanes.len()
    }

    /// The reader of a feed: board, books, freshness, stats. Its cursor is one record
    /// ahead while the poller holds one.
    #[must_use]
    pub fn reader(&self, feed: usize) -> Option<&ReaderOver<B>> {
        self.lanes.get(feed).map(|lane| &lane.reader)
    }

    /// The reader of a feed, for the calls that change it. To move its cursor by hand
    /// loses at most the record that the poller holds.
    pub fn reader_mut(&mut self, feed: usize) -> Option<&mut ReaderOver<B>> {
        self.lanes.get_mut(feed).map(|lane| &mut lane.reader)
    }

    /// The next answer and the feed it is of; None when no feed has anything to say.
    /// OVERRUN comes before records, and so do STALE, CLOSED, SUPERSEDED and DAMAGED of
    /// a feed, each once, when it begins: a busy feed must not hide that another has
    /// fallen silent. Never blocks, never allocates.
    #[allow(clippy::should_implement_trait)] // a stream that may be empty now and not later
    pub fn next(&mut self) -> Option<(usize, Answer)> {
        for (feed, lane) in self.lanes.iter_mut().enumerate() {
            if lane.held {
                continue;
            }
            let signal = lane.reader.next_into(&mut lane.record);
            let state = (signal, lane.reader.generation());
            match signal {
                Signal::Record => {
                    lane.held = true;
                    lane.told = state;
                }
                Signal::Overrun(_) => return Some((feed, signal.with(&lane.record))),
                Signal::Empty => lane.told = state,
                _ if lane.told != state => {
                    lane.told = state;
                    return Some((feed, signal.with(&lane.record)));
                }
                _ => {}
            }
        }
        let feed = self.choose()?;
        let lane = &mut self.lanes[feed];
        lane.held = false;
        Some((feed, Answer::Record(lane.record)))
    }

    /// The feed whose held record is next.
    fn choose(&mut self) -> Option<usize> {
        let mut best = self.least(None)?;
        if Some(best) == self.last && self.turns >= MAX_TURNS {
            best = self.least(Some(best)).unwrap_or(best);
        }
        if Some(best) != self.last {
            self.last = Some(best);
            self.turns = 0;
        }
        self.turns += 1;
        Some(best)
    }

    /// The held record with the least publish time, the first among equals.
    fn least(&self, not: Option<usize>) -> Option<usize> {
        let lanes = self.lanes.iter().enumerate();
        lanes
            .filter(|(feed, lane)| lane.held && Some(*feed) != not)
            .min_by_key(|(_, lane)| lane.record.publish_time_ns)
            .map(|(feed, _)| feed)
    }

    /// Waits until a feed has something new: true; false when `timeout` is over first.
    /// It sleeps on one feed's doorbell after the other, a millisecond each, so that
    /// news of the others wait that long at most.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let start = Instant::now();
        if self.lanes.iter().any(|lane| lane.held) {
            return true;
        }
        loop {
            if self.lanes.iter_mut().any(|l| l.reader.wait(Duration::ZERO)) {
                return true;
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() || self.lanes.is_empty() {
                return false;
            }
            self.napped = (self.napped + 1) % self.lanes.len();
            if self.lanes[self.napped].reader.wait(left.min(NAP)) {
                return true;
            }
        }
    }
}
