//! The reading half of the slot protocol, over any [`Words`]: pure, so that
//! tests can step a writer between its loads.

use std::sync::atomic::{Ordering, fence};

use crate::layout::MAX_SEQUENCE;
use crate::memory::Words;

/// Words of a record.
pub(crate) const RECORD_WORDS: usize = 16;
/// Words of the first cache line of a record.
pub(crate) const HEAD_WORDS: usize = 8;
/// How far a last-sequence hint may be ahead of a slot that was just read: far
/// beyond what any writer can publish between two loads.
const MAX_HINT_LEAD: u64 = 1 << 40;

/// What a slot held when record n was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Record n is not there yet.
    Before,
    /// Record n was copied, whole.
    Whole,
    /// The slot has gone on: its commit word is now this.
    Passed(u64),
    /// As Passed, seen only after the copy: the copy was thrown away.
    Torn(u64),
}

/// Looks for record `n` in the slot at word index `base` and copies its first
/// `out.len()` words. `out` is only to be used on [`Slot::Whole`].
pub(crate) fn read_slot(words: &impl Words, base: usize, n: u64, out: &mut [u64]) -> Slot {
    // Pairs with the writer's release of 2n: whoever sees it sees the payload.
    let before = words.acquire(base);
    if before < 2 * n {
        return Slot::Before;
    }
    if before > 2 * n {
        return Slot::Passed(before);
    }
    out[0] = before;
    copy(words, base + 1, &mut out[1..]);
    // Pairs with the barrier between the writer's mark and its payload: a copy
    // that holds a word of a later record cannot miss that record's mark below.
    fence(Ordering::Acquire);
    match words.relaxed(base) {
        after if after == before => Slot::Whole,
        after => Slot::Torn(after),
    }
}

/// What one attempt at a versioned board entry gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Never written.
    Never,
    /// Being written, or changed while it was copied: try again.
    Changing,
    /// Copied, whole.
    Whole,
}

/// Copies a board entry whose first word is its version (odd while it is being
/// written): `out` is only to be used on [`Entry::Whole`].
pub(crate) fn read_entry(words: &impl Words, base: usize, out: &mut [u64]) -> Entry {
    let before = words.acquire(base);
    if before == 0 {
        return Entry::Never;
    }
    if before & 1 == 1 {
        return Entry::Changing;
    }
    out[0] = before;
    copy(words, base + 1, &mut out[1..]);
    fence(Ordering::Acquire); // as in read_slot
    if words.relaxed(base) == before {
        Entry::Whole
    } else {
        Entry::Changing
    }
}

/// Copies words from `base` on, in no particular order to other threads.
pub(crate) fn copy(words: &impl Words, base: usize, out: &mut [u64]) {
    for (i, word) in out.iter_mut().enumerate() {
        *word = words.relaxed(base + i);
    }
}

/// Where a reader that was lapped goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The next sequence to read.
    pub(crate) next: u64,
    /// Records between the one that was wanted and that one.
    pub(crate) lost: u64,
}

/// Sequences to stay behind the newest, so that the reader is not lapped again
/// at once: an eighth of the ring, at least two.
fn margin(slots: u64) -> u64 {
    (slots / 8).max(2)
}

/// Computes where to resume after the slot of record `n` was found to hold
/// `commit`, with the last-sequence `hint`. None: no writer leaves such words.
pub(crate) fn resume(n: u64, commit: u64, hint: u64, slots: u64) -> Option<Resume> {
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
pub(crate) fn oldest(last: u64, slots: u64) -> u64 {
    if last < slots {
        1
    } else {
        last - slots + margin(slots)
    }
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
