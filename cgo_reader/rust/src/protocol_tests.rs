use std::cell::{Cell, RefCell};

use super::*;

/// Words a test record has: the commit word and three of payload.
const SIZE: usize = 4;
const SLOTS: u64 = 8;

/// A slot whose writer takes its next stores between the loads of the reader, as
/// a schedule says: `due[k]` stores have happened when load k is served.
struct Stepped<'a> {
    words: RefCell<[u64; SIZE]>,
    stores: &'a [(usize, u64)],
    done: Cell<usize>,
    due: &'a [usize],
    load: Cell<usize>,
}

impl Stepped<'_> {
    fn serve(&self, word: usize) -> u64 {
        let load = self.load.get();
        self.load.set(load + 1);
        while self.done.get() < self.due[load] {
            let (at, value) = self.stores[self.done.get()];
            self.words.borrow_mut()[at] = value;
            self.done.set(self.done.get() + 1);
        }
        self.words.borrow()[word]
    }
}

impl Words for Stepped<'_> {
    fn relaxed(&self, word: usize) -> u64 {
        self.serve(word)
    }

    fn acquire(&self, word: usize) -> u64 {
        self.serve(word)
    }
}

fn image(n: u64) -> [u64; SIZE] {
    std::array::from_fn(|i| if i == 0 { 2 * n } else { 1000 * n + i as u64 })
}

fn stores_of(n: u64, marked: bool) -> Vec<(usize, u64)> {
    let mut stores = Vec::new();
    if marked {
        stores.push((0, 2 * n - 1));
    }
    stores.extend((1..SIZE).map(|i| (i, image(n)[i])));
    stores.push((0, 2 * n));
    stores
}

/// Calls `visit` with every non-decreasing schedule of `loads` loads over `stores`
/// stores.
fn schedules(loads: usize, stores: usize, visit: &mut impl FnMut(&[usize])) {
    fn extend(due: &mut Vec<usize>, loads: usize, stores: usize, visit: &mut impl FnMut(&[usize])) {
        if due.len() == loads {
            return visit(due);
        }
        for next in due.last().copied().unwrap_or(0)..=stores {
            due.push(next);
            extend(due, loads, stores, visit);
            due.pop();
        }
    }
    extend(&mut Vec::new(), loads, stores, visit);
}

/// What the reader of record 5 gave over all interleavings with a writer that
/// publishes the records 13 and 21 into the same slot.
#[derive(Default, Debug)]
struct Outcomes {
    whole: u32,
    passed: u32,
    torn: u32,
    mixed: u32,
}

fn explore(marked: bool) -> Outcomes {
    let n = 5;
    let stores = [
        stores_of(n + SLOTS, marked),
        stores_of(n + 2 * SLOTS, marked),
    ]
    .concat();
    let mut outcomes = Outcomes::default();
    schedules(SIZE + 1, stores.len(), &mut |due| {
        let words = Stepped {
            words: RefCell::new(image(n)),
            stores: &stores,
            done: Cell::new(0),
            due,
            load: Cell::new(0),
        };
        let mut out = [0; SIZE];
        match read_slot(&words, n, &mut out) {
            Slot::Whole if out == image(n) => outcomes.whole += 1,
            Slot::Whole => outcomes.mixed += 1,
            Slot::Passed(v) if v > 2 * n => outcomes.passed += 1,
            Slot::Torn(v) if v > 2 * n => outcomes.torn += 1,
            other => panic!("schedule {due:?} gave {other:?}"),
        }
    });
    outcomes
}

/// Intent: in every interleaving of a reader with two laps of a writer the copy is
/// whole or refused; all three outcomes happen.
#[test]
fn no_interleaving_hands_out_a_mix() {
    let outcomes = explore(true);
    assert_eq!(0, outcomes.mixed, "{outcomes:?}");
    assert!(
        outcomes.whole > 0 && outcomes.passed > 0 && outcomes.torn > 0,
        "{outcomes:?}"
    );
}

/// Intent: the negative control. A writer that leaves the mark out is caught, so
/// the exploration above can fail.
#[test]
fn a_writer_without_the_mark_is_caught() {
    let outcomes = explore(false);
    assert!(outcomes.mixed > 0, "{outcomes:?}");
}

/// Intent: a reader that waits for a record sees it not at all or whole.
#[test]
fn a_record_is_not_there_or_whole() {
    let stores = stores_of(13, true);
    let (mut before, mut whole) = (0, 0);
    schedules(SIZE + 1, stores.len(), &mut |due| {
        let words = Stepped {
            words: RefCell::new(image(5)),
            stores: &stores,
            done: Cell::new(0),
            due,
            load: Cell::new(0),
        };
        let mut out = [0; SIZE];
        match read_slot(&words, 13, &mut out) {
            Slot::Before => before += 1,
            Slot::Whole => {
                assert_eq!(image(13), out, "schedule {due:?}");
                whole += 1;
            }
            other => panic!("schedule {due:?} gave {other:?}"),
        }
    });
    assert!(before > 0 && whole > 0);
}

/// Intent: the same for a board entry, which is old, new, or to be tried again.
#[test]
fn a_board_entry_is_old_or_new_or_changing() {
    for marked in [true, false] {
        let stores = stores_of(13, marked);
        let (mut old, mut new, mut changing, mut mixed) = (0, 0, 0, 0);
        schedules(SIZE + 1, stores.len(), &mut |due| {
            let words = Stepped {
                words: RefCell::new(image(5)),
                stores: &stores,
                done: Cell::new(0),
                due,
                load: Cell::new(0),
            };
            let mut out = [0; SIZE];
            match read_entry(&words, &mut out) {
                Entry::Whole if out == image(5) => old += 1,
                Entry::Whole if out == image(13) => new += 1,
                Entry::Whole => mixed += 1,
                Entry::Changing => changing += 1,
                Entry::Never => panic!("schedule {due:?} gave an empty entry"),
            }
        });
        assert!(old > 0 && new > 0 && changing > 0);
        assert_eq!(!marked, mixed > 0, "mark {marked}: {mixed} mixes");
    }
}

/// Intent: the arithmetic of an overrun, with the ring drawn in the case.
#[test]
fn overrun_resumes_behind_the_newest() {
    let at = |next, lost| Some(Resume { next, lost });
    let cases: &[(&str, u64, u64, u64, Option<Resume>)] = &[
        // 8 slots hold 9..16, record 1's slot has 9: resume at 16-8+2.
        ("one lap, hint ahead", 1, 18, 16, at(10, 9)),
        ("one lap, hint behind the slot", 1, 18, 3, at(3, 2)),
        ("being written counts as gone", 1, 17, 8, at(3, 2)),
        ("many laps", 5, 2 * (5 + 8000), 8007, at(8001, 7996)),
        ("a slot of another place is damage", 1, 20, 16, None),
        ("the same record again is damage", 1, 1, 16, None),
        (
            "a sequence beyond any ring is damage",
            1,
            u64::MAX,
            16,
            None,
        ),
        (
            "a hint beyond any ring is damage",
            1,
            18,
            MAX_SEQUENCE + 1,
            None,
        ),
        (
            "a hint too far ahead is damage",
            1,
            18,
            10 + MAX_HINT_LEAD,
            None,
        ),
    ];
    for (name, n, commit, hint, want) in cases {
        assert_eq!(*want, resume(*n, *commit, *hint, SLOTS), "{name}");
    }
}

/// Intent: whatever words a hostile writer leaves, the cursor moves forward and the
/// loss is what it moved; nothing overflows.
#[test]
fn overrun_always_moves_forward_or_is_damage() {
    let edges = [
        0,
        1,
        2,
        9,
        1 << 40,
        MAX_SEQUENCE - 8,
        MAX_SEQUENCE,
        u64::MAX - 1,
        u64::MAX,
    ];
    let mut resumed = 0;
    for slots in [8, 64, 1 << 26] {
        for n in [1, 2, 8, 9, slots, MAX_SEQUENCE - slots, MAX_SEQUENCE] {
            for (commit, hint) in edges
                .iter()
                .flat_map(|c| edges.iter().map(move |h| (*c, *h)))
            {
                for commit in [commit, commit.wrapping_add(2 * (n & (slots - 1)))] {
                    if let Some(r) = resume(n, commit, hint, slots) {
                        assert!(r.next > n && r.next - n == r.lost);
                        resumed += 1;
                    }
                }
            }
        }
    }
    assert!(resumed > 10, "only {resumed} of the cases resumed");
}

/// Intent: the oldest start is the first record while nothing was overwritten, and
/// leaves room afterwards.
#[test]
fn oldest_leaves_room_once_the_ring_went_round() {
    for (last, want) in [(0, 1), (7, 1), (8, 2), (9, 3), (100, 94)] {
        assert_eq!(want, oldest(last, SLOTS), "last {last}");
    }
}

/// Intent: over plain words, a writer's thread beside the reader's: what is accepted is
/// whole. Small enough for miri, which checks it for data races and weak memory.
#[test]
fn two_threads_share_plain_words() {
    const ROUNDS: u64 = if cfg!(miri) { 60 } else { 20_000 };
    let slots: [[AtomicU64; SIZE]; SLOTS as usize] = Default::default();
    let slot_of = |n: u64| &slots[(n & (SLOTS - 1)) as usize];
    let (mut got, mut lost) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=ROUNDS {
                let slot = slot_of(n);
                slot[0].store(2 * n - 1, Ordering::Relaxed);
                fence(Ordering::Release);
                for (word, value) in slot.iter().zip(image(n)).skip(1) {
                    word.store(value, Ordering::Relaxed);
                }
                slot[0].store(2 * n, Ordering::Release);
            }
        });
        let (mut n, mut out) = (1, [0; SIZE]);
        while n <= ROUNDS {
            match read_slot(slot_of(n), n, &mut out) {
                Slot::Before => std::thread::yield_now(),
                Slot::Whole => {
                    assert_eq!(image(n), out);
                    got += 1;
                    n += 1;
                }
                Slot::Passed(commit) | Slot::Torn(commit) => {
                    let resume = resume(n, commit, 0, SLOTS).expect("a writer's words");
                    lost += resume.lost;
                    n = resume.next;
                }
            }
        }
    });
    assert_eq!(ROUNDS, got + lost);
    assert!(got > 0);
}
