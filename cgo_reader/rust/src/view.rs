//! Typed looks at private copies: words as a layout structure and back. One of the
//! modules with `unsafe` code.

use crate::layout;

/// A layout structure for which every bit pattern is a value and which has no
/// padding: integers, and arrays of them.
///
/// # Safety
/// The type holds nothing but integers, without implicit padding, and its
/// alignment is exactly 8.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ident),*) => {$(
        // SAFETY: generated with repr(C) from a layout of explicit padding, of
        // integers and arrays of integers only; sizes and offsets are asserted at
        // compile time there.
        unsafe impl Plain for layout::$name {}
        const _: () = assert!(align_of::<layout::$name>() == 8);
        const _: () = assert!(size_of::<layout::$name>().is_multiple_of(8));
    )*};
}
plain!(
    Header,
    Instrument,
    InstrumentState,
    Connection,
    BookHeader,
    Level,
    Record,
    ReadersHeader,
    ReaderSlot
);
plain!(BookTicker, Trade, Depth, Ticker, Status, Perpetual);

/// Looks at private words as a structure.
///
/// # Panics
/// When `words` holds fewer bytes than the structure.
pub(crate) fn view<T: Plain>(words: &[u64]) -> &T {
    assert!(
        size_of::<T>() <= size_of_val(words),
        "words are shorter than the structure"
    );
    // SAFETY: long enough as just asserted, aligned to 8, and T accepts every bit
    // pattern; the words are private and borrowed for as long as the view lives.
    unsafe { &*words.as_ptr().cast::<T>() }
}

/// The words of a structure, to be filled.
#[cfg(feature = "std")]
pub(crate) fn words_of<T: Plain>(value: &mut T) -> &mut [u64] {
    let count = size_of::<T>() / 8;
    // SAFETY: T is exactly `count` words without padding, aligned to 8, and stays a
    // value whatever is stored to it.
    unsafe { core::slice::from_raw_parts_mut(core::ptr::from_mut(value).cast::<u64>(), count) }
}
