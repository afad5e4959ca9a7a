//! Segments that no publisher makes: nothing a reader is given makes it panic,
//! hang, or touch a byte outside.

mod common;

use std::time::Duration;

use common::*;
use tickring::layout::*;
use tickring::{Answer, BoardAnswer, Reader, json};

/// A small segment with something in every section.
fn populated(shape: &Shape) -> Vec<u64> {
    let words = shared(&image(shape));
    let mut writer = Writer::new(words.clone(), shape);
    writer.add_instrument(0, b"BTC_USDT", b"BTC", b"USDT");
    writer.add_instrument(1, b"ETH_USDT", b"ETH", b"USDT");
    for n in 0..20u16 {
        let kind = 1 + (n % 6) as u8;
        let mut words = record(kind, FLAG_FIRST | FLAG_LAST, n % 2);
        if kind == KIND_DEPTH {
            put(&mut words, 110, &[2, 1]);
        }
        let sequence = writer.publish(&words);
        if kind <= KIND_TRADE {
            writer.board(u64::from(n % 2), u64::from(kind) - 1, &words, sequence);
        }
    }
    writer.book(0, &[0; 24], 2);
    writer.end_frame();
    words
        .iter()
        .map(|word| word.load(std::sync::atomic::Ordering::Relaxed))
        .collect()
}

/// Calls everything a reader offers, and counts what was handed out.
fn exercise(reader: &mut Reader) -> usize {
    let mut got = 0;
    let mut line = Vec::new();
    for _ in 0..40 {
        match reader.next() {
            Answer::Record(record) => {
                json::write_record(reader, &record, &mut line);
                got += 1;
            }
            Answer::Overrun(lost) => assert!(lost > 0),
            _ => break,
        }
    }
    let mut book = reader.new_book();
    for instrument in [0, 1, 3, 4, 9, NO_INSTRUMENT] {
        for place in 0..5 {
            got += usize::from(matches!(
                reader.board(instrument, place),
                BoardAnswer::Got(_)
            ));
        }
        if reader.book(instrument, &mut book) == BoardAnswer::Got(()) {
            got += book.bids().chain(book.asks()).count();
        }
        got += usize::from(reader.instrument_state(instrument).is_some());
        got += usize::from(reader.connection(instrument).is_some());
        let _ = reader.state_word(instrument);
    }
    let _ = (
        reader.find("ETH/USDT"),
        reader.counter(63),
        reader.counter(64),
    );
    reader.wait(Duration::ZERO);
    reader.seek_latest();
    let _ = reader.next_head();
    got += reader.join_board().len();
    let _ = reader.next();
    reader.seek(u64::MAX);
    let _ = reader.next();
    reader.seek_oldest();
    let _ = reader.next();
    got
}

/// Values that break arithmetic, and plain noise.
fn nasty(random: &mut Random) -> u64 {
    match random.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << random.below(64),
        3 => (1u64 << random.below(64)).wrapping_sub(1),
        4 => random.below(256) * 128,
        5 => MAX_SEQUENCE + random.below(3),
        _ => random.next(),
    }
}

fn mutate(words: &mut [u64], random: &mut Random) {
    let header_only = random.below(4) < 3;
    // Most mutations go where the parser looks: constants, directory, hot words.
    let reach = if header_only { 240 } else { words.len() as u64 };
    for _ in 0..=random.below(3) {
        let at = random.below(reach) as usize;
        let value = nasty(random);
        words[at] = match random.below(3) {
            0 => value,
            1 => words[at] ^ 1 << random.below(64),
            _ => words[at] & !0xffff_ffff | value & 0xffff_ffff,
        };
    }
}

/// Intent: 20,000 mutated segments in memory: attach and all calls come back; both
/// refusals and readings happen.
#[test]
fn mutated_segments_are_refused_or_read() {
    let shape = Shape {
        slots: 8,
        depth: 1,
        ..Shape::default()
    };
    let good = populated(&shape);
    assert!(exercise(&mut Reader::over(shared(&good)).expect("attach")) > 0);
    let mut random = Random(0x7469_636b_7269_6e67);
    let (mut refused, mut read) = (0, 0);
    let segment = shared(&good);
    for _ in 0..20_000 {
        let mut words = good.clone();
        mutate(&mut words, &mut random);
        for (to, from) in segment.iter().zip(&words) {
            to.store(*from, std::sync::atomic::Ordering::Relaxed);
        }
        match Reader::over(segment.clone()) {
            Ok(mut reader) => {
                exercise(&mut reader);
                read += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(
        refused > 1000 && read > 1000,
        "{refused} refused, {read} read"
    );
}

/// Intent: losses that no ring can have, told over and over, do not end the reader.
#[test]
fn endless_losses_are_counted_without_end() {
    let shape = Shape {
        slots: 8,
        ..Shape::default()
    };
    let words = shared(&image(&shape));
    let writer = Writer::new(words.clone(), &shape);
    let mut reader = Reader::over(words).expect("attach");
    let far = MAX_SEQUENCE - 7; // stands in the slot of record 1
    writer.store.relaxed(writer.slot_word(1), 2 * far);
    let mut sum = 0u64;
    for _ in 0..9 {
        reader.seek(1);
        let Answer::Overrun(lost) = reader.next() else {
            panic!("no overrun");
        };
        sum = sum.wrapping_add(lost);
    }
    assert_eq!((9, sum), (reader.stats().overruns, reader.stats().lost));
}

/// Intent: the same through real files and mappings, also with wrong lengths.
#[test]
fn mutated_files_are_refused_or_read() {
    let dir = Dir::new("hostile");
    let good = populated(&Shape {
        slots: 8,
        depth: 1,
        ..Shape::default()
    });
    let mut random = Random(0x6d61_7070_6564);
    let (mut refused, mut read) = (0, 0);
    for _ in 0..1_000 {
        let mut words = good.clone();
        mutate(&mut words, &mut random);
        if random.below(8) == 0 {
            words.truncate(random.below(words.len() as u64) as usize);
        }
        let path = dir.place("feed", &words);
        match Reader::attach_path(&path) {
            Ok(mut reader) => {
                exercise(&mut reader);
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 50 && read > 50, "{refused} refused, {read} read");
}
