//! The stream as an iterator.

use std::time::{Duration, Instant};

use crate::answer::Signal;
use crate::backend::Backend;
use crate::layout::Record;
use crate::reader::ReaderOver;

/// What an iteration over a feed sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // the record is the usual event, and the point
pub enum Event {
    /// The next record.
    Record(Record),
    /// So many records were overwritten before they were read. What was derived from
    /// the stream is to be refreshed from the board.
    Lost(u64),
    /// The writer's hot thread has stood still for a second; said once each time.
    Stale,
    /// The reader follows, and is now in this generation: instruments are to be found
    /// again.
    Moved(u64),
}

/// An iterator over a feed: see [`ReaderOver::events`].
pub struct Events<'a, B: Backend> {
    reader: &'a mut ReaderOver<B>,
    idle: Duration,
    generation: u64,
    stale: bool,
}

impl<B: Backend> ReaderOver<B> {
    /// The stream as an iterator that waits. It ends when nothing comes for `idle`
    /// (ZERO: with what is there now; MAX: never), when the segment is damaged, and,
    /// unless the reader follows, when the segment was closed or replaced.
    ///
    /// ```no_run
    /// use tickring::{Event, Reader};
    ///
    /// let mut reader = Reader::options().follow().attach("gateio")?;
    /// for event in reader.events(std::time::Duration::MAX) {
    ///     match event {
    ///         Event::Record(record) => println!("{}", record.sequence()),
    ///         Event::Lost(records) => eprintln!("too slow: {records} lost"),
    ///         Event::Stale => eprintln!("the publisher stands still"),
    ///         Event::Moved(generation) => eprintln!("now in generation {generation}"),
    ///     }
    /// }
    /// # Ok::<(), tickring::AttachError>(())
    /// ```
    pub fn events(&mut self, idle: Duration) -> Events<'_, B> {
        Events {
            generation: self.generation(),
            reader: self,
            idle,
            stale: false,
        }
    }
}

impl<B: Backend> Iterator for Events<'_, B> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        // Filled in place, as in ReaderOver::next.
        let mut event = Some(Event::Record(Record::ZERO));
        if let Some(Event::Record(record)) = &mut event {
            match self.reader.next_into(record) {
                Signal::Record => {}
                other => return self.instead(other),
            }
        }
        event
    }
}

impl<B: Backend> Events<'_, B> {
    /// What there is when the next call had no record: waits for one.
    #[inline(never)]
    fn instead(&mut self, mut signal: Signal) -> Option<Event> {
        let start = Instant::now();
        let mut record = Record::ZERO;
        loop {
            match signal {
                Signal::Record => return Some(Event::Record(record)),
                Signal::Overrun(lost) => return Some(Event::Lost(lost)),
                Signal::Damaged => return None,
                Signal::Superseded if self.reader.generation() != self.generation => {
                    self.generation = self.reader.generation();
                    return Some(Event::Moved(self.generation));
                }
                Signal::Closed | Signal::Superseded if !self.reader.follows() => return None,
                Signal::Stale if !self.stale => {
                    self.stale = true;
                    return Some(Event::Stale);
                }
                Signal::Empty => self.stale = false,
                Signal::Stale | Signal::Closed | Signal::Superseded => {}
            }
            let left = self.idle.saturating_sub(start.elapsed());
            if left.is_zero() {
                return None;
            }
            self.reader.wait(left);
            signal = self.reader.next_into(&mut record);
        }
    }
}
