//! What is built on top of a cursor, over both cursors: attaching, waiting, following,
//! filters, iterator and callback, the poller, freshness, the file of readers.

mod common;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::*;
use tickring::layout::*;
use tickring::{
    Answer, AttachError, Backend, Event, Filter, PollerOver, ReaderOver, RegisterError, Signal,
};

/// How long something may take that should come at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// A segment file with two instruments, and its writer.
fn feed(dir: &Dir, name: &str, shape: &Shape) -> Writer<File> {
    let path = dir.place(name, &named(&image(shape), name));
    let writer = Writer::new(writable(&path), shape);
    writer.add_instrument(0, b"BTC_USDT", b"BTC", b"USDT");
    writer.add_instrument(1, b"ETH_USDT", b"ETH", b"USDT");
    writer
}

fn of_kind(kind: u8, instrument: u16) -> Words {
    record(kind, FLAG_FIRST | FLAG_LAST, instrument)
}

/// Publishes and ends the frame.
fn publish(writer: &mut Writer<File>, words: &Words) -> u64 {
    let n = writer.publish(words);
    writer.end_frame();
    n
}

fn sequences<B: Backend>(reader: &mut ReaderOver<B>) -> Vec<u64> {
    let mut all = Vec::new();
    reader.drain(|record| all.push(record.sequence()));
    all
}

fn unix_now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_nanos() as u64
}

/// A free file of readers, as a publisher makes it.
fn readers_file() -> Vec<u8> {
    let mut bytes = vec![0; READERS_HEADER_SIZE + READER_SLOTS as usize * READER_SLOT_SIZE];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"TICKREAD");
    put(8, &LAYOUT_VERSION.to_le_bytes());
    put(12, &[4, 3, 2, 1]);
    put(16, &FORMAT_HASH.to_le_bytes());
    put(24, &256u32.to_le_bytes());
    put(28, &128u32.to_le_bytes());
    put(32, &this_boot());
    bytes
}

fn word_at(path: &Path, at: usize) -> u64 {
    let bytes = std::fs::read(path).expect("read the file of readers");
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

fn a_feed_that_comes_later_is_waited_for<B: Backend>() {
    let dir = Dir::new(&unique("later"));
    let options = ReaderOver::<B>::options().dir(&dir.0);
    let error = options.attach("feed").err().expect("nothing is there");
    assert_eq!("NO_FEED", error.word());
    let place = dir.0.clone();
    let thread = std::thread::spawn(move || {
        let dir = std::mem::ManuallyDrop::new(Dir(place));
        feed(&dir, "feed", &Shape::default());
    });
    let start = Instant::now();
    // The instrument comes after the file.
    let reader = options
        .await_for(PATIENCE)
        .filter(Filter::default().symbol("ETH/USDT"))
        .attach("feed")
        .expect("the feed comes");
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(Some(vec![1]), reader.filtered_instruments());
    thread.join().expect("the publisher");
    let error = ReaderOver::<B>::options().attach("../feed").err();
    assert_eq!("NAME", error.expect("no name").word());
}

fn a_filter_passes_kinds_and_instruments<B: Backend>() {
    let dir = Dir::new(&unique("filter"));
    let mut writer = feed(&dir, "feed", &Shape::default());
    let mut reader = ReaderOver::<B>::attach(Some(&dir.0), "feed").expect("attach");
    for (kind, instrument) in [
        (KIND_BOOK_TICKER, 0),
        (KIND_BOOK_TICKER, 1),
        (KIND_TRADE, 0),
        (KIND_STATUS, NO_INSTRUMENT),
        (KIND_TRADE, 1),
    ] {
        publish(&mut writer, &of_kind(kind, instrument));
    }
    let cases = [
        (Filter::default(), vec![1, 2, 3, 4, 5]),
        (Filter::default().kind(KIND_TRADE), vec![3, 5]),
        (Filter::default().symbol("BTC_USDT"), vec![1, 3, 4]),
        (
            Filter::default().symbol("ETH/USDT").kind(KIND_TRADE),
            vec![5],
        ),
        (
            Filter::default().kind(KIND_STATUS).symbol("BTC/USDT"),
            vec![4],
        ),
        (Filter::default().kind(KIND_DEPTH), vec![]),
    ];
    for (filter, want) in cases {
        reader
            .set_filter(filter.clone())
            .expect("the instruments are there");
        reader.seek_oldest();
        assert_eq!(want, sequences(&mut reader), "{filter:?}");
    }
    let missing = reader.set_filter(Filter::default().symbol("XRP/USDT"));
    assert!(matches!(missing, Err(AttachError::NoInstrument(symbol)) if symbol == "XRP/USDT"));
    assert_eq!(5 + 2 + 3 + 1 + 1, reader.stats().got, "those handed out");
    assert!(reader.stats().filtered > 0);
}

fn a_follower_moves_by_itself<B: Backend>() {
    let dir = Dir::new(&unique("follow"));
    let mut old = feed(&dir, "feed", &Shape::default());
    let mut reader = ReaderOver::<B>::options()
        .dir(&dir.0)
        .follow()
        .filter(Filter::default().symbol("ETH/USDT"))
        .attach("feed")
        .expect("attach");
    publish(&mut old, &of_kind(KIND_TRADE, 1));
    let second = Shape {
        generation: 2,
        ..Shape::default()
    };
    let path = dir.place("feed", &named(&image(&second), "feed"));
    let mut new = Writer::new(writable(&path), &second);
    // In the new generation the instrument has another number, and comes late.
    new.add_instrument(0, b"ETH_USDT", b"ETH", b"USDT");
    publish(&mut new, &of_kind(KIND_TRADE, 1));
    publish(&mut new, &of_kind(KIND_TRADE, 0));
    new.set_state(STATE_CLOSED);
    old.set_state(STATE_SUPERSEDED);
    let events: Vec<Event> = reader.events(Duration::from_millis(300)).collect();
    let words: Vec<String> = events
        .iter()
        .map(|event| match event {
            Event::Record(record) => format!("record {}", record.sequence()),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(["record 1", "Moved(2)", "record 2"], words[..]);
    assert_eq!((2, 1), (reader.generation(), reader.stats().reattached));
    assert!(matches!(reader.next(), Answer::Closed), "it waits on");
}

fn iterator_and_callback_see_the_same<B: Backend>() {
    let dir = Dir::new(&unique("forms"));
    let shape = Shape {
        slots: 8,
        ..Shape::default()
    };
    let mut writer = feed(&dir, "feed", &shape);
    let attach = || ReaderOver::<B>::attach(Some(&dir.0), "feed").expect("attach");
    let (mut one, mut two) = (attach(), attach());
    for _ in 0..20 {
        publish(&mut writer, &of_kind(KIND_TRADE, 0));
    }
    let mut seen = Vec::new();
    let mut record = Record::ZERO;
    assert_eq!(Signal::Overrun(13), two.drain(|r| seen.push(r.sequence())));
    assert_eq!(7, two.lag());
    assert_eq!(Signal::Record, two.next_into(&mut record));
    seen.push(record.sequence());
    assert_eq!(Signal::Empty, two.drain(|r| seen.push(r.sequence())));
    let events: Vec<Event> = one.events(Duration::ZERO).collect();
    assert_eq!(Some(&Event::Lost(13)), events.first());
    let iterated: Vec<u64> = events[1..]
        .iter()
        .map(|event| match event {
            Event::Record(record) => record.sequence(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((14..=20).collect::<Vec<u64>>(), seen);
    assert_eq!(seen, iterated);
    assert_eq!(
        (0, 13, 1),
        (one.lag(), one.stats().lost, one.stats().overruns)
    );
    writer.set_state(STATE_CLOSED);
    assert_eq!(None, one.events(Duration::MAX).next(), "the end ends it");
}

fn a_poller_merges_on_one_clock<B: Backend>() {
    let dir = Dir::new(&unique("poller"));
    let mut writers = ["a", "b", "c"].map(|name| feed(&dir, name, &Shape::default()));
    let mut poller = PollerOver::<B>::new();
    for name in ["a", "b", "c"] {
        poller.add(ReaderOver::attach(Some(&dir.0), name).expect("attach"));
    }
    assert_eq!(None, poller.next());
    assert!(!poller.wait(Duration::from_millis(5)));
    let times = [vec![10, 40, 50], vec![20, 40], vec![5, 60]];
    for (writer, times) in writers.iter_mut().zip(&times) {
        for time in times {
            let mut words = of_kind(KIND_TRADE, 0);
            words[15] = *time;
            publish(writer, &words);
        }
    }
    writers[1].set_state(STATE_CLOSED);
    assert!(poller.wait(PATIENCE));
    let mut merged = Vec::new();
    while let Some((feed, answer)) = poller.next() {
        match answer {
            Answer::Record(record) => merged.push((feed, record.publish_time_ns)),
            other => {
                assert_eq!((1, Answer::Closed), (feed, other));
                merged.push((feed, 0));
            }
        }
    }
    // The end of a feed is told once, before another record of any.
    let want = [
        (2, 5),
        (0, 10),
        (1, 20),
        (0, 40),
        (1, 40),
        (1, 0),
        (0, 50),
        (2, 60),
    ];
    assert_eq!(want, merged[..]);
    assert_eq!(Some(3), poller.reader(0).map(|r| r.stats().got));
}

fn a_burst_does_not_starve_the_others<B: Backend>() {
    let dir = Dir::new(&unique("fair"));
    let shape = Shape {
        slots: 4096,
        ..Shape::default()
    };
    let (mut busy, mut quiet) = (feed(&dir, "busy", &shape), feed(&dir, "quiet", &shape));
    for _ in 0..2000 {
        busy.publish(&of_kind(KIND_TRADE, 0));
    }
    busy.end_frame();
    let mut late = of_kind(KIND_TRADE, 0);
    late[15] = 99;
    publish(&mut quiet, &late);
    let mut poller = PollerOver::<B>::new();
    for name in ["busy", "quiet"] {
        poller.add(ReaderOver::attach(Some(&dir.0), name).expect("attach"));
    }
    let turn = (0..2001).find(|_| poller.next().expect("a record").0 == 1);
    assert_eq!(
        Some(1024),
        turn,
        "after 1,024 in a row it is another's turn"
    );
}

fn freshness_is_of_the_link<B: Backend>() {
    let dir = Dir::new(&unique("fresh"));
    let shape = Shape {
        source: SOURCE_LIVE,
        ..Shape::default()
    };
    let writer = feed(&dir, "feed", &shape);
    let reader = ReaderOver::<B>::attach(Some(&dir.0), "feed").expect("attach");
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    assert!(
        !reader.fresh_within(0, hour),
        "no connection has received anything"
    );
    assert_eq!(None, reader.quote_age(0));
    let good = u64::from(BIT_SUBSCRIBED) | 7 << 32;
    writer.set_state_word(0, good);
    let heard = |ago: u64| writer.set_connection(0, 3, unix_now_ns() - ago);
    let beat = |ago: u64| writer.store.release(1288 / 8, unix_now_ns() - ago);
    heard(1_000_000);
    beat(0);
    assert!(reader.fresh_within(0, hour));
    assert!(
        !reader.fresh_within(0, Duration::from_nanos(10)),
        "heard a millisecond ago"
    );
    assert!(!reader.fresh_within(1, hour) && !reader.fresh_within(999, hour));
    for bit in [
        BIT_STALE,
        BIT_SUSPECT,
        BIT_RESYNCING,
        BIT_REFUSED,
        BIT_HALTED,
    ] {
        writer.set_state_word(0, good | u64::from(bit));
        assert!(!reader.fresh_within(0, hour), "bit {bit}");
    }
    writer.set_state_word(0, good);
    beat(2_000_000_000);
    assert!(
        !reader.fresh_within(0, hour),
        "the heartbeat is two seconds old"
    );
    beat(0);
    heard(2 * 3_600_000_000_000);
    assert!(!reader.fresh_within(0, hour), "heard two hours ago");
    assert!(reader.fresh_within(0, 3 * hour));
    writer.set_quote_seen(0, unix_now_ns() - 5_000_000_000);
    let age = reader.quote_age(0).expect("a quote was seen");
    assert!(age >= 5 * second && age < 5 * second + PATIENCE, "{age:?}");
    writer.set_state(STATE_CLOSED);
    assert!(!reader.fresh_within(0, 3 * hour), "closed");
}

fn a_registered_reader_is_told_of<B: Backend>() {
    let dir = Dir::new(&unique("register"));
    let mut writer = feed(&dir, "feed", &Shape::default());
    let path = dir.0.join("feed.readers");
    let attach = |name| {
        let options = ReaderOver::<B>::options().dir(&dir.0).register(name);
        options.attach("feed").expect("attach")
    };
    let without = attach("early");
    assert!(!without.is_registered(), "no file: it reads all the same");
    assert!(matches!(
        without.register_error(),
        Some(RegisterError::NotFound(_))
    ));
    std::fs::write(&path, readers_file()).expect("write");
    let mut first = attach("maker");
    let second = attach("taker");
    assert!(first.is_registered() && second.is_registered());
    let slots = [128, 256];
    assert_eq!([1, 2], slots.map(|at| word_at(&path, at)), "claims");
    assert_eq!(
        u64::from(std::process::id()),
        word_at(&path, 128 + 8) & 0xffff_ffff
    );
    let bytes = std::fs::read(&path).expect("read");
    assert_eq!(b"maker\0", &bytes[128 + 72..128 + 78]);
    for _ in 0..5 {
        publish(&mut writer, &of_kind(KIND_TRADE, 0));
    }
    let start = Instant::now();
    while word_at(&path, 128 + 40) != 6 {
        first.drain(|_| {});
        assert!(start.elapsed() < PATIENCE, "the cursor is never told");
    }
    assert_eq!(
        (1, 5, 0),
        (
            word_at(&path, 160),
            word_at(&path, 176),
            word_at(&path, 184)
        )
    );
    drop(first);
    assert_eq!([0, 2], slots.map(|at| word_at(&path, at)), "given back");
    let third = attach("third");
    assert_eq!([3, 2], slots.map(|at| word_at(&path, at)), "taken again");
    drop((second, third));
}

fn a_bad_file_of_readers_is_no_harm<B: Backend>() {
    let dir = Dir::new(&unique("readers"));
    let mut writer = feed(&dir, "feed", &Shape::default());
    publish(&mut writer, &of_kind(KIND_TRADE, 0));
    let path = dir.0.join("feed.readers");
    let good = readers_file();
    let mut full = good.clone();
    for slot in full[128..].as_chunks_mut::<128>().0 {
        // Of another pid namespace, and updated just now.
        slot[0] = 1;
        slot[64..72].copy_from_slice(&monotonic_now_ns().to_le_bytes());
    }
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let cases = [
        ("short", good[..4096].to_vec(), "size"),
        ("another magic", with(0, b'X'), "is none"),
        ("another format", with(16, !good[16]), "build"),
        ("other slots", with(24, 9), "slots"),
        ("another boot", with(32, !good[32]), "before this host"),
        ("full", full, "full"),
    ];
    for (name, bytes, want) in cases {
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, bytes).expect("write");
        let mut reader = ReaderOver::<B>::attach(Some(&dir.0), "feed").expect("attach");
        let error = reader.register("x").expect_err(name).to_string();
        assert!(error.contains(want), "{name}: {error}");
        assert_eq!(vec![1], sequences(&mut reader), "{name}");
    }
    std::fs::write(&path, &good).expect("write");
    let mut reader = ReaderOver::<B>::attach(Some(&dir.0), "feed").expect("attach");
    reader.register("cut").expect("a slot");
    writable(&path).set_len(64).expect("truncate");
    std::thread::sleep(Duration::from_nanos(READER_REPORT_NS));
    assert_eq!(
        vec![1],
        sequences(&mut reader),
        "a file cut short ends nobody"
    );
}

/// Intent: 300 mutated files, 10,000 with TICKRING_FULL=1: attach is refused or reading
/// comes back, in either reader.
fn mutated_files_are_survived<B: Backend>() {
    let full = std::env::var_os("TICKRING_FULL").is_some_and(|v| v == "1");
    let dir = Dir::new(&unique("mutated"));
    let shape = Shape {
        slots: 8,
        depth: 1,
        ..Shape::default()
    };
    let mut writer = feed(&dir, "feed", &shape);
    for n in 0..20u16 {
        let sequence = publish(&mut writer, &of_kind(1 + (n % 6) as u8, n % 2));
        writer.board(
            u64::from(n % 2),
            0,
            &of_kind(KIND_BOOK_TICKER, n % 2),
            sequence,
        );
    }
    let bytes = std::fs::read(dir.0.join("feed")).expect("read");
    let (good, _) = bytes.as_chunks::<8>();
    let good: Vec<u64> = good.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let mut random = Random(0x7275_7374);
    let (mut refused, mut read) = (0, 0);
    for _ in 0..if full { 10_000 } else { 300 } {
        let mut words = good.clone();
        for _ in 0..=random.below(3) {
            let reach = if random.below(4) < 3 {
                240
            } else {
                words.len() as u64
            };
            let at = random.below(reach) as usize;
            words[at] = match random.below(4) {
                0 => random.next(),
                1 => 1 << random.below(64),
                _ => words[at] ^ 1 << random.below(64),
            };
        }
        let path = dir.place("feed", &words);
        match ReaderOver::<B>::attach_path(&path) {
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
    assert!(refused > 20 && read > 20, "{refused} refused, {read} read");
}

/// Every call comes back.
fn exercise<B: Backend>(reader: &mut ReaderOver<B>) {
    for _ in 0..40 {
        match reader.next() {
            Answer::Record(_) => {}
            Answer::Overrun(lost) => assert!(lost > 0),
            _ => break,
        }
    }
    let mut book = reader.new_book();
    for id in [0, 1, 3, 4, NO_INSTRUMENT] {
        for place in 0..5 {
            let _ = reader.board(id, place);
        }
        let _ = reader.book(id, &mut book);
        let _ = (
            reader.instrument(id),
            reader.instrument_state(id),
            reader.connection(id),
        );
        let _ = (reader.fresh_within(id, PATIENCE), reader.quote_age(id));
    }
    let _ = (reader.find("ETH/USDT"), reader.counter(64), reader.lag());
    let _ = reader.set_filter(Filter::default().symbol("ETH/USDT"));
    let _ = reader.join();
    reader.seek_oldest();
    let _ = (reader.next_head(), reader.next());
    reader.wait(Duration::ZERO);
}

macro_rules! over {
    ($name:ident, $backend:ty: $($test:ident)*) => {
        mod $name {
            $(#[test]
            fn $test() {
                super::$test::<$backend>();
            })*
        }
    };
}

macro_rules! over_both {
    ($($test:ident)*) => {
        #[cfg(feature = "native")]
        over!(native, tickring::Native: $($test)*);
        #[cfg(feature = "c-library")]
        over!(c_library, tickring::CLibrary: $($test)*);
    };
}

over_both!(
    a_feed_that_comes_later_is_waited_for
    a_filter_passes_kinds_and_instruments
    a_follower_moves_by_itself
    iterator_and_callback_see_the_same
    a_poller_merges_on_one_clock
    a_burst_does_not_starve_the_others
    freshness_is_of_the_link
    a_registered_reader_is_told_of
    a_bad_file_of_readers_is_no_harm
    mutated_files_are_survived
);
