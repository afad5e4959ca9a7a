//! Prints the records of a feed as lines of JSON, the same bytes as
//! `tickring tail --json`.
//!
//!     tail FEED [--dir DIR] [--limit N] [--from oldest|latest|board]
//!          [--idle DURATION] [--for DURATION] [--follow]
//!
//! It starts with the next record, with what the ring still holds, or with the
//! latest value of every instrument, in the order of their sequences. CLOSED and
//! SUPERSEDED end it after draining, as do --limit records, --for, and
//! --idle without a record; a closed pipe ends it quietly. With --follow it goes on
//! with the next generation of the feed instead. Exit codes: 0 ended,
//! 1 the feed cannot be read, 2 wrong arguments.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tickring::{Answer, AttachError, Reader, json};

/// The longest wait between two looks at the clock.
const LOOK: Duration = Duration::from_millis(50);
/// How often the name is tried for another generation.
const RETRY: Duration = Duration::from_millis(100);
/// Output is written out once it is this long, or when the ring is empty.
const FLUSH_BYTES: usize = 1 << 16;

#[derive(Default)]
struct Options {
    feed: String,
    dir: Option<PathBuf>,
    limit: Option<u64>,
    from: From,
    idle: Option<Duration>,
    run_for: Option<Duration>,
    follow: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum From {
    Oldest,
    #[default]
    Latest,
    Board,
}

enum Failure {
    Usage(String),
    Feed(String),
    Output(io::Error),
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)).and_then(|options| tail(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failure::Output(error)) => fail(&format!("write: {error}"), 1),
        Err(Failure::Feed(why)) => fail(&why, 1),
        Err(Failure::Usage(why)) => fail(&why, 2),
    }
}

fn fail(why: &str, code: u8) -> ExitCode {
    eprintln!("tail: {why}");
    ExitCode::from(code)
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, Failure> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        if !arg.starts_with('-') && options.feed.is_empty() {
            options.feed = arg;
            continue;
        }
        if arg == "--follow" {
            options.follow = true;
            continue;
        }
        let value = args
            .next()
            .ok_or_else(|| Failure::Usage(format!("{arg}: needs a value")))?;
        set(&mut options, &arg, &value)?;
    }
    if options.feed.is_empty() {
        return Err(Failure::Usage(
            "usage: tail FEED [--dir DIR] [--limit N] ...".into(),
        ));
    }
    Ok(options)
}

fn set(options: &mut Options, name: &str, value: &str) -> Result<(), Failure> {
    let wrong = |allowed| Failure::Usage(format!("{name} {value:?}: must be {allowed}"));
    match name {
        "--dir" => options.dir = Some(value.into()),
        "--limit" => {
            let limit = value.parse().map_err(|_| wrong("a number"))?;
            options.limit = (limit > 0).then_some(limit);
        }
        "--from" => {
            options.from = match value {
                "oldest" => From::Oldest,
                "latest" => From::Latest,
                "board" => From::Board,
                _ => return Err(wrong("oldest, latest or board")),
            }
        }
        "--idle" => options.idle = Some(duration(value).ok_or_else(|| wrong("like 500ms, 2s"))?),
        "--for" => options.run_for = Some(duration(value).ok_or_else(|| wrong("like 500ms, 2s"))?),
        _ => return Err(Failure::Usage(format!("unknown option {name}"))),
    }
    Ok(())
}

/// One number and one unit: ms, s, m, h.
fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let seconds: f64 = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

/// Lines on their way to standard output.
struct Output {
    buffer: Vec<u8>,
    left: Option<u64>,
}

impl Output {
    fn print(&mut self, reader: &Reader, record: &tickring::Record) -> Result<(), Failure> {
        json::write_record(reader, record, &mut self.buffer);
        self.left = self.left.map(|left| left - 1);
        if self.buffer.len() >= FLUSH_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        io::stdout()
            .write_all(&self.buffer)
            .map_err(Failure::Output)?;
        self.buffer.clear();
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.left == Some(0)
    }
}

fn tail(options: &Options) -> Result<(), Failure> {
    let mut reader =
        Reader::attach(options.dir.as_deref(), &options.feed).map_err(|error| match error {
            AttachError::FeedName(_) => Failure::Usage(error.to_string()),
            error => Failure::Feed(error.to_string()),
        })?;
    let mut output = Output {
        buffer: Vec::new(),
        left: options.limit,
    };
    match options.from {
        From::Oldest => {}
        From::Latest => reader.seek_latest(),
        From::Board => {
            for record in reader.join_board() {
                if output.is_done() {
                    break;
                }
                output.print(&reader, &record)?;
            }
        }
    }
    let result = stream(options, &mut reader, &mut output);
    output.flush()?;
    result
}

fn stream(options: &Options, reader: &mut Reader, output: &mut Output) -> Result<(), Failure> {
    let start = Instant::now();
    let mut last_record = start;
    let over =
        |limit: Option<Duration>, since: Instant| limit.is_some_and(|l| since.elapsed() >= l);
    while !output.is_done() && !over(options.run_for, start) {
        let answer = reader.next();
        match answer {
            Answer::Record(record) => {
                output.print(reader, &record)?;
                last_record = Instant::now();
                continue;
            }
            Answer::Overrun(lost) => {
                eprintln!("tail: overrun, {lost} records lost");
                continue;
            }
            Answer::Damaged => {
                return Err(Failure::Feed(
                    "segment is damaged: bytes that no writer leaves".into(),
                ));
            }
            Answer::Empty | Answer::Stale | Answer::Closed | Answer::Superseded => {}
        }
        output.flush()?;
        let ended = matches!(answer, Answer::Closed | Answer::Superseded);
        if over(options.idle, last_record) || ended && !options.follow {
            return Ok(());
        }
        if answer != Answer::Empty && options.follow {
            follow(reader);
        } else {
            reader.wait(LOOK);
        }
    }
    Ok(())
}

/// Moves to another generation of the feed, or waits a while for one. A name that
/// is not there, or not ready, may be there next time.
fn follow(reader: &mut Reader) {
    if let Ok(true) = reader.reattach() {
        eprintln!("tail: now in generation {}", reader.generation());
    } else {
        reader.wait(RETRY);
    }
}
