//! The only module with `unsafe` code: the mapping, its atomic words, the
//! doorbell futex, the coarse clock, and typed views of private copies.
//!
//! Another process writes the mapping while it is read, so no reference to
//! plain data ever points into it: every access is a relaxed or acquire load
//! of one aligned 64-bit word.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::layout;

/// What the protocol needs of a memory: 64-bit words, loaded in two strengths.
/// The index counts words, not bytes.
pub(crate) trait Words {
    /// A load that orders nothing.
    fn relaxed(&self, word: usize) -> u64;
    /// A load that no later load may overtake.
    fn acquire(&self, word: usize) -> u64;
}

/// The bytes of a segment: a read-only mapping of a file, or words shared inside
/// this process.
pub(crate) enum Memory {
    /// A file another process may be writing.
    Mapped(Mapping),
    /// A segment that lives in this process's own memory.
    Shared(Arc<[AtomicU64]>),
}

/// A read-only shared mapping, with the file it came from.
pub(crate) struct Mapping {
    base: NonNull<AtomicU64>,
    words: usize,
    file: File,
}

// SAFETY: the mapping is never written through `base`, stays mapped until drop,
// and is only read by atomic loads, which any number of threads may do.
unsafe impl Send for Mapping {}
// SAFETY: as above; no method changes anything but by `drop`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `size` bytes of `file`, populated. `size` is a multiple of
    /// 8, above zero, and not beyond the file's end.
    pub(crate) fn new(file: File, size: usize) -> io::Result<Mapping> {
        // SAFETY: a fresh mapping at an address of the kernel's choice touches no
        // memory of ours; the descriptor is open for the length of the call.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                file.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast::<AtomicU64>()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping {
            base,
            words: size / 8,
            file,
        })
    }

    fn word(&self, word: usize) -> &AtomicU64 {
        assert!(word < self.words, "word {word} is outside of the mapping");
        // SAFETY: inside the mapping, 8-byte aligned since the base is a page's
        // start; AtomicU64 allows for writes by others, and the mapping is
        // readable, which is all that a load needs.
        unsafe { self.base.add(word).as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the range that mmap gave; no reference outlives self.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.words * 8) };
    }
}

impl Memory {
    fn word(&self, word: usize) -> &AtomicU64 {
        match self {
            Memory::Mapped(mapping) => mapping.word(word),
            Memory::Shared(words) => &words[word],
        }
    }

    /// Whether the file has become shorter than the mapping: a touch of the pages
    /// that are gone would kill the process.
    pub(crate) fn shrunk(&self) -> bool {
        match self {
            Memory::Mapped(mapping) => mapping
                .file
                .metadata()
                .is_ok_and(|m| m.len() < (mapping.words * 8) as u64),
            Memory::Shared(_) => false,
        }
    }

    /// Sleeps until the low half of `word` is no longer `seen`, someone wakes its
    /// sleepers, or `timeout` is over. May return early.
    pub(crate) fn sleep_on(&self, word: usize, seen: u32, timeout: Duration) {
        let limit = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos() as libc::c_long,
        };
        let address = std::ptr::from_ref(self.word(word)).cast::<u32>();
        // SAFETY: FUTEX_WAIT only reads the 4 bytes at `address`, which lie in a
        // live word (little-endian: its low half), and `limit`, which is ours. The
        // operation is the shared kind, since the waker is another process.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                address,
                libc::FUTEX_WAIT,
                seen,
                &raw const limit,
                std::ptr::null::<u32>(),
                0u32,
            )
        };
    }
}

impl Words for Memory {
    fn relaxed(&self, word: usize) -> u64 {
        self.word(word).load(Ordering::Relaxed)
    }

    fn acquire(&self, word: usize) -> u64 {
        self.word(word).load(Ordering::Acquire)
    }
}

/// Nanoseconds of CLOCK_MONOTONIC_COARSE: steps of a few milliseconds, no system
/// call. Only differences mean anything.
pub(crate) fn coarse_now_ns() -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec, ours; this clock is in every Linux, so the call
    // cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// A layout structure for which every bit pattern is a value and which has no
/// padding: integers, and arrays of them.
///
/// # Safety
/// The type holds nothing but integers, without implicit padding, and its
/// alignment is at most 8.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ident),*) => {$(
        // SAFETY: generated with repr(C) from a layout of explicit padding, of
        // integers and arrays of integers only; sizes and offsets are asserted at
        // compile time there.
        unsafe impl Plain for layout::$name {}
        const _: () = assert!(align_of::<layout::$name>() <= 8);
    )*};
}
plain!(
    Header,
    Instrument,
    InstrumentState,
    Connection,
    BookHeader,
    Level,
    Record
);
plain!(BookTicker, Trade, Depth, Ticker, Status, Perpetual);

/// Reads a structure out of private words.
///
/// # Panics
/// When `words` holds fewer bytes than the structure.
pub(crate) fn from_words<T: Plain>(words: &[u64]) -> T {
    assert!(
        size_of::<T>() <= size_of_val(words),
        "words are shorter than the structure"
    );
    // SAFETY: long enough as just asserted, aligned to 8, and T accepts every bit
    // pattern.
    unsafe { words.as_ptr().cast::<T>().read() }
}

/// Looks at private words as a structure.
pub(crate) fn view<T: Plain>(words: &[u64]) -> &T {
    assert!(
        size_of::<T>() <= size_of_val(words),
        "words are shorter than the structure"
    );
    // SAFETY: as in from_words; the words are private and borrowed for as long as
    // the view lives.
    unsafe { &*words.as_ptr().cast::<T>() }
}
