//! A writer of segments for the tests, over words shared with the reader's thread
//! or over a file. Written from docs/format.md, not from the reader.

#![allow(dead_code)] // each test binary uses its part

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use tickring::layout::*;

/// Words that can be stored to while a reader looks.
pub trait Store {
    fn relaxed(&self, word: usize, value: u64);
    fn release(&self, word: usize, value: u64);
    fn get(&self, word: usize) -> u64;
}

impl Store for Arc<[AtomicU64]> {
    fn relaxed(&self, word: usize, value: u64) {
        self[word].store(value, Ordering::Relaxed);
    }

    fn release(&self, word: usize, value: u64) {
        self[word].store(value, Ordering::Release);
    }

    fn get(&self, word: usize) -> u64 {
        self[word].load(Ordering::Relaxed)
    }
}

impl Store for File {
    fn relaxed(&self, word: usize, value: u64) {
        self.write_all_at(&value.to_le_bytes(), word as u64 * 8)
            .expect("write a word");
    }

    fn release(&self, word: usize, value: u64) {
        self.relaxed(word, value);
    }

    fn get(&self, word: usize) -> u64 {
        let mut bytes = [0; 8];
        self.read_exact_at(&mut bytes, word as u64 * 8)
            .expect("read a word");
        u64::from_le_bytes(bytes)
    }
}

/// What a test segment is made of.
#[derive(Clone)]
pub struct Shape {
    pub slots: u64,
    pub instruments: u64,
    pub depth: u64,
    pub generation: u64,
    pub boot_id: [u8; 16],
    pub source: u32,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            slots: 64,
            instruments: 4,
            depth: 2,
            generation: 1,
            boot_id: this_boot(),
            source: SOURCE_SIMULATED,
        }
    }
}

pub fn this_boot() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("boot id");
    let hex: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    std::array::from_fn(|i| {
        let pair = str::from_utf8(&hex[2 * i..2 * i + 2]).expect("hex");
        u8::from_str_radix(pair, 16).expect("hex")
    })
}

/// First byte of each section, by kind, and the size of the whole.
pub fn offsets(shape: &Shape) -> ([u64; 7], u64) {
    let sizes = [0, 128, 64, 128, 512, 128 + 32 * shape.depth, 128];
    let counts = counts(shape);
    let mut at = 4096;
    let mut offsets = [0; 7];
    for kind in 1..7 {
        offsets[kind] = at;
        at = (at + sizes[kind] * counts[kind]).next_multiple_of(4096);
    }
    (offsets, at)
}

fn counts(shape: &Shape) -> [u64; 7] {
    let i = shape.instruments;
    [0, i, i, 256, i, i, shape.slots]
}

/// The words of an empty segment that is ready.
pub fn image(shape: &Shape) -> Vec<u64> {
    let (offsets, total) = offsets(shape);
    let counts = counts(shape);
    let sizes = [0, 128, 64, 128, 512, 128 + 32 * shape.depth, 128];
    let mut bytes = vec![0u8; total as usize];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"TICKRING");
    put(8, &LAYOUT_VERSION.to_le_bytes());
    put(12, &0x0102_0304u32.to_le_bytes());
    put(16, &FORMAT_HASH.to_le_bytes());
    put(24, &total.to_le_bytes());
    put(32, &shape.generation.to_le_bytes());
    put(40, &4096u32.to_le_bytes());
    put(44, &shape.source.to_le_bytes());
    put(64, &shape.boot_id);
    put(104, &6u32.to_le_bytes());
    put(108, &(shape.depth as u32).to_le_bytes());
    put(112, &50_000_000i64.to_le_bytes());
    put(128, b"test-feed");
    put(192, b"sim");
    for kind in 1..7 {
        let at = 256 + 32 * (kind - 1);
        put(at, &(kind as u32).to_le_bytes());
        put(at + 4, &(sizes[kind] as u32).to_le_bytes());
        put(at + 8, &offsets[kind].to_le_bytes());
        put(at + 16, &counts[kind].to_le_bytes());
    }
    put(1024, &STATE_LIVE.to_le_bytes());
    bytes
        .chunks_exact(8)
        .map(|c| u64::from_le_bytes(c.try_into().expect("8 bytes")))
        .collect()
}

/// The segment under another feed's name.
pub fn named(words: &[u64], feed: &str) -> Vec<u64> {
    let mut words = words.to_vec();
    let mut padded = [0; 64];
    padded[..feed.len()].copy_from_slice(feed.as_bytes());
    let (chunks, _) = padded.as_chunks::<8>();
    for (word, bytes) in words[16..].iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

pub fn shared(words: &[u64]) -> Arc<[AtomicU64]> {
    words.iter().map(|word| AtomicU64::new(*word)).collect()
}

/// One record to publish: the 16 words without their commit word.
pub type Words = [u64; 16];

/// Puts little-endian bytes at a byte offset of a record.
pub fn put(words: &mut Words, at: usize, field: &[u8]) {
    for (i, byte) in field.iter().enumerate() {
        let shift = 8 * ((at + i) % 8);
        let word = &mut words[(at + i) / 8];
        *word = *word & !(0xff << shift) | u64::from(*byte) << shift;
    }
}

/// A record of a kind, exponents -2 and -3, from connection-independent defaults.
pub fn record(kind: u8, flags: u16, instrument: u16) -> Words {
    let mut words = [0; 16];
    put(&mut words, 8, &[kind, -2i8 as u8, -3i8 as u8]);
    put(&mut words, 12, &flags.to_le_bytes());
    put(&mut words, 14, &instrument.to_le_bytes());
    words
}

/// The writing half of the protocol.
pub struct Writer<S: Store> {
    pub store: S,
    pub next: u64,
    shape: Shape,
    offsets: [u64; 7],
}

impl<S: Store> Writer<S> {
    pub fn new(store: S, shape: &Shape) -> Writer<S> {
        Writer {
            store,
            next: 1,
            shape: shape.clone(),
            offsets: offsets(shape).0,
        }
    }

    pub fn slot_word(&self, n: u64) -> usize {
        (self.offsets[6] + (n & (self.shape.slots - 1)) * 128) as usize / 8
    }

    fn commit(&self, base: usize, words: &[u64], even: u64) {
        self.store.relaxed(base, even - 1);
        fence(Ordering::Release);
        for (i, word) in words.iter().enumerate().skip(1) {
            self.store.relaxed(base + i, *word);
        }
        self.store.release(base, even);
    }

    pub fn publish(&mut self, words: &Words) -> u64 {
        let n = self.next;
        self.next += 1;
        self.commit(self.slot_word(n), words, 2 * n);
        n
    }

    pub fn end_frame(&self) {
        self.store.release(1416 / 8, self.next - 1);
        self.store.release(1408 / 8, self.next - 1);
        self.store.release(1536 / 8, self.next & 0xffff_ffff);
    }

    pub fn board_word(&self, instrument: u64, place: u64) -> usize {
        (self.offsets[4] + instrument * 512 + place * 128) as usize / 8
    }

    pub fn board(&self, instrument: u64, place: u64, words: &Words, n: u64) {
        self.commit(self.board_word(instrument, place), words, 2 * n);
    }

    pub fn book_word(&self, instrument: u64) -> usize {
        let size = 128 + 32 * self.shape.depth;
        (self.offsets[5] + instrument * size) as usize / 8
    }

    pub fn book(&self, instrument: u64, words: &[u64], version: u64) {
        self.commit(self.book_word(instrument), words, version);
    }

    pub fn add_instrument(&self, id: u64, symbol: &[u8], base: &[u8], quote: &[u8]) {
        let mut words = [0; 16];
        put(&mut words, 0, &(id as u32).to_le_bytes());
        put(&mut words, 8, symbol);
        put(&mut words, 40, base);
        put(&mut words, 56, quote);
        let at = (self.offsets[1] + id * 128) as usize / 8;
        for (i, word) in words.iter().enumerate() {
            self.store.relaxed(at + i, *word);
        }
        self.store.release(1664 / 8, id + 1);
    }

    pub fn set_state_word(&self, id: u64, word: u64) {
        self.store
            .release((self.offsets[2] + id * 64) as usize / 8, word);
    }

    /// The instrument's data come by this connection, which was last heard then.
    pub fn set_connection(&self, id: u64, row: u64, last_receive_ns: u64) {
        let connection = (self.offsets[3] + row * 128) as usize / 8;
        self.store.relaxed(connection + 1, last_receive_ns);
        self.store
            .release((self.offsets[2] + id * 64 + 48) as usize / 8, row);
    }

    pub fn set_quote_seen(&self, id: u64, time_ns: u64) {
        self.store
            .release((self.offsets[2] + id * 64 + 16) as usize / 8, time_ns);
    }

    pub fn set_state(&self, state: u32) {
        self.store.release(1024 / 8, state.into());
    }

    pub fn beat(&self) {
        self.store.release(1280 / 8, self.store.get(1280 / 8) + 1);
    }
}

/// A name that no other test of this process has.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// CLOCK_MONOTONIC, as a publisher and a reader of one host share it.
pub fn monotonic_now_ns() -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec, ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// A directory of its own, removed at the end of the test.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("tickring-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("make a directory");
        Dir(path)
    }

    /// Writes a segment aside and renames it into place, as a publisher does.
    pub fn place(&self, feed: &str, words: &[u64]) -> PathBuf {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let aside = self.0.join(format!(".{feed}.new"));
        std::fs::write(&aside, bytes).expect("write a segment");
        let path = self.0.join(feed);
        std::fs::rename(&aside, &path).expect("rename a segment");
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens a segment file for a writer.
pub fn writable(path: &Path) -> File {
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("open for writing")
}

/// xorshift64: the same numbers on each run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
