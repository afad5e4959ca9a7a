//! Reads tickring segments: rings of market data that one publisher writes into
//! shared memory and any number of processes read.
//!
//! A [`Reader`] maps the segment read-only and keeps a private cursor; nothing it
//! does can disturb the publisher or another reader. Every record is copied out
//! whole or not at all, and a reader that is too slow is told how many records it
//! lost.
//!
//! ```no_run
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
//! # Ok::<(), tickring::AttachError>(())
//! ```
//!
//! Limits: Linux, 64-bit, little-endian. A file that someone truncates from
//! outside kills whoever touches the missing pages (SIGBUS); [`Reader::wait`]
//! looks at the size and answers DAMAGED where it can.

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    target_endian = "little"
)))]
compile_error!("tickring reads segments on 64-bit little-endian Linux only");

mod decimal;
mod error;
pub mod json;
#[allow(missing_docs)]
pub mod layout;
mod memory;
mod protocol;
mod reader;
mod record;
mod segment;
mod stale;

pub use decimal::Decimal;
pub use error::AttachError;
pub use layout::{Instrument, InstrumentState, Level, Record};
pub use reader::{Answer, BoardAnswer, Reader, Stats};
pub use record::{Body, Book};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
