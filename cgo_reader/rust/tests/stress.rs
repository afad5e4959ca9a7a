//! A writer at full speed over eight slots: nothing torn, nothing unaccounted.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::*;
use tickring::layout::*;
use tickring::{Answer, BoardAnswer, Reader, Record};

/// How long to run at least, and at most when a busy machine gives few turns.
const RUN: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(15);
/// Copies to have seen before the run may end.
const ENOUGH: u64 = 1000;

/// Every word behind the first two says the sequence.
fn derived(n: u64) -> Words {
    let mut words = record(KIND_BOOK_TICKER, FLAG_FIRST | FLAG_LAST, 0);
    for (i, word) in words.iter_mut().enumerate().skip(2) {
        *word = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ i as u64;
    }
    words
}

fn is_whole(record: &Record) -> bool {
    let want = derived(record.sequence());
    let body = record
        .body
        .iter()
        .zip(&want[4..14])
        .all(|(got, want)| got == want);
    body && record.recv_time_ns as u64 == want[2]
        && record.venue_sequence == want[3]
        && record.event_time_ns as u64 == want[14]
        && record.publish_time_ns as u64 == want[15]
}

/// Intent: two readers at the heels of a full-speed writer, one on the ring and one
/// on the board, accept only whole records; got + lost is what the cursor moved.
#[test]
fn nothing_torn_is_handed_out() {
    let shape = Shape {
        slots: 8,
        ..Shape::default()
    };
    let words = shared(&image(&shape));
    let mut writer = Writer::new(words.clone(), &shape);
    writer.add_instrument(0, b"BTC_USDT", b"BTC", b"USDT");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random(0x7374_7265_7373);
            while !stop.load(Ordering::Relaxed) {
                // Bursts up to four laps, then a moment in which readers catch up.
                for _ in 0..random.below(32) {
                    let words = derived(writer.next);
                    let n = writer.publish(&words);
                    writer.board(0, BOARD_BOOK_TICKER.into(), &words, n);
                }
                writer.end_frame();
                writer.beat();
                (0..random.below(400)).for_each(|_| std::hint::spin_loop());
            }
        });
        let board = Reader::over(words.clone()).expect("attach");
        scope.spawn(move || read_board(&board));
        // Stops the writer also when an assertion below fails.
        let _stop = StopOnDrop(&stop);
        let mut reader = Reader::over(words.clone()).expect("attach");
        read_ring(&mut reader);
    });
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether to go on: for the time of the run, and until enough was seen.
fn goes_on(start: Instant, got: u64, overrun: bool) -> bool {
    let elapsed = start.elapsed();
    elapsed < RUN || elapsed < PATIENCE && (got < ENOUGH || !overrun)
}

fn read_ring(reader: &mut Reader) {
    let start = Instant::now();
    let first = reader.next_sequence();
    let mut lost = 0;
    while goes_on(start, reader.stats().got, reader.stats().overruns > 0) {
        match reader.next() {
            Answer::Record(record) => assert!(is_whole(&record), "torn: {record:?}"),
            Answer::Overrun(n) => lost += n,
            Answer::Empty | Answer::Stale => std::hint::spin_loop(),
            other => panic!("{other:?} from a live writer"),
        }
    }
    let stats = reader.stats();
    assert_eq!(reader.next_sequence() - first, stats.got + stats.lost);
    assert_eq!(lost, stats.lost);
    assert!(stats.got >= ENOUGH && stats.overruns > 0, "{stats:?}");
    println!("ring: {stats:?}");
}

fn read_board(reader: &Reader) {
    let start = Instant::now();
    let (mut got, mut newest) = (0u64, 0);
    while goes_on(start, got, true) {
        match reader.board(0, BOARD_BOOK_TICKER) {
            BoardAnswer::Got(record) => {
                assert!(is_whole(&record), "torn: {record:?}");
                assert!(record.sequence() >= newest, "the board went back");
                newest = record.sequence();
                got += 1;
            }
            BoardAnswer::Empty | BoardAnswer::Busy => {}
            BoardAnswer::Damaged => panic!("damage from a live writer"),
        }
    }
    assert!(got >= ENOUGH, "only {got} copies");
}
