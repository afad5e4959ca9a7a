//! The reading half of the slot protocol, over any [`Words`]: pure, so that
//! tests can step a writer between its loads, and so that it can be used where
//! there is no operating system.
//!
//! ```
//! use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
//! use tickring::protocol::{Slot, read_slot};
//!
//! // A slot of two words in which record 3 stands.
//! let slot = [AtomicU64::new(6), AtomicU64::new(42)];
//! let mut copy = [0; 2];
//! assert_eq!(read_slot(&slot, 3, &mut copy), Slot::Whole);
//! assert_eq!(copy, [6, 42]);
//! assert_eq!(read_slot(&slot, 4, &mut copy), Slot::Before);
//! slot[0].store(2 * 11 - 1, Relaxed); // record 11 is being written
//! assert_eq!(read_slot(&slot, 3, &mut copy), Slot::Passed(21));
//! ```

use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::layout::{self, MAX_SEQUENCE};

/// Words of a record.
pub const RECORD_WORDS: usize = layout::RECORD_SIZE / 8;
/// Words of the first cache line of a record.
pub const HEAD_WORDS: usize = 8;
/// How far a last-sequence hint may be ahead of a slot that was just read: far
/// beyond what any writer can publish between two loads.
const MAX_HINT_LEAD: u64 = 1 << 40;

/// What the protocol needs of a memory: 64-bit words, loaded in two strengths.
/// The index counts words, not bytes.
pub trait Words {
    /// A load that orders nothing.
    fn relaxed(&self, word: usize) -> u64;
    /// A load that no later load may overtake.
    fn acquire(&self, word: usize) -> u64;
}

impl Words for [AtomicU64] {
    #[inline(always)]
    fn relaxed(&self, word: usize) -> u64 {
        self[word].load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn acquire(&self, word: usize) -> u64 {
        self[word].load(Ordering::Acquire)
    }
}

impl<const N: usize> Words for [AtomicU64; N] {
    #[inline(always)]
    fn relaxed(&self, word: usize) -> u64 {
        self[word].load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn acquire(&self, word: usize) -> u64 {
        self[word].load(Ordering::Acquire)
    }
}

/// What a slot held when record n was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Record n is not there yet.
    Before,
    /// Record n was copied, whole.
    Whole,
    /// The slot has gone on: its commit word is now this.
    Passed(u64),
    /// As Passed, seen only after the copy: the copy was thrown away.
    Torn(u64),
}

/// Looks for record `n` in `slot` and copies its first `out.len()` words, at least
/// one. `out` is only to be used on [`Slot::Whole`].
#[inline(always)]
pub fn read_slot(slot: &(impl Words + ?Sized), n: u64, out: &mut [u64]) -> Slot {
    // Pairs with the writer's release of 2n: whoever sees it sees the payload.
    let before = slot.acquire(0);
    if before < 2 * n {
        return Slot::Before;
    }
    if before > 2 * n {
        return Slot::Passed(before);
    }
    out[0] = before;
    copy_tail(slot, out);
    // Pairs with the barrier between the writer's mark and its payload: a copy
    // that holds a word of a later record cannot miss that record's mark below.
    fence(Ordering::Acquire);
    match slot.relaxed(0) {
        after if after == before => Slot::Whole,
        after => Slot::Torn(after),
    }
}

/// What one attempt at a versioned board entry gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Never written.
    Never,
    /// Being written, or changed while it was copied: try again.
    Changing,
    /// Copied, whole.
    Whole,
}

/// Copies a board entry whose first word is its version (odd while it is being
/// written): `out` is only to be used on [`Entry::Whole`].
#[inline]
pub fn read_entry(entry: &(impl Words + ?Sized), out: &mut [u64]) -> Entry {
    let before = entry.acquire(0);
    if before == 0 {
        return Entry::Never;
    }
    if before & 1 == 1 {
        return Entry::Changing;
    }
    out[0] = before;
    copy_tail(entry, out);
    fence(Ordering::Acquire); // as in read_slot
    if entry.relaxed(0) == before {
        Entry::Whole
    } else {
        Entry::Changing
    }
}

/// Copies all words but the first, in no particular order to other threads.
#[inline(always)]
fn copy_tail(words: &(impl Words + ?Sized), out: &mut [u64]) {
    for (i, word) in out.iter_mut().enumerate().skip(1) {
        *word = words.relaxed(i);
    }
}

/// Where a reader that was lapped goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The next sequence to read.
    pub next: u64,
    /// Records between the one that was wanted and that one.
    pub lost: u64,
}

/// Sequences to stay behind the newest, so that the reader is not lapped again
/// at once: an eighth of the ring, at least two.
fn margin(slots: u64) -> u64 {
    (slots / 8).max(2)
}

/// Computes where to resume after the slot of record `n` was found to hold
/// `commit`, with the last-sequence `hint`. None: no writer leaves such words.
#[must_use]
pub fn resume(n: u64, commit: u64, hint: u64, slots: u64) -> Option<Resume> {
    let m = commit.div_ceil(2);
    let mask = slots - 1;
    if m > MAX_SEQUENCE || hint > MAX_SEQUENCE || hint > m + MAX_HINT_LEAD {
        return None;
    }
    if m <= n || m & mask != n & mask {
        return None;
    }
    // m is at least one lap ahead of n, so nothing here can go below zero.
    let next = hint.max(m) - slots + margin(slots);
    Some(Resume {
        next,
        lost: next - n,
    })
}

/// The oldest sequence that is safe to start from when `last` is the newest.
#[must_use]
pub fn oldest(last: u64, slots: u64) -> u64 {
    if last < slots {
        1
    } else {
        last - slots + margin(slots)
    }
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
