//! The Rust reader of the bench: the crate as it is shipped, and stamps.
//!
//!     reader DIR FEED CPU head|whole WARM
//!
//! Prints "ready" once attached, reads until CLOSED, then prints its samples.

use std::error::Error;
use std::path::Path;

use bench_full::{Samples, number, settle, ticks};
use tickring::{Answer, Reader};

/// Far more than any run of the bench gives; what is beyond is read and not kept.
const CAPACITY: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, dir, feed, cpu, part, warm] = args.as_slice() else {
        return Err("usage: reader DIR FEED CPU head|whole WARM".into());
    };
    let head = part == "head";
    let mut samples = Samples::new(CAPACITY, number(warm)?);
    settle(number(cpu)?)?;
    let mut reader = Reader::attach(Some(Path::new(dir)), feed)?;
    reader.seek_latest();
    println!("ready");
    let mut lost = 0;
    loop {
        let answer = if head {
            reader.next_head()
        } else {
            reader.next()
        };
        match answer {
            Answer::Record(r) => samples.take([r.recv_time_ns, r.venue_sequence as i64, ticks()]),
            Answer::Overrun(n) => lost += n,
            Answer::Empty | Answer::Stale => {}
            Answer::Closed => break,
            Answer::Superseded | Answer::Damaged => {
                return Err("reader: the segment is not the writer's".into());
            }
        }
    }
    Ok(samples.print(lost)?)
}
