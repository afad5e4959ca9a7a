//! The Rust side of `make bench-readers`, through the crate as it is.
//!
//!     bench drain WAY PATH    a full ring again and again, see bench/languages/doc.go;
//!                             WAY is next, next_into, drain, events or head, or c-next_into,
//!                             the same of the C library
//!     bench spin PATH WARM    as bench/reader.c

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Duration;

use tickring::layout::Record;
use tickring::{Answer, Backend, CLibrary, Event, Native, Reader, ReaderOver, Signal};

/// As bench/reader.c's: what is beyond is read and not kept.
const CAPACITY: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["drain", way, path] => match way.strip_prefix("c-") {
            Some(way) => turns::<CLibrary>(way, Path::new(path)),
            None => turns::<Native>(way, Path::new(path)),
        },
        ["spin", path, warm] => spin(Path::new(path), warm.parse()?),
        _ => Err("usage: bench drain WAY PATH | spin PATH WARM".into()),
    }
}

/// Records and the sum of their bids, so that nothing is left out.
#[derive(Default)]
struct Sum {
    records: u64,
    bids: u64,
}

impl Sum {
    #[inline(always)]
    fn take(&mut self, record: &Record) {
        self.records += 1;
        self.bids += record.body[0];
    }
}

/// One drain, and the ways there are of it.
type Drain<B> = fn(&mut ReaderOver<B>, &mut Sum);

fn drain_of<B: Backend>(way: &str) -> Option<Drain<B>> {
    Some(match way {
        "next" => |reader, sum| {
            while let Answer::Record(record) = reader.next() {
                sum.take(&record);
            }
        },
        "next_into" => |reader, sum| {
            let mut record = Record::ZERO;
            while reader.next_into(&mut record) == Signal::Record {
                sum.take(&record);
            }
        },
        "head" => |reader, sum| {
            while let Answer::Record(record) = reader.next_head() {
                sum.take(&record);
            }
        },
        "drain" => |reader, sum| {
            reader.drain(|record| sum.take(record));
        },
        "events" => |reader, sum| {
            for event in reader.events(Duration::ZERO) {
                if let Event::Record(record) = event {
                    sum.take(&record);
                }
            }
        },
        _ => return None,
    })
}

fn turns<B: Backend>(way: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let drain = drain_of::<B>(way).ok_or("no such way")?;
    let mut reader = ReaderOver::<B>::attach_path(path)?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let drains: u64 = line.strip_prefix("turn ").ok_or("want turn N")?.parse()?;
        let mut sum = Sum::default();
        let start = cpu_ns();
        for _ in 0..drains {
            reader.seek_oldest();
            drain(&mut reader, &mut sum);
        }
        let took = cpu_ns() - start;
        println!("{} {took} {}", sum.records, sum.bids);
    }
    Ok(())
}

/// This thread's processor time: what else runs on the machine does not count.
fn cpu_ns() -> i64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the place for the answer is this function's own.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut ts) };
    ts.tv_sec * 1_000_000_000 + ts.tv_nsec
}

fn spin(path: &Path, warm: u64) -> Result<(), Box<dyn Error>> {
    let mut samples = vec![[1i64; 3]; CAPACITY]; // no page fault later
    samples.clear();
    let mut reader = Reader::attach_path(path)?;
    reader.seek_latest();
    println!("ready");
    let mut record = Record::ZERO;
    let (mut seen, mut lost) = (0, 0);
    loop {
        match reader.next_into(&mut record) {
            Signal::Record => {
                let now = ticks();
                seen += 1;
                if seen > warm && samples.len() < CAPACITY {
                    samples.push([record.recv_time_ns, record.venue_sequence as i64, now]);
                }
            }
            Signal::Overrun(n) => lost += n,
            Signal::Empty | Signal::Stale => {}
            Signal::Closed => break,
            _ => return Err("the segment is not the writer's".into()),
        }
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    writeln!(out, "samples {} lost {lost}", samples.len())?;
    for value in samples.iter().flatten() {
        out.write_all(&value.to_le_bytes())?;
    }
    Ok(out.flush()?)
}

/// The counter that all processes of the bench stamp with, read after all earlier loads.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ticks() -> i64 {
    // SAFETY: both instructions are there on every x86-64.
    unsafe {
        std::arch::x86_64::_mm_lfence();
        std::arch::x86_64::_rdtsc() as i64
    }
}

/// Unix ns, where the other programs stamp with that.
#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |t| t.as_nanos() as i64)
}
