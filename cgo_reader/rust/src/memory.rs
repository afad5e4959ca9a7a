//! What is asked of the system: the mapping and its atomic words, the doorbell
//! futex, the clocks. One of the modules with `unsafe` code.
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

use crate::system;

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

    #[inline(always)]
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: the whole mapping, 8-byte aligned since the base is a page's
        // start; AtomicU64 allows for writes by others, and the mapping is
        // readable, which is all that a load needs.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.words) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the range that mmap gave; no reference outlives self.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.words * 8) };
    }
}

impl Memory {
    /// All words. An index beyond them panics, as with every slice.
    #[inline(always)]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        match self {
            Memory::Mapped(mapping) => mapping.words(),
            Memory::Shared(words) => words,
        }
    }

    /// `N` words from `base` on; None beyond the end.
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&self, base: usize) -> Option<&[AtomicU64; N]> {
        self.words().get(base..)?.first_chunk()
    }

    /// A load that orders nothing.
    #[inline(always)]
    pub(crate) fn relaxed(&self, word: usize) -> u64 {
        self.words()[word].load(Ordering::Relaxed)
    }

    /// A load that no later load may overtake.
    #[inline(always)]
    pub(crate) fn acquire(&self, word: usize) -> u64 {
        self.words()[word].load(Ordering::Acquire)
    }

    /// Copies words from `base` on, one by one, in no particular order.
    pub(crate) fn copy(&self, base: usize, out: &mut [u64]) {
        for (word, from) in out.iter_mut().zip(&self.words()[base..]) {
            *word = from.load(Ordering::Relaxed);
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
        system::futex_wait(&self.words()[word], seen, timeout);
    }
}
