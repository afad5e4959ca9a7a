//! What a record costs through the reader in Rust beside the C library, in one run.
//!
//!     cargo run --release --features c-library --example bench [ROUNDS]
//!
//! First a full ring is drained, both readers in turn: nanoseconds a record, the median
//! over the rounds, and the ratio of the forms in Rust to the C library's next. Then
//! another process publishes records with the time in them and both readers, in turn,
//! spin for them: nanoseconds from before the first store to after the copy. The last
//! line compares. Times of a busy machine are noise; the ratios of one run are not.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Dir, Shape, Store, Writer, image, monotonic_now_ns, named, put, record, writable};
use tickring::layout::*;
use tickring::{Backend, CLibrary, CReader, Native, Reader, ReaderOver, Signal};

/// Slots of the ring: the default of a publisher.
const SLOTS: u64 = 65_536;
/// Rounds when none are asked for.
const ROUNDS: usize = 41;
/// Records that one reader takes before the other has its turn.
const BLOCK: usize = 2_000;
/// Time between two records of the latency run: far above what reading takes.
const PACE: Duration = Duration::from_micros(20);
/// Word of a record in which it carries the time.
const STAMP: usize = 15;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, mode, path] = args.as_slice()
        && mode == "--write"
    {
        return write(Path::new(path));
    }
    let rounds = args.get(1).and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let dir = Dir(memory_dir());
    std::fs::create_dir_all(&dir.0).expect("make a directory");
    let drain = cost(&dir, rounds);
    let crossing = latency(&dir, rounds);
    println!("rust/c: a record {drain:.3}, across processes {crossing:.3}");
}

fn memory_dir() -> PathBuf {
    Path::new("/dev/shm").join(format!("tickring-bench-{}", std::process::id()))
}

fn shape() -> Shape {
    Shape {
        slots: SLOTS,
        ..Shape::default()
    }
}

/// One way to drain a ring: gives the sum of the bids, so that nothing is left out.
type Drain = (&'static str, Box<dyn FnMut() -> i64>);

fn price(record: &Record) -> i64 {
    record.body[0] as i64
}

fn forms<B: Backend + 'static>(name: [&'static str; 4], path: &Path) -> Vec<Drain> {
    let open = || ReaderOver::<B>::attach_path(path).expect("attach");
    let (mut a, mut b, mut c, mut d) = (open(), open(), open(), open());
    let next = move || {
        let mut sum = 0;
        a.seek_oldest();
        while let tickring::Answer::Record(record) = a.next() {
            sum += price(&record);
        }
        sum
    };
    let next_into = move || {
        let mut sum = 0;
        let mut record = Record::ZERO;
        b.seek_oldest();
        while b.next_into(&mut record) == Signal::Record {
            sum += price(&record);
        }
        sum
    };
    let drain = move || {
        let mut sum = 0;
        c.seek_oldest();
        c.drain(|record| sum += price(record));
        sum
    };
    let events = move || {
        d.seek_oldest();
        let events = d.events(Duration::ZERO);
        events.fold(0, |sum, event| match event {
            tickring::Event::Record(record) => sum + price(&record),
            _ => sum,
        })
    };
    vec![
        (name[0], Box::new(next)),
        (name[1], Box::new(next_into)),
        (name[2], Box::new(drain)),
        (name[3], Box::new(events)),
    ]
}

/// Drains a full ring in all forms, in turn, and returns the ratio of next_into to the
/// C library's.
fn cost(dir: &Dir, rounds: usize) -> f64 {
    let path = dir.place("cost", &named(&image(&shape()), "cost"));
    let mut writer = Writer::new(writable(&path), &shape());
    for n in 0..SLOTS - 1 {
        let mut words = record(KIND_BOOK_TICKER, FLAG_FIRST | FLAG_LAST, 0);
        put(&mut words, 32, &n.to_le_bytes());
        writer.publish(&words);
    }
    writer.end_frame();
    let mut ways = forms::<Native>(
        ["rust next", "rust next_into", "rust drain", "rust events"],
        &path,
    );
    ways.extend(forms::<CLibrary>(
        ["c next", "c next_into", "c drain", "c events"],
        &path,
    ));
    let mut took = vec![Vec::new(); ways.len()];
    for _ in 0..rounds {
        for ((_, form), took) in ways.iter_mut().zip(&mut took) {
            let start = Instant::now();
            let sum = form();
            let elapsed = start.elapsed();
            assert_eq!(
                (0..SLOTS as i64 - 1).sum::<i64>(),
                sum,
                "all records were read"
            );
            took.push(elapsed.as_nanos() as f64 / (SLOTS - 1) as f64);
        }
    }
    let costs: Vec<f64> = took.into_iter().map(median).collect();
    let c = costs[5];
    for ((name, _), cost) in ways.iter().zip(&costs) {
        println!(
            "{name:15} {cost:6.2} ns a record, {:.3} of c next_into",
            cost / c
        );
    }
    costs[1] / c
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Ends the writer with the run.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Both readers in turn at the heels of another process; returns the ratio.
fn latency(dir: &Dir, rounds: usize) -> f64 {
    let path = dir.place("crossing", &named(&image(&shape()), "crossing"));
    let program = std::env::current_exe().expect("this program's path");
    let _writer = Process(
        Command::new(program)
            .arg("--write")
            .arg(&path)
            .spawn()
            .expect("start the writer"),
    );
    let mut rust = Reader::attach_path(&path).expect("attach");
    let mut c = CReader::attach_path(&path).expect("attach");
    let (mut of_rust, mut of_c) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        of_rust.push(block(&mut rust));
        of_c.push(block(&mut c));
    }
    let (of_rust, of_c) = (median(of_rust), median(of_c));
    println!("rust across     {of_rust:6.0} ns, median of blocks of {BLOCK}");
    println!("c across        {of_c:6.0} ns");
    of_rust / of_c
}

/// The median latency of one block of records. Only those count for which the reader
/// stood waiting: the others tell how long the reader itself had been put aside.
fn block<B: Backend>(reader: &mut ReaderOver<B>) -> f64 {
    let mut record = Record::ZERO;
    let mut took = Vec::with_capacity(BLOCK);
    let mut waiting = false;
    reader.seek_latest();
    while took.len() < BLOCK {
        match reader.next_into(&mut record) {
            Signal::Record if waiting => {
                took.push((monotonic_now_ns() - record.publish_time_ns) as f64);
                waiting = false;
            }
            Signal::Empty => waiting = true,
            Signal::Record | Signal::Stale | Signal::Overrun(_) => waiting = false,
            other => panic!("{other:?} from a live writer"),
        }
    }
    median(took)
}

/// A segment mapped for writing.
struct Mapped(&'static [AtomicU64]);

impl Mapped {
    fn new(path: &Path) -> Mapped {
        use std::os::fd::AsRawFd;
        let file = writable(path);
        let size = file.metadata().expect("stat").len() as usize;
        // SAFETY: a fresh shared mapping of the whole file, which nobody cuts short and
        // which stays to the end of the process; AtomicU64 allows for other readers.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let fd = file.as_raw_fd();
            let at = libc::mmap(std::ptr::null_mut(), size, access, libc::MAP_SHARED, fd, 0);
            assert_ne!(at, libc::MAP_FAILED, "map the segment");
            Mapped(std::slice::from_raw_parts(at.cast(), size / 8))
        }
    }
}

impl Store for Mapped {
    fn relaxed(&self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Relaxed);
    }

    fn release(&self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Release);
    }

    fn get(&self, word: usize) -> u64 {
        self.0[word].load(Ordering::Relaxed)
    }
}

/// The other process: a record every 20 us until it is killed.
fn write(path: &Path) {
    let mut writer = Writer::new(Mapped::new(path), &shape());
    let mut words = record(KIND_BOOK_TICKER, FLAG_FIRST | FLAG_LAST, 0);
    loop {
        let start = Instant::now();
        while start.elapsed() < PACE {
            std::hint::spin_loop();
        }
        words[STAMP] = monotonic_now_ns() as u64;
        writer.publish(&words);
        writer.end_frame();
        writer.beat();
    }
}
