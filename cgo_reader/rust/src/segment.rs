//! A segment that passed every check: its memory and where its sections lie.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::error::AttachError;
use crate::layout::{self, Header, Section};
use crate::memory::{Mapping, Memory};
use crate::names::{self, BOOT_ID_FILE};
use crate::record::unpadded;
use crate::view;

/// Sections start on a pair of cache lines at least.
const SECTION_STEP: u64 = 128;
const HEADER_WORDS: usize = layout::HEADER_SIZE / 8;

/// A table in the segment, in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// First word.
    pub(crate) base: usize,
    /// Words an entry.
    stride: usize,
    /// Entries.
    pub(crate) count: usize,
}

impl Table {
    /// First word of entry `row`; None beyond the table.
    pub(crate) fn row(&self, row: usize) -> Option<usize> {
        (row < self.count).then(|| self.base + row * self.stride)
    }
}

/// An attached segment. What is here was checked on a private copy of the
/// header: nothing another process does afterwards changes it.
pub(crate) struct Segment {
    pub(crate) memory: Memory,
    pub(crate) header: Header,
    pub(crate) instruments: Table,
    pub(crate) states: Table,
    pub(crate) connections: Table,
    pub(crate) board: Table,
    pub(crate) books: Table,
    pub(crate) ring: Table,
}

impl Segment {
    /// Opens, checks and maps a file, read-only. With `feed` it must bear that name.
    pub(crate) fn open(path: &Path, feed: Option<&[u8]>) -> Result<Segment, AttachError> {
        let (file, size) = open_regular(path)?;
        let io_error = |verb| move |error| AttachError::Io(verb, path.to_path_buf(), error);
        if size < layout::HEADER_SIZE as u64 {
            return Err(AttachError::TooShort(size));
        }
        let mut bytes = [0u8; HEADER_WORDS * 8];
        file.read_exact_at(&mut bytes, 0)
            .map_err(io_error("read"))?;
        let (chunks, _) = bytes.as_chunks::<8>();
        let words: [u64; HEADER_WORDS] = std::array::from_fn(|i| u64::from_le_bytes(chunks[i]));
        let header = check_header(&words, size)?;
        let boot = names::boot_id();
        if header.boot_id != boot.map_err(|e| AttachError::Io("read", BOOT_ID_FILE.into(), e))? {
            return Err(AttachError::OtherBoot);
        }
        if feed.is_some_and(|feed| feed != unpadded(&header.feed)) {
            let found = String::from_utf8_lossy(unpadded(&header.feed)).into_owned();
            return Err(AttachError::OtherFeed(path.to_path_buf(), found));
        }
        let size = usize::try_from(size).map_err(|_| AttachError::TooShort(size))?;
        let mapping = Mapping::new(file, size).map_err(io_error("map"))?;
        Ok(Segment::new(Memory::Mapped(mapping), header))
    }

    /// Checks a segment that lies in this process's own memory. The boot is not
    /// looked at: a saved copy of another host may be read too.
    pub(crate) fn over(words: Arc<[AtomicU64]>) -> Result<Segment, AttachError> {
        let size = size_of_val(&*words) as u64;
        if size < layout::HEADER_SIZE as u64 {
            return Err(AttachError::TooShort(size));
        }
        let memory = Memory::Shared(words);
        let mut copy = [0u64; HEADER_WORDS];
        // The magic is stored last and read first: whoever sees it sees the rest.
        copy[0] = memory.acquire(0);
        memory.copy(1, &mut copy[1..]);
        let header = check_header(&copy, size)?;
        Ok(Segment::new(memory, header))
    }

    fn new(memory: Memory, header: Header) -> Segment {
        let table = |kind: u32| {
            let section = &header.directory[kind as usize - 1];
            Table {
                base: section.offset as usize / 8,
                stride: section.entry_size as usize / 8,
                count: section.count as usize,
            }
        };
        Segment {
            instruments: table(layout::SECTION_INSTRUMENTS),
            states: table(layout::SECTION_INSTRUMENT_STATES),
            connections: table(layout::SECTION_CONNECTIONS),
            board: table(layout::SECTION_BOARD),
            books: table(layout::SECTION_BOOKS),
            ring: table(layout::SECTION_RING),
            memory,
            header,
        }
    }
}

/// Opens without waiting for anything (a pipe would block) and without following a
/// link, and refuses all but regular files, and strangers' files where anybody could
/// have put them.
fn open_regular(path: &Path) -> Result<(File, u64), AttachError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| open_error(path, error))?;
    let about = file
        .metadata()
        .map_err(|error| AttachError::Io("stat", path.to_path_buf(), error))?;
    if !about.is_file() {
        return Err(AttachError::NotRegular(path.to_path_buf()));
    }
    match names::stranger(path, &about) {
        Ok(None) => Ok((file, about.len())),
        Ok(Some(user)) => Err(AttachError::Owner(path.to_path_buf(), user)),
        Err(error) => Err(open_error(path, error)),
    }
}

fn open_error(path: &Path, error: io::Error) -> AttachError {
    let path = path.to_path_buf();
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => AttachError::NotFound(path),
        Some(libc::EACCES | libc::EPERM) => AttachError::Permission(path),
        Some(libc::ELOOP | libc::ENXIO | libc::ENODEV) => AttachError::NotRegular(path),
        _ => AttachError::Io("open", path, error),
    }
}

fn check_header(words: &[u64; HEADER_WORDS], size: u64) -> Result<Header, AttachError> {
    let header: Header = *view::view(words);
    match header.magic {
        layout::MAGIC => {}
        0 => return Err(AttachError::NotReady),
        other => return Err(AttachError::Magic(other)),
    }
    if header.byte_order != layout::BYTE_ORDER_TAG {
        return Err(AttachError::ByteOrder(header.byte_order));
    }
    if header.layout_version != layout::LAYOUT_VERSION {
        return Err(AttachError::Version(header.layout_version));
    }
    if header.header_size as usize != layout::HEADER_SIZE {
        return Err(AttachError::HeaderField(
            "header size",
            header.header_size.into(),
        ));
    }
    if header.total_size > size {
        return Err(AttachError::Truncated {
            file: size,
            header: header.total_size,
        });
    }
    if header.total_size < size {
        return Err(AttachError::Size {
            file: size,
            header: header.total_size,
        });
    }
    if header.format_hash != layout::FORMAT_HASH {
        return Err(AttachError::FormatHash(header.format_hash));
    }
    if header.generation == 0 {
        return Err(AttachError::HeaderField("generation", 0));
    }
    match header.state {
        layout::STATE_INITIALISING => return Err(AttachError::NotReady),
        layout::STATE_LIVE | layout::STATE_CLOSED | layout::STATE_SUPERSEDED => {}
        other => return Err(AttachError::State(other)),
    }
    check_directory(&header)?;
    Ok(header)
}

/// Every entry against the total size before any is used.
fn check_directory(header: &Header) -> Result<(), AttachError> {
    if header.directory_count as usize != layout::DIRECTORY_ENTRIES {
        return Err(AttachError::Directory(0, "has another count than six"));
    }
    if !(1..=layout::MAX_BOOK_DEPTH).contains(&header.book_depth.into()) {
        return Err(AttachError::HeaderField(
            "book depth",
            header.book_depth.into(),
        ));
    }
    let sizes = [
        layout::INSTRUMENT_SIZE,
        layout::INSTRUMENT_STATE_SIZE,
        layout::CONNECTION_SIZE,
        layout::BOARD_ENTRY_SIZE,
        layout::BOOK_HEADER_SIZE + 2 * header.book_depth as usize * layout::LEVEL_SIZE,
        layout::RECORD_SIZE,
    ];
    let mut end = layout::HEADER_SIZE as u64;
    for (kind, (section, size)) in (1..).zip(header.directory.iter().zip(sizes)) {
        end = check_section(section, kind, size, end, header.total_size)
            .map_err(|what| AttachError::Directory(kind, what))?;
    }
    check_counts(&header.directory).map_err(|(kind, what)| AttachError::Directory(kind, what))
}

/// Checks one section, which may not start before `start`; gives its end.
fn check_section(
    section: &Section,
    kind: u32,
    entry_size: usize,
    start: u64,
    total: u64,
) -> Result<u64, &'static str> {
    if section.kind != kind {
        return Err("is of another kind");
    }
    if section.entry_size as usize != entry_size {
        return Err("has entries of another size");
    }
    if section.count == 0 || section.count > layout::MAX_SLOTS {
        return Err("has an impossible number of entries");
    }
    if !section.offset.is_multiple_of(SECTION_STEP) {
        return Err("is not aligned");
    }
    if section.offset < start {
        return Err("overlaps what is before it");
    }
    // The count is bounded, so the product cannot overflow; the sum may.
    let bytes = section.count * u64::from(section.entry_size);
    match section.offset.checked_add(bytes) {
        Some(end) if end <= total => Ok(end),
        _ => Err("does not lie within the segment"),
    }
}

fn check_counts(directory: &[Section]) -> Result<(), (u32, &'static str)> {
    let count = |kind: u32| directory[kind as usize - 1].count;
    let instruments = count(layout::SECTION_INSTRUMENTS);
    if instruments > layout::MAX_INSTRUMENTS {
        return Err((layout::SECTION_INSTRUMENTS, "has too many entries"));
    }
    for kind in [
        layout::SECTION_INSTRUMENT_STATES,
        layout::SECTION_BOARD,
        layout::SECTION_BOOKS,
    ] {
        if count(kind) != instruments {
            return Err((kind, "has another count than the instruments"));
        }
    }
    if count(layout::SECTION_CONNECTIONS) > layout::MAX_CONNECTIONS {
        return Err((layout::SECTION_CONNECTIONS, "has too many entries"));
    }
    let slots = count(layout::SECTION_RING);
    if slots < layout::MIN_SLOTS || !slots.is_power_of_two() {
        return Err((layout::SECTION_RING, "has a count that is no power of two"));
    }
    Ok(())
}
