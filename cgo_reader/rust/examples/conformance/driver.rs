//! The commands of docs/conformance.md over a reader.

use std::io::{self, BufRead, BufWriter, Stdout, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use tickring::layout::*;
use tickring::{
    Answer, AttachError, Backend, BoardAnswer, Filter, PollerOver, ReaderOver, Record, Signal,
};

use crate::log::{Hash, Line, Named, Text};

/// How long a command that repeats itself sleeps at most between two tries.
const NAP: Duration = Duration::from_millis(1);
const NO_INSTRUMENT_LINE: &str = "ERROR NO_INSTRUMENT";
const ARGUMENT_LINE: &str = "ERROR ARGUMENT";

struct Driver<B: Backend> {
    name: String,
    out: BufWriter<Stdout>,
    reader: Option<ReaderOver<B>>,
    poller: Option<PollerOver<B>>,
}

/// Serves commands to the end of input.
pub fn serve<B: Backend>(name: &str) -> io::Result<()> {
    let mut driver = Driver::<B> {
        name: name.to_owned(),
        out: BufWriter::new(io::stdout()),
        reader: None,
        poller: None,
    };
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [] => continue,
            ["quit", ..] => break,
            [command, args @ ..] => {
                driver.command(command, args)?;
                driver.say(".")?;
                driver.out.flush()?;
            }
        }
    }
    Ok(())
}

/// A number of the kit's; it sends no other.
fn number<T: std::str::FromStr>(word: &str) -> io::Result<T> {
    word.parse()
        .map_err(|_| io::Error::other(format!("{word:?} is no number")))
}

/// A row of a table; one beyond 16 bits is beyond every table.
fn row_of(word: &str) -> io::Result<u16> {
    let row: u64 = number(word)?;
    Ok(u16::try_from(row).unwrap_or(NO_INSTRUMENT))
}

fn milliseconds(word: &str) -> io::Result<Duration> {
    Ok(Duration::from_millis(number(word)?))
}

fn answer_line(answer: &Answer, next: u64) -> String {
    match answer {
        Answer::Record(record) => Line::new("RECORD").record(record).end(),
        Answer::Overrun(lost) => Line::new("OVERRUN")
            .key("lost", *lost)
            .key("next", next)
            .end(),
        other => format!("{other:?}").to_uppercase(),
    }
}

/// RECORD and OVERRUN are followed by more.
fn goes_on(answer: &Answer) -> bool {
    matches!(answer, Answer::Record(_) | Answer::Overrun(_))
}

fn board_line(line: Line, place: u32, answer: &BoardAnswer<Record>) -> String {
    let line = line.key("slot", Named(board_slot_name(place), place.into()));
    match answer {
        BoardAnswer::Got(record) => line.record(record).end(),
        other => format!("{} {}", line.end(), board_word(other)),
    }
}

fn board_word<T>(answer: &BoardAnswer<T>) -> &'static str {
    match answer {
        BoardAnswer::Got(_) => "RECORD",
        BoardAnswer::Empty => "EMPTY",
        BoardAnswer::Busy => "BUSY",
        BoardAnswer::Damaged => "DAMAGED",
    }
}

impl<B: Backend> Driver<B> {
    fn say(&mut self, line: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{}", line.as_ref())
    }

    /// Commands that need no reader; the others go on.
    fn command(&mut self, command: &str, args: &[&str]) -> io::Result<()> {
        match (command, args) {
            ("hello", []) => {
                let line = format!("READER name={} format_hash=0x{FORMAT_HASH:016x}", self.name);
                self.say(line)
            }
            ("open", [path]) => self.take(|| ReaderOver::attach_path(Path::new(path))),
            ("attach", [dir, feed]) => self.take(|| ReaderOver::attach(Some(Path::new(dir)), feed)),
            ("await", [dir, feed, bound]) => {
                let bound = milliseconds(bound)?;
                let options = ReaderOver::options().dir(*dir).await_for(bound);
                self.take(|| options.attach(feed))
            }
            ("register", [dir, feed, name]) => {
                let options = ReaderOver::options().dir(*dir).register(name);
                self.take(|| options.attach(feed))
            }
            ("poller", [_, ..]) => self.open_poller(args),
            ("poll", [count]) => self.poll(number(count)?),
            ("open" | "attach" | "await" | "register" | "poller" | "poll", _) => {
                self.say("UNSUPPORTED")
            }
            _ => match self.reader.take() {
                Some(mut reader) => {
                    let stays = self.ask(&mut reader, command, args)?;
                    self.reader = stays.then_some(reader);
                    Ok(())
                }
                None if KNOWN.contains(&command) => self.say("NO_READER"),
                None => self.say("UNSUPPORTED"),
            },
        }
    }

    fn take(&mut self, open: impl Fn() -> Result<ReaderOver<B>, AttachError>) -> io::Result<()> {
        self.reader = None;
        match open() {
            Ok(reader) => {
                let line = Line::new("OPENED")
                    .key("generation", reader.generation())
                    .key("next", reader.next_sequence());
                self.reader = Some(reader);
                self.say(line.end())
            }
            Err(error) => self.say(format!("ERROR {}", error.word())),
        }
    }

    /// Commands to a reader; false when it is to be dropped.
    fn ask(&mut self, r: &mut ReaderOver<B>, command: &str, args: &[&str]) -> io::Result<bool> {
        match (command, args) {
            ("close", _) => {
                self.say("DETACHED")?;
                return Ok(false);
            }
            ("next", [count]) => self.next(r, number(count)?)?,
            ("head", [count]) => self.head(r, number(count)?)?,
            ("until", [answer, bound]) => self.until(r, answer, milliseconds(bound)?)?,
            ("drain", [bound]) => self.drain(r, milliseconds(bound)?)?,
            ("join", _) => self.join(r)?,
            ("reattach", _) => self.reattach(r)?,
            ("filter", [kinds, symbols]) => self.filter(r, kinds, symbols)?,
            ("instruments", _) => self.instruments(r)?,
            ("seek", [place]) => {
                if *place == "latest" {
                    r.seek_latest();
                } else {
                    r.seek_oldest();
                }
                self.position(r)?;
            }
            ("position", _) => self.position(r)?,
            _ => {
                let line = Self::fact(r, command, args)?;
                self.say(line)?;
            }
        }
        Ok(true)
    }

    /// Commands that only look.
    fn fact(r: &ReaderOver<B>, command: &str, args: &[&str]) -> io::Result<String> {
        let fits = |row: Option<Line>| row.map_or_else(|| NO_INSTRUMENT_LINE.into(), Line::end);
        Ok(match (command, args) {
            ("segment", _) => segment(r),
            ("registered", _) => format!("REGISTERED {}", u8::from(r.is_registered())),
            ("lag", _) => Line::new("LAG").key("records", r.lag()).end(),
            ("stats", _) => {
                let stats = r.stats();
                let line = Line::new("STATS")
                    .key("records", stats.got)
                    .key("lost", stats.lost);
                let line = line.key("overruns", stats.overruns);
                line.key("skipped_depth", stats.skipped_depth).end()
            }
            ("board", [id, place]) => board(r, row_of(id)?, place),
            ("book", [id]) => book(r, row_of(id)?),
            ("find", [symbol]) => fits(r.find(symbol).map(|id| Line::new("FOUND").key("id", id))),
            ("state", [id]) => {
                let state = r.instrument_state(row_of(id)?);
                fits(state.map(|s| Line::new("STATE").key("instrument", *id).state(&s)))
            }
            ("connection", [row]) => match r.connection(row_of(row)?) {
                Some(found) => Line::new("CONNECTION")
                    .key("row", *row)
                    .connection(&found)
                    .end(),
                None => ARGUMENT_LINE.into(),
            },
            ("counter", [index]) => {
                let value = r.counter(number(index)?).unwrap_or(0);
                Line::new("COUNTER")
                    .key("index", *index)
                    .key("value", value)
                    .end()
            }
            ("fresh", [id, within]) => {
                // A negative bound, which no Duration has, is kept by nothing.
                let within = u64::try_from(number::<i64>(within)?).map(Duration::from_nanos);
                let id = row_of(id)?;
                let fresh = within.is_ok_and(|within| r.fresh_within(id, within));
                format!("FRESH {}", u8::from(fresh))
            }
            ("age", [id, within]) => {
                let within = Duration::from_nanos(number(within)?);
                match r.quote_age(row_of(id)?) {
                    None => "AGE none".into(),
                    Some(age) if age <= within => "AGE within".into(),
                    Some(_) => "AGE beyond".into(),
                }
            }
            _ => "UNSUPPORTED".into(),
        })
    }

    fn position(&mut self, r: &ReaderOver<B>) -> io::Result<()> {
        self.say(Line::new("POSITION").key("next", r.next_sequence()).end())
    }

    fn next(&mut self, r: &mut ReaderOver<B>, count: u64) -> io::Result<()> {
        for _ in 0..count {
            let answer = r.next();
            self.say(answer_line(&answer, r.next_sequence()))?;
            if !goes_on(&answer) {
                break;
            }
        }
        Ok(())
    }

    fn head(&mut self, r: &mut ReaderOver<B>, count: u64) -> io::Result<()> {
        for _ in 0..count {
            let answer = r.next_head();
            match &answer {
                Answer::Record(record) => self.say(Line::new("HEAD").head(record).end())?,
                other => self.say(answer_line(other, r.next_sequence()))?,
            }
            if !goes_on(&answer) {
                break;
            }
        }
        Ok(())
    }

    fn until(&mut self, r: &mut ReaderOver<B>, want: &str, bound: Duration) -> io::Result<()> {
        let start = Instant::now();
        loop {
            let answer = r.next();
            let line = answer_line(&answer, r.next_sequence());
            let waits = matches!(answer, Answer::Empty | Answer::Stale);
            if line == want || !waits {
                return self.say(line);
            }
            if start.elapsed() > bound {
                return self.say("TIMEOUT");
            }
            r.wait(NAP);
        }
    }

    fn drain(&mut self, r: &mut ReaderOver<B>, bound: Duration) -> io::Result<()> {
        let start = Instant::now();
        let mut run = Run::default();
        let mut lines = Vec::new();
        let end = loop {
            let signal = r.drain(|record| run.add(record, &mut lines));
            match signal {
                Signal::Overrun(_) => {
                    run.end(&mut lines);
                    lines.push(answer_line(&signal.with(&Record::ZERO), r.next_sequence()));
                }
                Signal::Empty | Signal::Stale if start.elapsed() <= bound => {
                    r.wait(NAP);
                }
                Signal::Empty | Signal::Stale => break "TIMEOUT".to_owned(),
                other => break answer_line(&other.with(&Record::ZERO), 0),
            }
        };
        run.end(&mut lines);
        lines.push(end);
        lines.iter().try_for_each(|line| self.say(line))
    }

    fn join(&mut self, r: &mut ReaderOver<B>) -> io::Result<()> {
        let joined = r.join();
        self.say(Line::new("JOINED").key("watermark", joined.watermark).end())?;
        for entry in &joined.entries {
            let line = Line::new("BOARD").key("instrument", entry.instrument);
            self.say(board_line(line, entry.place, &entry.answer))?;
        }
        loop {
            let answer = r.next();
            self.say(answer_line(&answer, r.next_sequence()))?;
            if !matches!(answer, Answer::Record(_)) {
                return Ok(());
            }
        }
    }

    fn reattach(&mut self, r: &mut ReaderOver<B>) -> io::Result<()> {
        let line = match r.reattach() {
            Ok(true) => Line::new("REATTACHED")
                .key("generation", r.generation())
                .key("next", r.next_sequence())
                .end(),
            Ok(false) => "SAME".into(),
            Err(error) if error.word() == "NO_FEED" => "SAME".into(),
            Err(error) => format!("ERROR {}", error.word()),
        };
        self.say(line)
    }

    fn filter(&mut self, r: &mut ReaderOver<B>, kinds: &str, symbols: &str) -> io::Result<()> {
        let mut filter = Filter::default();
        let mut names = Vec::new();
        let wanted: Vec<&str> = kinds.split(',').collect();
        for kind in 1..=KIND_PERPETUAL {
            let name = kind_name(kind).unwrap_or_default();
            if wanted.contains(&name) {
                filter = filter.kind(kind);
                names.push(name);
            }
        }
        if kinds != "*" && names.len() != wanted.len() {
            return self.say(ARGUMENT_LINE);
        }
        if symbols != "*" {
            filter = symbols.split(',').fold(filter, Filter::symbol);
        }
        if r.set_filter(filter).is_err() {
            return self.say(NO_INSTRUMENT_LINE);
        }
        let ids = r.filtered_instruments().map(|ids| {
            let ids: Vec<String> = ids.iter().map(u16::to_string).collect();
            ids.join(",")
        });
        let names = if kinds == "*" {
            "*".into()
        } else {
            names.join(",")
        };
        let line = Line::new("FILTER").key("kinds", names.as_str());
        self.say(line.key("instruments", ids.as_deref().unwrap_or("*")).end())
    }

    fn instruments(&mut self, r: &ReaderOver<B>) -> io::Result<()> {
        let rows = (0..NO_INSTRUMENT).map_while(|id| Some((id, r.instrument(id)?)));
        for (id, row) in rows {
            self.say(Line::new("INSTRUMENT").key("id", id).instrument(&row).end())?;
        }
        Ok(())
    }

    fn open_poller(&mut self, paths: &[&str]) -> io::Result<()> {
        self.poller = None;
        let mut poller = PollerOver::new();
        for path in paths {
            match ReaderOver::attach_path(Path::new(path)) {
                Ok(reader) => poller.add(reader),
                Err(error) => return self.say(format!("ERROR {}", error.word())),
            };
        }
        let line = Line::new("POLLER").key("feeds", poller.feeds()).end();
        self.poller = Some(poller);
        self.say(line)
    }

    fn poll(&mut self, count: u64) -> io::Result<()> {
        let Some(mut poller) = self.poller.take() else {
            return self.say("NO_POLLER");
        };
        for _ in 0..count {
            let Some((feed, answer)) = poller.next() else {
                self.say("EMPTY")?;
                break;
            };
            let next = poller.reader(feed).map_or(0, ReaderOver::next_sequence);
            self.say(format!("FEED {feed} {}", answer_line(&answer, next)))?;
        }
        self.poller = Some(poller);
        Ok(())
    }
}

/// Commands that need a reader.
const KNOWN: [&str; 23] = [
    "close",
    "registered",
    "segment",
    "next",
    "head",
    "until",
    "seek",
    "position",
    "lag",
    "stats",
    "filter",
    "join",
    "board",
    "book",
    "instruments",
    "find",
    "state",
    "connection",
    "counter",
    "fresh",
    "age",
    "reattach",
    "drain",
];

/// A stretch of records without a hole.
#[derive(Default)]
struct Run {
    first: u64,
    last: u64,
    records: u64,
    hash: Hash,
}

impl Run {
    fn add(&mut self, record: &Record, lines: &mut Vec<String>) {
        let sequence = record.sequence();
        if self.records > 0 && sequence != self.last + 1 {
            self.end(lines);
        }
        if self.records == 0 {
            self.first = sequence;
        }
        self.last = sequence;
        self.records += 1;
        self.hash.add(record);
    }

    fn end(&mut self, lines: &mut Vec<String>) {
        let run = std::mem::take(self);
        if run.records > 0 {
            let line = Line::new("RUN")
                .key("first", run.first)
                .key("last", run.last);
            lines.push(line.key("records", run.records).key("hash", run.hash).end());
        }
    }
}

fn segment<B: Backend>(r: &ReaderOver<B>) -> String {
    Line::new("SEGMENT")
        .key("feed", Text(r.feed_bytes()))
        .key("venue", Text(r.venue_bytes()))
        .key("generation", r.generation())
        .key("source", Named(source_name(r.source()), r.source().into()))
        .key("state", Named(state_name(r.state()), r.state().into()))
        .key("slots", r.slots())
        .key("book_depth", r.new_book().depth())
        .key("instrument_count", r.instrument_count())
        .key("watermark", r.watermark())
        .key("last_sequence", r.last_sequence())
        .end()
}

fn board<B: Backend>(r: &ReaderOver<B>, id: u16, name: &str) -> String {
    let mut places = BOARD_BOOK_TICKER..=BOARD_STATUS;
    match places.find(|place| board_slot_name(*place) == Some(name)) {
        Some(place) => match r.board(id, place) {
            answer @ BoardAnswer::Got(_) => board_line(Line::new("BOARD"), place, &answer),
            other => board_word(&other).into(),
        },
        None => ARGUMENT_LINE.into(),
    }
}

fn book<B: Backend>(r: &ReaderOver<B>, id: u16) -> String {
    let mut book = r.new_book();
    match r.book(id, &mut book) {
        BoardAnswer::Got(()) => Line::new("BOOK").key("instrument", id).book(&book).end(),
        other => board_word(&other).into(),
    }
}
