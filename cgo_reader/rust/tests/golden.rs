//! Segments that the Go writer made: this reader sees in them what the Go reader
//! sees, and prints the same lines.

mod common;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use common::*;
use tickring::layout::*;
use tickring::{Answer, BoardAnswer, Level, Reader, json};

/// A file of the project outside of this crate; None, with a line that says so,
/// when the crate stands alone.
fn project_file(path: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let required = std::env::var_os("TICKRING_REQUIRE_ALL").is_some_and(|v| v == "1");
            assert!(!required, "{}: {error}", path.display());
            println!("SKIP: {}: {error}", path.display());
            None
        }
    }
}

fn words_of(bytes: &[u8]) -> Vec<u64> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    assert!(rest.is_empty(), "a segment has whole words");
    chunks
        .iter()
        .map(|chunk| u64::from_le_bytes(*chunk))
        .collect()
}

fn in_memory(bytes: &[u8]) -> Arc<[AtomicU64]> {
    shared(&words_of(bytes))
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("UTF-8")
}

/// Intent: header, tables, board, books and ring of the golden segment read as the
/// text beside it says, loss and end included.
#[test]
fn the_golden_segment_reads_as_in_go() {
    let (Some(segment), Some(want)) = (
        project_file("ring/testdata/golden.segment"),
        project_file("ring/testdata/golden.txt"),
    ) else {
        return;
    };
    let mut reader = Reader::over(in_memory(&segment)).expect("attach");
    let mut got = String::new();
    describe(&mut reader, &mut got).expect("write to a string");
    for (line, (want, got)) in text(&want).lines().zip(got.lines()).enumerate() {
        assert_eq!(want, got, "line {}", line + 1);
    }
    assert_eq!(text(&want).len(), got.len());
}

fn describe(reader: &mut Reader, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "header feed={} venue={} version={} source={} generation={} slots={} instruments={} \
         book_depth={} state={} watermark={} last={}",
        text(reader.feed_bytes()),
        text(reader.venue_bytes()),
        text(reader.publisher_version_bytes()),
        reader.source(),
        reader.generation(),
        reader.slots(),
        reader.instrument_count(),
        reader.new_book().depth(),
        reader.state(),
        reader.watermark(),
        reader.last_sequence(),
    )?;
    for id in 0..reader.instrument_count() as u16 {
        describe_instrument(reader, id, out)?;
        describe_board(reader, id, out)?;
        describe_book(reader, id, out)?;
    }
    describe_ring(reader, out)
}

fn describe_instrument(reader: &Reader, id: u16, out: &mut String) -> std::fmt::Result {
    let row = reader.instrument(id).expect("a row");
    let state = reader.instrument_state(id).expect("a state");
    write!(
        out,
        "instrument id={id} symbol={} native={} channels={} tick={} lot={} multiplier={} ",
        row.symbol(),
        text(row.venue_symbol_bytes()),
        row.channels,
        row.tick,
        row.lot,
        row.multiplier,
    )?;
    writeln!(
        out,
        "exponents={},{},{},{},{} state={} epoch={} stale={} connection={} last_seen={}",
        row.tick_exponent,
        row.lot_exponent,
        row.price_exponent,
        row.quantity_exponent,
        row.multiplier_exponent,
        state.bits(),
        state.book_epoch(),
        state.stale,
        state.connection,
        state.last_seen_ns,
    )
}

fn describe_board(reader: &Reader, id: u16, out: &mut String) -> std::fmt::Result {
    for place in BOARD_BOOK_TICKER..=BOARD_STATUS {
        match reader.board(id, place) {
            BoardAnswer::Got(record) => {
                describe_record(&format!("board id={id} place={place}"), &record, out)?;
            }
            BoardAnswer::Empty => writeln!(out, "board id={id} place={place} answer=EMPTY")?,
            other => writeln!(out, "board id={id} place={place} answer={other:?}")?,
        }
    }
    Ok(())
}

fn describe_book(reader: &Reader, id: u16, out: &mut String) -> std::fmt::Result {
    let mut book = reader.new_book();
    match reader.book(id, &mut book) {
        BoardAnswer::Got(()) => {}
        BoardAnswer::Empty => return writeln!(out, "book id={id} answer=EMPTY"),
        other => return writeln!(out, "book id={id} answer={other:?}"),
    }
    let levels = |side: Vec<&Level>| {
        let texts: Vec<String> = side
            .iter()
            .map(|l| format!("{}:{}", l.price, l.quantity))
            .collect();
        texts.join(",")
    };
    let h = book.header();
    writeln!(
        out,
        "book id={id} as_of={} event={} recv={} publish={} venue_sequence={} epoch={} \
         exponents={},{} flags={} bids={} asks={}",
        h.as_of,
        h.event_time_ns,
        h.recv_time_ns,
        h.publish_time_ns,
        h.venue_sequence,
        h.book_epoch,
        h.price_exponent,
        h.quantity_exponent,
        h.flags,
        levels(book.bids().collect()),
        levels(book.asks().collect()),
    )
}

fn describe_ring(reader: &mut Reader, out: &mut String) -> std::fmt::Result {
    reader.seek(1);
    loop {
        match reader.next() {
            Answer::Record(record) => describe_record("record", &record, out)?,
            Answer::Overrun(lost) => writeln!(out, "overrun lost={lost}")?,
            end => {
                let word = format!("{end:?}").to_uppercase();
                let skipped = reader.stats().skipped_depth;
                return writeln!(out, "end answer={word} skipped={skipped}");
            }
        }
    }
}

fn describe_record(head: &str, record: &Record, out: &mut String) -> std::fmt::Result {
    write!(
        out,
        "{head} sequence={} kind={} exponents={},{} flags={} instrument={} recv={} \
         venue_sequence={} event={} publish={} body=",
        record.sequence(),
        record.kind,
        record.price_exponent,
        record.quantity_exponent,
        record.flags,
        record.instrument,
        record.recv_time_ns,
        record.venue_sequence,
        record.event_time_ns,
        record.publish_time_ns,
    )?;
    for byte in record.body.iter().flat_map(|word| word.to_le_bytes()) {
        write!(out, "{byte:02x}")?;
    }
    writeln!(out)
}

fn scripted_lines() -> Option<(Vec<u8>, Vec<u8>)> {
    Some((
        project_file("cmd/tickring/testdata/records.segment")?,
        project_file("cmd/tickring/testdata/records.jsonl")?,
    ))
}

/// Intent: every kind of line, with every optional value there and not, has the
/// bytes that the Go program prints.
#[test]
fn json_lines_are_the_bytes_of_go() {
    let Some((segment, want)) = scripted_lines() else {
        return;
    };
    let mut reader = Reader::over(in_memory(&segment)).expect("attach");
    let mut got = Vec::new();
    while let Answer::Record(record) = reader.next() {
        json::write_record(&reader, &record, &mut got);
    }
    let (want, got) = (
        String::from_utf8_lossy(&want),
        String::from_utf8_lossy(&got),
    );
    for (want, got) in want.lines().zip(got.lines()) {
        assert_eq!(want, got);
    }
    assert_eq!(want, got);
}

/// The example beside this test; cargo builds it before it runs all tests.
fn tail_program() -> Option<PathBuf> {
    let test = std::env::current_exe().expect("this program's path");
    let path = test.parent()?.parent()?.join("examples/tail");
    if !path.exists() {
        println!(
            "SKIP: {} is not built: run cargo test without --test",
            path.display()
        );
        return None;
    }
    Some(path)
}

/// Intent: the tail program, a process of its own over a mapped file, prints the
/// same lines, honours --limit and ends where the segment does.
#[test]
fn the_tail_program_prints_the_bytes_of_go() {
    let (Some((segment, want)), Some(program)) = (scripted_lines(), tail_program()) else {
        return;
    };
    let dir = Dir::new("tail");
    let mut words = words_of(&segment);
    words[8..10].copy_from_slice(&words_of(&this_boot()));
    dir.place("golden", &named(&words, "golden"));
    let run = |more: &[&str]| {
        let output = Command::new(&program)
            .args(["golden", "--dir"])
            .arg(&dir.0)
            .args(more)
            .output()
            .expect("run tail");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let want = String::from_utf8_lossy(&want);
    assert_eq!(
        (Some(0), want.clone().into_owned()),
        run(&["--from", "oldest"])
    );
    let first: String = want
        .lines()
        .take(3)
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!((Some(0), first), run(&["--from", "oldest", "--limit", "3"]));
    assert_eq!(
        (Some(0), String::new()),
        run(&[]),
        "latest of a closed segment"
    );
    assert_eq!(Some(2), run(&["--from", "nowhere"]).0);
    assert_eq!(Some(2), run(&["--for", "3 weeks"]).0);
    let (code, board) = run(&["--from", "board"]);
    let sequences: Vec<u64> = board.lines().map(sequence).collect();
    assert_eq!(Some(0), code);
    assert!(
        sequences.len() > 2 && sequences.is_sorted(),
        "{sequences:?}"
    );
}

fn sequence(line: &str) -> u64 {
    let rest = line.strip_prefix("{\"seq\":").expect("a line of JSON");
    rest.split(',')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number")
}

/// Intent: a feed that is not there is said, and is no crash.
#[test]
fn the_tail_program_says_what_is_wrong() {
    let Some(program) = tail_program() else {
        return;
    };
    let output = Command::new(program)
        .args(["absent", "--dir", "/nowhere"])
        .output()
        .expect("run");
    assert_eq!(Some(1), output.status.code());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such feed"));
}

/// Intent: with --follow the program reads what is left of a replaced segment, then
/// all of the next generation, and ends with its time.
#[test]
fn the_tail_program_follows_a_feed_over_generations() {
    let Some(program) = tail_program() else {
        return;
    };
    let dir = Dir::new("follow");
    let record = record(KIND_BOOK_TICKER, FLAG_FIRST | FLAG_LAST, NO_INSTRUMENT);
    let generation = |generation, records| {
        let shape = Shape {
            generation,
            ..Shape::default()
        };
        let path = dir.place("feed", &named(&image(&shape), "feed"));
        let mut writer = Writer::new(writable(&path), &shape);
        for _ in 0..records {
            writer.publish(&record);
        }
        writer.end_frame();
        writer
    };
    let first = generation(1, 3);
    let mut child = Command::new(program)
        .args([
            "feed", "--from", "oldest", "--follow", "--for", "1s", "--dir",
        ])
        .arg(&dir.0)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("run tail");
    let stdout = child.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(stdout)
        .lines()
        .map(|line| sequence(&line.expect("a line")));
    let mut sequences: Vec<u64> = lines.by_ref().take(3).collect();
    generation(2, 2).set_state(STATE_CLOSED);
    first.set_state(STATE_SUPERSEDED);
    sequences.extend(lines);
    assert_eq!(vec![1, 2, 3, 1, 2], sequences);
    assert_eq!(Some(0), child.wait().expect("tail ends").code());
}
