//! The answers of a reader, over words in memory and over mapped files.

mod common;

use std::time::{Duration, Instant};

use common::*;
use tickring::layout::*;
use tickring::{Answer, BoardAnswer, Body, Reader};

fn pair(
    shape: &Shape,
) -> (
    Writer<std::sync::Arc<[std::sync::atomic::AtomicU64]>>,
    Reader,
) {
    let words = shared(&image(shape));
    let reader = Reader::over(words.clone()).expect("attach");
    (Writer::new(words, shape), reader)
}

fn book_ticker(bid: i64, ask: i64) -> Words {
    let mut words = record(KIND_BOOK_TICKER, FLAG_FIRST | FLAG_LAST, 0);
    put(&mut words, 32, &bid.to_le_bytes());
    put(&mut words, 48, &ask.to_le_bytes());
    words
}

fn depth(flags: u16, bids: u8, asks: u8) -> Words {
    let mut words = record(KIND_DEPTH, flags, 0);
    put(&mut words, 110, &[bids, asks]);
    words
}

fn sequence_of(answer: Answer) -> u64 {
    match answer {
        Answer::Record(record) => record.sequence(),
        other => panic!("{other:?} instead of a record"),
    }
}

/// Intent: records come in order, whole, typed, and nothing comes twice.
#[test]
fn records_come_in_order() {
    let (mut writer, mut reader) = pair(&Shape::default());
    assert_eq!(Answer::Empty, reader.next());
    for price in 1..=200i64 {
        writer.publish(&book_ticker(price * 100, ABSENT));
        let Answer::Record(record) = reader.next() else {
            panic!("no record {price}")
        };
        assert_eq!(price as u64, record.sequence());
        assert!(record.has(FLAG_FIRST | FLAG_LAST) && !record.has(FLAG_SUSPECT));
        let Body::BookTicker(body) = record.body() else {
            panic!("{:?}", record.body())
        };
        assert_eq!(
            Some(price.to_string()),
            record.price(body.bid_price).map(|p| p.to_string())
        );
        assert_eq!(None, record.price(body.ask_price));
        assert_eq!(Answer::Empty, reader.next());
    }
    assert_eq!(200, reader.stats().got);
}

/// Intent: the head alone carries the decision; the rest stays zero.
#[test]
fn the_head_alone_carries_the_decision() {
    let (mut writer, mut reader) = pair(&Shape::default());
    let mut words = book_ticker(5, 6);
    put(&mut words, 112, &99i64.to_le_bytes());
    writer.publish(&words);
    let Answer::Record(record) = reader.next_head() else {
        panic!("no record")
    };
    let Body::BookTicker(body) = record.body() else {
        panic!("{:?}", record.body())
    };
    assert_eq!(
        (1, 5, 6, 0),
        (
            record.sequence(),
            body.bid_price,
            body.ask_price,
            record.event_time_ns
        )
    );
    assert_eq!(Answer::Empty, reader.next_head());
}

/// Intent: CLOSED and SUPERSEDED only once everything was read; any other state is
/// damage.
#[test]
fn the_end_comes_after_the_last_record() {
    for (state, end) in [
        (STATE_CLOSED, Answer::Closed),
        (STATE_SUPERSEDED, Answer::Superseded),
        (STATE_INITIALISING, Answer::Damaged),
        (17, Answer::Damaged),
    ] {
        let (mut writer, mut reader) = pair(&Shape::default());
        writer.publish(&book_ticker(1, 2));
        writer.publish(&book_ticker(1, 2));
        writer.set_state(state);
        assert_eq!(1, sequence_of(reader.next()));
        assert_eq!(2, sequence_of(reader.next()));
        assert_eq!(end, reader.next(), "state {state}");
        assert_eq!(end, reader.next(), "state {state}, again");
    }
}

/// Intent: a writer that stops beating is STALE after a second, also for one that
/// waits, and fresh with the next beat.
#[test]
fn a_still_writer_is_stale_and_comes_back() {
    let start = Instant::now(); // before the writer's first beat, from which is judged
    let (mut writer, mut reader) = pair(&Shape::default());
    while reader.next() == Answer::Empty && start.elapsed() < Duration::from_secs(8) {
        reader.wait(Duration::from_secs(2));
    }
    let took = start.elapsed();
    assert_eq!(Answer::Stale, reader.next());
    assert!(
        took >= Duration::from_millis(990) && took < Duration::from_secs(3),
        "{took:?}"
    );
    assert!(
        !reader.wait(Duration::from_millis(20)),
        "staleness is reported once"
    );
    writer.publish(&book_ticker(1, 2));
    assert_eq!(
        1,
        sequence_of(reader.next()),
        "records are read before anything is judged"
    );
    assert_eq!(Answer::Stale, reader.next());
    writer.beat();
    assert_eq!(Answer::Empty, reader.next());
}

/// Intent: the loss is exact and the reader resumes with an eighth of the ring in
/// hand; nothing is lost twice.
#[test]
fn an_overrun_loses_exactly_what_it_says() {
    let shape = Shape {
        slots: 16,
        ..Shape::default()
    };
    let (mut writer, mut reader) = pair(&shape);
    for _ in 0..40 {
        writer.publish(&book_ticker(1, 2));
    }
    // Record 1's slot holds 33; with no hint yet that is the newest known.
    assert_eq!(Answer::Overrun(33 - 16 + 2 - 1), reader.next());
    // Records 19 to 24 are gone as well: 35's slot is where 19 was.
    assert_eq!(Answer::Overrun(35 - 16 + 2 - 19), reader.next());
    writer.end_frame();
    assert_eq!(Answer::Overrun(40 - 16 + 2 - 21), reader.next());
    for n in 26..=40 {
        assert_eq!(n, sequence_of(reader.next()));
    }
    assert_eq!(Answer::Empty, reader.next());
    let stats = reader.stats();
    assert_eq!((15, 25, 3), (stats.got, stats.lost, stats.overruns));
}

/// Intent: after an overrun the rest of a depth event is dropped until an event
/// begins; without one it is handed out.
#[test]
fn the_rest_of_a_lost_event_is_dropped() {
    let shape = Shape {
        slots: 16,
        ..Shape::default()
    };
    let (mut writer, mut reader) = pair(&shape);
    for _ in 0..20 {
        writer.publish(&depth(0, 1, 0));
    }
    writer.publish(&depth(FLAG_LAST, 1, 0));
    writer.publish(&depth(FLAG_FIRST, 1, 0));
    writer.publish(&depth(FLAG_LAST, 1, 0));
    writer.end_frame();
    assert_eq!(Answer::Overrun(23 - 16 + 2 - 1), reader.next());
    assert_eq!(22, sequence_of(reader.next()));
    assert_eq!(23, sequence_of(reader.next()));
    assert_eq!(21 - 8, reader.stats().skipped_depth);
}

/// Intent: what no writer leaves is DAMAGED, and stays so.
#[test]
fn senseless_records_are_damage() {
    let mut text = record(KIND_TRADE, 0, 0);
    put(&mut text, 108, &[25]);
    let mut status = record(KIND_STATUS, 0, 0);
    put(&mut status, 46, &41u16.to_le_bytes());
    let cases = [
        ("kind 0", record(0, 0, 0)),
        ("kind 7", record(7, 0, 0)),
        ("kind 255", record(255, 0, 0)),
        ("five levels", depth(0, 2, 3)),
        ("levels that wrap a byte", depth(0, 255, 255)),
        ("a trade id longer than its field", text),
        ("a status text longer than its field", status),
    ];
    for (name, words) in cases {
        let (mut writer, mut reader) = pair(&Shape::default());
        writer.publish(&words);
        writer.publish(&book_ticker(1, 2));
        assert_eq!(Answer::Damaged, reader.next(), "{name}");
        assert_eq!(Answer::Damaged, reader.next(), "{name}, again");
        assert!(
            reader.wait(Duration::from_secs(5)),
            "{name}: nothing to wait for"
        );
    }
}

/// Intent: a commit word of another slot, or from beyond any ring, is DAMAGED.
#[test]
fn senseless_commit_words_are_damage() {
    for commit in [2 * 2, 2 * 66, u64::MAX, 2 * (MAX_SEQUENCE + 65)] {
        let (writer, mut reader) = pair(&Shape::default());
        writer.store.release(writer.slot_word(1), commit);
        assert_eq!(Answer::Damaged, reader.next(), "commit {commit:#x}");
    }
}

/// Intent: positions: oldest leaves room, latest sees only what comes.
#[test]
fn a_reader_starts_where_it_is_told() {
    let shape = Shape {
        slots: 16,
        ..Shape::default()
    };
    let words = shared(&image(&shape));
    let mut writer = Writer::new(words.clone(), &shape);
    for _ in 0..30 {
        writer.publish(&book_ticker(1, 2));
    }
    writer.end_frame();
    let mut reader = Reader::over(words).expect("attach");
    assert_eq!(30 - 16 + 2, reader.next_sequence());
    assert_eq!(16, sequence_of(reader.next()));
    reader.seek_latest();
    assert_eq!(Answer::Empty, reader.next());
    writer.publish(&book_ticker(1, 2));
    assert_eq!(31, sequence_of(reader.next()));
    reader.seek(20);
    assert_eq!(20, sequence_of(reader.next()));
    reader.seek(0);
    assert_eq!(1, reader.next_sequence());
}

/// Intent: each state of a board entry has its answer.
#[test]
fn the_board_answers() {
    let (writer, reader) = pair(&Shape::default());
    assert_eq!(
        BoardAnswer::Empty,
        reader.board(0, BOARD_TRADE),
        "no such instrument"
    );
    writer.add_instrument(0, b"BTC_USDT", b"BTC", b"USDT");
    assert_eq!(
        BoardAnswer::Empty,
        reader.board(0, BOARD_TRADE),
        "never written"
    );
    assert_eq!(BoardAnswer::Empty, reader.board(0, 4), "no such place");
    assert_eq!(BoardAnswer::Empty, reader.board(9, 0), "beyond the table");
    writer.board(0, BOARD_BOOK_TICKER.into(), &book_ticker(7, 8), 42);
    let BoardAnswer::Got(record) = reader.board(0, BOARD_BOOK_TICKER) else {
        panic!("no entry")
    };
    assert_eq!(42, record.sequence());
    writer.store.release(writer.board_word(0, 0), 85);
    assert_eq!(
        BoardAnswer::Busy,
        reader.board(0, BOARD_BOOK_TICKER),
        "left half-way"
    );
    writer.board(0, 0, &common::record(0, 0, 0), 43);
    assert_eq!(BoardAnswer::Damaged, reader.board(0, BOARD_BOOK_TICKER));
}

/// Intent: a book is copied whole, best first on each side, or answers why not.
#[test]
fn the_book_answers() {
    let (writer, reader) = pair(&Shape::default());
    writer.add_instrument(0, b"BTC_USDT", b"BTC", b"USDT");
    let mut book = reader.new_book();
    assert_eq!(BoardAnswer::Empty, reader.book(0, &mut book));
    // Header: as_of 9 at word 1; word 5 counts 2 bids, 1 ask; word 6 exponents, flags.
    let mut words = [0u64; 16 + 8];
    words[1] = 9;
    words[5] = 3 | 2 << 32 | 1 << 48;
    words[6] = 0xfe | 0xfd << 8 | u64::from(BOOK_VALID) << 16;
    words[16..20].copy_from_slice(&[10_050, 1500, 10_040, 2500]);
    words[20..22].copy_from_slice(&[10_060, 500]);
    writer.book(0, &words, 2);
    assert_eq!(BoardAnswer::Got(()), reader.book(0, &mut book));
    assert_eq!((9, 3), (book.header().as_of, book.header().book_epoch));
    assert!(book.is_valid());
    let prices: Vec<_> = book
        .bids()
        .chain(book.asks())
        .filter_map(|l| book.price(l.price))
        .collect();
    let texts: Vec<_> = prices.iter().map(ToString::to_string).collect();
    assert_eq!(["100.5", "100.4", "100.6"], texts[..]);
    assert_eq!((2, 1), (book.bids().len(), book.asks().len()));
    writer.store.release(writer.book_word(0), 3);
    assert_eq!(BoardAnswer::Busy, reader.book(0, &mut book));
    words[5] = 3 << 32;
    writer.book(0, &words, 4);
    assert_eq!(
        BoardAnswer::Damaged,
        reader.book(0, &mut book),
        "three bids of two"
    );
}

/// Intent: a late reader gets the board, and from the ring only what no entry
/// covers.
#[test]
fn a_late_reader_joins_behind_the_board() {
    let words = shared(&image(&Shape::default()));
    let mut writer = Writer::new(words.clone(), &Shape::default());
    let mut reader = Reader::over(words).expect("attach");
    writer.add_instrument(0, b"BTC_USDT", b"BTC", b"USDT");
    let first = writer.publish(&book_ticker(1, 2));
    writer.board(0, 0, &book_ticker(1, 2), first);
    writer.end_frame();
    // A frame in progress: its records are in the ring and on the board, the
    // watermark is not there yet.
    let second = writer.publish(&book_ticker(3, 4));
    writer.board(0, 0, &book_ticker(3, 4), second);
    writer.publish(&depth(FLAG_FIRST | FLAG_LAST, 0, 0));
    let joined: Vec<u64> = reader.join_board().iter().map(|r| r.sequence()).collect();
    assert_eq!([second], joined[..]);
    assert_eq!(
        3,
        sequence_of(reader.next()),
        "the depth record; the board covers the other"
    );
    writer.publish(&book_ticker(5, 6));
    assert_eq!(4, sequence_of(reader.next()));
    assert_eq!(1, reader.stats().covered);
}

/// Intent: instruments are found by either spelling, never beyond the count.
#[test]
fn instruments_are_found() {
    let (writer, reader) = pair(&Shape::default());
    assert_eq!(
        (None, 0),
        (reader.find("BTC/USDT"), reader.instrument_count())
    );
    writer.add_instrument(0, b"BTC_USDT", b"BTC", b"USDT");
    writer.add_instrument(1, b"XBT", b"XBT", b"");
    writer.set_state_word(1, 7 << 32 | u64::from(BIT_SUBSCRIBED | BIT_SUSPECT));
    for (name, want) in [
        ("BTC/USDT", Some(0)),
        ("BTC_USDT", Some(0)),
        ("XBT", Some(1)),
        ("BTC", None),
        ("", None),
    ] {
        assert_eq!(want, reader.find(name), "{name}");
    }
    let state = reader.instrument_state(1).expect("a state");
    assert_eq!(
        (BIT_SUBSCRIBED | BIT_SUSPECT, 7),
        (state.bits(), state.book_epoch())
    );
    assert_eq!(Some(state.word), reader.state_word(1));
    assert_eq!(None, reader.state_word(2));
    writer.store.release(1664 / 8, u64::from(u32::MAX));
    assert_eq!(
        4,
        reader.instrument_count(),
        "a count beyond the table is cut"
    );
}

/// Intent: over a mapped file a sleeping reader is there soon after the record,
/// and a timeout without one is a timeout.
#[test]
fn waiting_ends_with_the_record_or_the_time() {
    let dir = Dir::new("wait");
    let shape = Shape::default();
    let path = dir.place("test-feed", &image(&shape));
    let mut writer = Writer::new(writable(&path), &shape);
    let mut reader = Reader::attach(Some(&dir.0), "test-feed").expect("attach");
    let start = Instant::now();
    assert!(!reader.wait(Duration::from_millis(30)));
    assert!(start.elapsed() >= Duration::from_millis(30));
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        writer.publish(&book_ticker(1, 2));
        writer.end_frame();
        writer
    });
    assert!(reader.wait(Duration::from_secs(10)));
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(1, sequence_of(reader.next()));
    let writer = thread.join().expect("writer");
    writer.set_state(STATE_CLOSED);
    assert!(reader.wait(Duration::from_secs(10)), "the end is news");
    assert_eq!(Answer::Closed, reader.next());
    assert!(
        !reader.wait(Duration::from_millis(10)),
        "and no news afterwards"
    );
}

/// Intent: a reader moves to another generation of the name and to nothing else;
/// the old mapping stays readable meanwhile.
#[test]
fn reattaching_accepts_another_generation_only() {
    let dir = Dir::new("reattach");
    let first = Shape::default();
    let path = dir.place("feed", &named(&image(&first), "feed"));
    let mut old = Writer::new(writable(&path), &first);
    let mut reader = Reader::attach(Some(&dir.0), "feed").expect("attach");
    old.publish(&book_ticker(1, 2));
    assert!(!reader.reattach().expect("the same file"));
    dir.place("feed", &named(&image(&first), "feed"));
    assert!(!reader.reattach().expect("the same generation"));
    std::fs::remove_file(&path).expect("remove");
    assert!(matches!(
        reader.reattach(),
        Err(tickring::AttachError::NotFound(_))
    ));

    let second = Shape {
        generation: 2,
        slots: 16,
        ..Shape::default()
    };
    let path = dir.place("feed", &named(&image(&second), "feed"));
    let mut new = Writer::new(writable(&path), &second);
    new.publish(&book_ticker(3, 4));
    old.set_state(STATE_SUPERSEDED);
    assert_eq!(1, sequence_of(reader.next()), "drained first");
    assert_eq!(Answer::Superseded, reader.next());
    assert!(reader.reattach().expect("the new file"));
    assert_eq!((2, 16), (reader.generation(), reader.slots()));
    assert_eq!(1, sequence_of(reader.next()));
    assert_eq!(2, reader.stats().got, "stats go on");
}

/// Intent: a file cut short from outside is noticed by whoever waits.
#[test]
fn a_file_cut_short_is_damage() {
    let dir = Dir::new("cut");
    let path = dir.place("feed", &image(&Shape::default()));
    let mut reader = Reader::attach_path(&path).expect("attach");
    assert_eq!(Answer::Empty, reader.next());
    writable(&path).set_len(4096).expect("truncate");
    assert!(reader.wait(Duration::from_secs(5)));
    assert_eq!(Answer::Damaged, reader.next());
}
