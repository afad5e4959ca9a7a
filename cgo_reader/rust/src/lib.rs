//! Reads tickring segments: rings of market data that one publisher writes into
//! shared memory and any number of processes read.
//!
//! A [`Reader`] maps the segment read-only and keeps a private cursor; nothing it
//! does can disturb the publisher or another reader. Every record is copied out
//! whole or not at all, and a reader that is too slow is told how many records it
//! lost.
//!
//! ```no_run
//! # #[cfg(feature = "std")]
//! # fn main() -> Result<(), tickring::AttachError> {
//! use tickring::{Answer, Body, Reader};
//!
//! let mut reader = Reader::attach(None, "gateio")?;
//! loop {
//!     match reader.next() {
//!         Answer::Record(record) => {
//!             if let Body::Trade(trade) = record.body() {
//!                 println!("{:?}", record.price(trade.price).map(|p| p.to_string()));
//!             }
//!         }
//!         Answer::Overrun(lost) => eprintln!("lost {lost} records"),
//!         Answer::Empty => {
//!             reader.wait(std::time::Duration::from_millis(100));
//!         }
//!         other => break eprintln!("{other:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "std"))]
//! # fn main() {}
//! ```
//!
//! [`ReaderOver::events`] is the same as an iterator that waits, [`ReaderOver::drain`] with
//! a callback, [`PollerOver`] over several feeds; [`ReaderOver::options`] waits for a feed that
//! does not exist yet, filters, follows it over generations.
//!
//! # Features
//!
//! - `native` (default): the reader in Rust.
//! - `c-library`: the reader of the C library, `CReader`; without `native`, [`Reader`] is
//!   that one. The calls are the same.
//! - neither: no operating system and no dependency. Layout, records, [`Decimal`] and the
//!   [`protocol`] over words.
//!
//! Limits: Linux, 64-bit, little-endian. A file that someone truncates from
//! outside kills whoever touches the missing pages (SIGBUS); an idle reader
//! looks at the size and answers DAMAGED where it can.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![deny(unsafe_code)]

#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("tickring reads segments on 64-bit little-endian machines only");
#[cfg(all(feature = "std", not(target_os = "linux")))]
compile_error!("tickring maps segments on Linux only: use it without default features");
#[cfg(all(feature = "std", not(any(feature = "native", feature = "c-library"))))]
compile_error!("choose a reader: the feature native or c-library");

#[cfg(feature = "std")]
mod answer;
#[cfg(feature = "std")]
mod backend;
#[cfg(feature = "std")]
mod book;
#[cfg(feature = "c-library")]
#[allow(unsafe_code)]
mod clib;
mod decimal;
#[cfg(feature = "std")]
mod error;
#[cfg(feature = "std")]
mod events;
#[cfg(feature = "std")]
mod filter;
#[cfg(feature = "std")]
pub mod json;
#[allow(missing_docs, rustdoc::invalid_html_tags)] // generated from Go's comments
pub mod layout;
#[cfg(feature = "native")]
#[allow(unsafe_code)]
mod memory;
#[cfg(feature = "std")]
mod names;
#[cfg(feature = "native")]
mod native;
#[cfg(feature = "std")]
mod options;
#[cfg(feature = "std")]
mod poller;
pub mod protocol;
#[cfg(feature = "std")]
mod reader;
mod record;
#[cfg(feature = "std")]
mod registration;
#[cfg(feature = "native")]
mod segment;
#[cfg(feature = "native")]
mod stale;
#[cfg(feature = "std")]
#[allow(unsafe_code)]
mod system;
#[allow(unsafe_code)]
mod view;

pub use decimal::Decimal;
pub use layout::{Instrument, InstrumentState, Level, Record};
pub use record::Body;
#[cfg(feature = "std")]
pub use {
    answer::{Answer, BoardAnswer, Signal, Stats},
    backend::Backend,
    book::Book,
    error::AttachError,
    events::{Event, Events},
    filter::Filter,
    options::Options,
    poller::PollerOver,
    reader::{Entry, Joined, ReaderOver},
    registration::RegisterError,
};

#[cfg(feature = "c-library")]
pub use clib::CLibrary;
#[cfg(feature = "native")]
pub use native::Native;

/// The reader that the crate was built with: in Rust with the feature `native`.
#[cfg(feature = "native")]
pub type Reader = ReaderOver<Native>;
/// The reader that the crate was built with: of the C library without the feature
/// `native`.
#[cfg(all(feature = "c-library", not(feature = "native")))]
pub type Reader = ReaderOver<CLibrary>;
/// The reader of the C library.
#[cfg(feature = "c-library")]
pub type CReader = ReaderOver<CLibrary>;

/// Several feeds merged on one clock, by the reader that the crate was built with.
#[cfg(feature = "native")]
pub type Poller = PollerOver<Native>;
/// Several feeds merged on one clock, by the reader that the crate was built with.
#[cfg(all(feature = "c-library", not(feature = "native")))]
pub type Poller = PollerOver<CLibrary>;

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
