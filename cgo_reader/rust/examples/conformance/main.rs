//! The driver of this crate for `make readers-conformance`: takes commands on standard
//! input and prints the canonical log of docs/conformance.md.
//!
//!     conformance rust|rust-c
//!
//! rust is the reader in Rust, rust-c the one of the C library (with the feature
//! c-library).

mod driver;
mod log;

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "rust".into());
    let ended = match name.as_str() {
        "rust" => driver::serve::<tickring::Native>(&name),
        #[cfg(feature = "c-library")]
        "rust-c" => driver::serve::<tickring::CLibrary>(&name),
        _ => Err(io::Error::other(format!(
            "{name}: must be rust, or rust-c with the feature c-library"
        ))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}
