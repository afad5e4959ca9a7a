//! A slot in the file of readers, so that `tickring stat` can tell who lags.
//!
//! Everything here goes through `pread` and `pwrite`: whoever may write that file may
//! also cut it short, and a store through a mapping would then end the process.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::layout::{
    BYTE_ORDER_TAG, FORMAT_HASH, LAYOUT_VERSION, READER_FORGET_NS, READER_REPORT_NS,
    READER_SLOT_SIZE, READER_SLOTS, READERS_HEADER_SIZE, READERS_MAGIC, ReaderSlot, ReadersHeader,
};
use crate::names;
use crate::system;
use crate::view::{Plain, words_of};

/// How long a lock of another process is waited for, and how often it is tried.
const LOCK_PATIENCE: Duration = Duration::from_millis(100);
const LOCK_STEP: Duration = Duration::from_millis(1);
/// Bytes of the whole file.
const FILE_SIZE: u64 = READERS_HEADER_SIZE as u64 + READER_SLOTS * READER_SLOT_SIZE as u64;
/// Records between two looks at the clock: some microseconds of a busy stream.
const LOOK_EVERY: u32 = 256;
/// Bytes of what a report stores, one word each.
const REPORT_BYTES: usize = 40;
/// Where the words of a report begin, and the claim lies, in a slot.
const REPORT_AT: u64 = std::mem::offset_of!(ReaderSlot, generation) as u64;
const CLAIM_AT: u64 = std::mem::offset_of!(ReaderSlot, claim) as u64;
const CLAIMS_AT: u64 = std::mem::offset_of!(ReadersHeader, claims) as u64;
const _: () = assert!(
    REPORT_AT as usize + REPORT_BYTES == std::mem::offset_of!(ReaderSlot, name),
    "the words of a report lie side by side"
);

/// Why a reader got no slot. It reads all the same.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// There is no file of readers: its publisher makes none.
    NotFound(PathBuf),
    /// This user may not write it.
    Permission(PathBuf),
    /// Not a file that a publisher makes: what is wrong with it.
    Damaged(PathBuf, &'static str),
    /// Another process keeps the lock.
    Locked(PathBuf),
    /// All slots belong to readers that live.
    Full(PathBuf),
    /// Reading or writing it failed in another way.
    Io(PathBuf, io::Error),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(path) => write!(
                f,
                "no file of readers {}: its publisher makes none",
                path.display()
            ),
            Self::Permission(path) => write!(
                f,
                "no permission to write {}: join the group of the file",
                path.display()
            ),
            Self::Damaged(path, what) => {
                write!(f, "file of readers {} {what}", path.display())
            }
            Self::Locked(path) => write!(
                f,
                "file of readers {} is locked by another process: try again",
                path.display()
            ),
            Self::Full(path) => write!(
                f,
                "file of readers {} is full: {READER_SLOTS} readers live",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "file of readers {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for RegisterError {}

/// A slot that this process holds.
pub(crate) struct Registration {
    segment: PathBuf,
    name: String,
    slot: Option<Claimed>,
    reported_ns: i64,
    passed: u32,
    read_before: u64,
}

struct Claimed {
    file: File,
    at: u64,
    claim: u64,
}

impl Registration {
    /// Takes a free slot of the file beside the segment.
    pub(crate) fn claim(segment: &Path, name: &str) -> Result<Registration, RegisterError> {
        Ok(Registration {
            segment: segment.to_path_buf(),
            name: name.to_owned(),
            slot: Some(Claimed::take(&readers_path(segment), name)?),
            reported_ns: 0,
            passed: 0,
            read_before: 0,
        })
    }

    /// Reports for the first time; `read` records were handed out unregistered.
    pub(crate) fn begin(&mut self, backend: &impl Backend, read: u64) {
        self.read_before = read;
        self.report(backend, read, 0);
    }

    pub(crate) fn holds(&self) -> bool {
        self.slot.is_some()
    }

    /// To be called after a move to another generation: claims again when the name
    /// leads to another file.
    pub(crate) fn moved(&mut self) {
        let path = readers_path(&self.segment);
        let same = self.slot.as_ref().is_some_and(|slot| slot.is_at(&path));
        if !same {
            self.slot = None;
            self.slot = Claimed::take(&path, &self.name).ok();
        }
        self.read_before = 0;
        self.reported_ns = 0;
    }

    /// One more record was read; now and then a look whether a report is due.
    pub(crate) fn passed(&mut self, backend: &impl Backend, read: u64, lost: u64) {
        self.passed = self.passed.wrapping_add(1);
        if self.passed.is_multiple_of(LOOK_EVERY) {
            self.report(backend, read, lost);
        }
    }

    /// Tells the cursor, if the last time is 10 ms ago. `read` and `lost` are of this
    /// generation.
    pub(crate) fn report(&mut self, backend: &impl Backend, read: u64, lost: u64) {
        let now = system::coarse_now_ns();
        if self.reported_ns != 0 && now - self.reported_ns < READER_REPORT_NS as i64 {
            return;
        }
        self.reported_ns = now;
        let Some(slot) = &self.slot else {
            return;
        };
        let words = [
            backend.generation(),
            backend.next_sequence(),
            read,
            lost,
            system::monotonic_now_ns() as u64,
        ];
        if !slot.report(words) {
            self.slot = None; // it is another's
        }
    }
}

fn readers_path(segment: &Path) -> PathBuf {
    let mut path = segment.as_os_str().to_owned();
    path.push(".readers");
    path.into()
}

impl Claimed {
    fn take(path: &Path, name: &str) -> Result<Claimed, RegisterError> {
        let io_error = |error| RegisterError::Io(path.to_path_buf(), error);
        let file = open(path)?;
        lock(path, &file)?;
        // The lock goes with the file where something below fails.
        check(path, &file)?;
        let own_namespace = pid_namespace().map_err(io_error)?;
        let Some(at) = free_slot(&file, own_namespace).map_err(io_error)? else {
            return Err(RegisterError::Full(path.to_path_buf()));
        };
        let claim = fill(&file, at, name, own_namespace).map_err(io_error)?;
        let _ = system::lock_first_byte(&file, false); // closing would do it too
        Ok(Claimed { file, at, claim })
    }

    fn is_at(&self, path: &Path) -> bool {
        match (self.file.metadata(), std::fs::symlink_metadata(path)) {
            (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
            _ => false,
        }
    }

    fn is_own(&self) -> bool {
        load_word(&self.file, self.at + CLAIM_AT).is_ok_and(|claim| claim == self.claim)
    }

    /// Stores what a report holds; false when the slot is another's.
    fn report(&self, words: [u64; REPORT_BYTES / 8]) -> bool {
        if !self.is_own() {
            return false;
        }
        let mut bytes = [0; REPORT_BYTES];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        self.file.write_all_at(&bytes, self.at + REPORT_AT).is_ok()
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        // Without the lock the slot stays until this process has gone.
        if lock(Path::new(""), &self.file).is_ok() && self.is_own() {
            let _ = store_word(&self.file, self.at + CLAIM_AT, 0);
        }
    }
}

fn open(path: &Path) -> Result<File, RegisterError> {
    let error = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => RegisterError::NotFound(path.to_path_buf()),
        io::ErrorKind::PermissionDenied => RegisterError::Permission(path.to_path_buf()),
        _ => RegisterError::Io(path.to_path_buf(), error),
    };
    let damaged = |what| Err(RegisterError::Damaged(path.to_path_buf(), what));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY)
        .open(path)
        .map_err(error)?;
    let about = file.metadata().map_err(error)?;
    if !about.is_file() || about.nlink() != 1 {
        return damaged("is not a regular file with one name");
    }
    if about.len() != FILE_SIZE {
        return damaged("has another size");
    }
    if names::stranger(path, &about).map_err(error)?.is_some() {
        return damaged("is a stranger's in a directory that everybody may write to");
    }
    Ok(file)
}

fn lock(path: &Path, file: &File) -> Result<(), RegisterError> {
    let start = Instant::now();
    loop {
        match system::lock_first_byte(file, true) {
            Ok(()) => return Ok(()),
            Err(_) if start.elapsed() < LOCK_PATIENCE => std::thread::sleep(LOCK_STEP),
            Err(_) => return Err(RegisterError::Locked(path.to_path_buf())),
        }
    }
}

fn check(path: &Path, file: &File) -> Result<(), RegisterError> {
    let damaged = |what| Err(RegisterError::Damaged(path.to_path_buf(), what));
    let io_error = |error| RegisterError::Io(path.to_path_buf(), error);
    let mut header = ReadersHeader::ZERO;
    load(file, 0, &mut header).map_err(io_error)?;
    let sizes = (u64::from(header.slot_count), header.slot_size as usize);
    if header.magic != READERS_MAGIC || header.byte_order != BYTE_ORDER_TAG {
        return damaged("is none");
    }
    if header.layout_version != LAYOUT_VERSION || header.format_hash != FORMAT_HASH {
        return damaged("is of another build: use the reader that came with the publisher");
    }
    if sizes != (READER_SLOTS, READER_SLOT_SIZE) {
        return damaged("has other slots");
    }
    if header.boot_id != names::boot_id().map_err(io_error)? {
        return damaged("was made before this host started");
    }
    Ok(())
}

/// Place of the first slot that is free, else of the first whose reader is gone.
fn free_slot(file: &File, own_namespace: u64) -> io::Result<Option<u64>> {
    let mut slot = ReaderSlot::ZERO;
    let mut left = None;
    for index in 0..READER_SLOTS {
        let at = READERS_HEADER_SIZE as u64 + index * READER_SLOT_SIZE as u64;
        load(file, at, &mut slot)?;
        if slot.claim == 0 {
            return Ok(Some(at));
        }
        if left.is_none() && is_gone(&slot, own_namespace) {
            left = Some(at);
        }
    }
    Ok(left)
}

/// Whether a slot's reader does not live any more, as far as can be known from here.
fn is_gone(slot: &ReaderSlot, own_namespace: u64) -> bool {
    if slot.pid_namespace == own_namespace {
        return start_time(slot.pid) != Some(slot.start_time);
    }
    let age = system::monotonic_now_ns().saturating_sub(slot.updated_monotonic_ns);
    !(0..READER_FORGET_NS as i64).contains(&age)
}

/// Writes this process into the slot, the claim last; returns the claim.
fn fill(file: &File, at: u64, name: &str, pid_namespace: u64) -> io::Result<u64> {
    let pid = std::process::id();
    let mut slot = ReaderSlot {
        pid,
        start_time: start_time(pid).ok_or(io::ErrorKind::Unsupported)?,
        pid_namespace,
        updated_monotonic_ns: system::monotonic_now_ns(),
        ..ReaderSlot::ZERO
    };
    for (to, from) in slot.name.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let claim = load_word(file, CLAIMS_AT)?.wrapping_add(1).max(1);
    store_word(file, at + CLAIM_AT, 0)?;
    store(file, at, &mut slot)?;
    store_word(file, CLAIMS_AT, claim)?;
    store_word(file, at + CLAIM_AT, claim)?;
    Ok(claim)
}

/// Field 22 of /proc/PID/stat; None when there is no such process.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field may hold anything, also spaces and brackets: it ends with the
    // last bracket.
    let behind = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let rest = str::from_utf8(&stat[behind..]).ok()?;
    rest.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

/// Inode of this process's pid namespace.
fn pid_namespace() -> io::Result<u64> {
    Ok(std::fs::metadata("/proc/self/ns/pid")?.ino())
}

fn load_word(file: &File, at: u64) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, at)?;
    Ok(u64::from_le_bytes(bytes))
}

fn store_word(file: &File, at: u64, word: u64) -> io::Result<()> {
    file.write_all_at(&word.to_le_bytes(), at)
}

fn load<T: Plain>(file: &File, at: u64, out: &mut T) -> io::Result<()> {
    let mut bytes = [0; READER_SLOT_SIZE];
    file.read_exact_at(&mut bytes[..size_of::<T>()], at)?;
    for (word, from) in words_of(out).iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*from);
    }
    Ok(())
}

fn store<T: Plain>(file: &File, at: u64, value: &mut T) -> io::Result<()> {
    let bytes: Vec<u8> = words_of(value)
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .collect();
    file.write_all_at(&bytes, at)
}
