//! How to attach.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::error::AttachError;
use crate::filter::Filter;
use crate::reader::ReaderOver;

/// How often the name of a feed that is not there yet is tried.
const AWAIT_STEP: Duration = Duration::from_millis(10);

/// How to attach; [`Options::attach`] ends it.
///
/// ```no_run
/// use std::time::Duration;
/// use tickring::{Filter, Reader};
///
/// let mut reader = Reader::options()
///     .await_for(Duration::from_secs(30)) // the publisher may start after us
///     .follow()                           // and again, with another generation
///     .filter(Filter::default().symbol("BTC/USDT"))
///     .register("market-maker")           // `tickring stat` tells our lag
///     .attach("gateio")?;
/// # Ok::<(), tickring::AttachError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options<B> {
    dir: Option<PathBuf>,
    await_for: Duration,
    follow: bool,
    latest: bool,
    filter: Filter,
    name: Option<String>,
    backend: PhantomData<fn() -> B>,
}

impl<B: Backend> Default for Options<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Backend> Options<B> {
    /// Attach now or never, at the oldest record, to this generation, to everything.
    #[must_use]
    pub fn new() -> Self {
        Options {
            dir: None,
            await_for: Duration::ZERO,
            follow: false,
            latest: false,
            filter: Filter::default(),
            name: None,
            backend: PhantomData,
        }
    }

    /// Where feeds live, instead of TICKRING_DIR and /dev/shm/tickring.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// How long to wait for a feed that does not exist yet, or has not the filter's
    /// instruments yet. The name is tried every 10 ms.
    #[must_use]
    pub fn await_for(mut self, timeout: Duration) -> Self {
        self.await_for = timeout;
        self
    }

    /// Move to newer generations without being asked: see [`ReaderOver::follow`].
    #[must_use]
    pub fn follow(mut self) -> Self {
        self.follow = true;
        self
    }

    /// Start behind the newest record instead of at the oldest.
    #[must_use]
    pub fn from_latest(mut self) -> Self {
        self.latest = true;
        self
    }

    /// Hand out only these: see [`ReaderOver::set_filter`].
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Take a slot of the file of readers under this name, if there is one to have:
    /// see [`ReaderOver::register`] and [`ReaderOver::register_error`].
    #[must_use]
    pub fn register(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Attaches to a feed by name.
    ///
    /// # Errors
    /// As [`ReaderOver::attach`]; with [`Options::await_for`] the last one.
    pub fn attach(&self, feed: &str) -> Result<ReaderOver<B>, AttachError> {
        self.repeat(|| ReaderOver::attach(self.dir.as_deref(), feed))
    }

    /// Attaches to a segment file.
    ///
    /// # Errors
    /// As [`Options::attach`].
    pub fn attach_path(&self, path: &Path) -> Result<ReaderOver<B>, AttachError> {
        self.repeat(|| ReaderOver::attach_path(path))
    }

    fn repeat(
        &self,
        attach: impl Fn() -> Result<ReaderOver<B>, AttachError>,
    ) -> Result<ReaderOver<B>, AttachError> {
        let start = Instant::now();
        loop {
            match attach().and_then(|reader| self.apply(reader)) {
                Err(AttachError::FeedName(name)) => return Err(AttachError::FeedName(name)),
                Err(_) if start.elapsed() < self.await_for => std::thread::sleep(AWAIT_STEP),
                end => return end,
            }
        }
    }

    fn apply(&self, mut reader: ReaderOver<B>) -> Result<ReaderOver<B>, AttachError> {
        reader.set_filter(self.filter.clone())?;
        reader.follow(self.follow);
        if self.latest {
            reader.seek_latest();
        }
        if let Some(name) = &self.name {
            reader.try_register(name);
        }
        Ok(reader)
    }
}
