//! Why a segment could not be attached.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a segment could not be attached. Each header fault has its own variant;
/// the text says what is wrong and, where there is something to do, what.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttachError {
    /// The feed's name is empty, too long, or names a path.
    FeedName(String),
    /// There is no such feed: nothing publishes under that name.
    NotFound(PathBuf),
    /// The file may not be read by this user.
    Permission(PathBuf),
    /// The file is a directory, a device, a pipe.
    NotRegular(PathBuf),
    /// A stranger's file in a directory that everybody may write to: its owner.
    Owner(PathBuf, u32),
    /// The segment bears another name than the file: the one found.
    OtherFeed(PathBuf, String),
    /// There is no such instrument to filter by.
    NoInstrument(String),
    /// What the C library said: its TICKRING_E number and its words.
    Library(i32, PathBuf, String),
    /// Opening, reading or mapping failed in another way.
    Io(&'static str, PathBuf, io::Error),
    /// Shorter than a header: its bytes.
    TooShort(u64),
    /// Its publisher has not finished making it.
    NotReady,
    /// No tickring segment: the magic found.
    Magic(u64),
    /// Written in another byte order: the tag found.
    ByteOrder(u32),
    /// Another layout version: the one found.
    Version(u32),
    /// Another build of the format: the hash found.
    FormatHash(u64),
    /// Shorter than its header says.
    Truncated {
        /// Bytes of the file.
        file: u64,
        /// Bytes the header speaks of.
        header: u64,
    },
    /// Longer than its header says.
    Size {
        /// Bytes of the file.
        file: u64,
        /// Bytes the header speaks of.
        header: u64,
    },
    /// A header field has a value that no publisher writes: its name and value.
    HeaderField(&'static str, u64),
    /// A section does not lie in the segment, or has an impossible size: its
    /// number in the directory, from 1 (0: the directory itself), and what is wrong.
    Directory(u32, &'static str),
    /// Made before the host started: its publisher is gone for good.
    OtherBoot,
    /// Neither live nor ended: the state found.
    State(u32),
}

impl AttachError {
    /// One word for what is wrong, the same for every reader of tickring.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::FeedName(_) => "NAME",
            Self::NotFound(_) => "NO_FEED",
            Self::Permission(_) => "PERMISSION",
            Self::NotRegular(_) => "NOT_REGULAR",
            Self::Owner(..) => "OWNER",
            Self::TooShort(_) => "TOO_SHORT",
            Self::NotReady => "NOT_READY",
            Self::Magic(_) => "MAGIC",
            Self::ByteOrder(_) => "BYTE_ORDER",
            Self::Version(_) => "VERSION",
            Self::HeaderField(..) | Self::State(_) => "HEADER",
            Self::Truncated { .. } => "TRUNCATED",
            Self::Size { .. } => "SIZE",
            Self::FormatHash(_) => "FORMAT_HASH",
            Self::Directory(..) => "DIRECTORY",
            Self::OtherBoot => "OTHER_BOOT",
            Self::OtherFeed(..) => "OTHER_FEED",
            Self::NoInstrument(_) => "NO_INSTRUMENT",
            Self::Io(..) => "SYSTEM",
            Self::Library(code, ..) => library_word(*code),
        }
    }
}

/// The words for the C library's error numbers, from -1 down.
const LIBRARY_WORDS: [&str; 23] = [
    "ARGUMENT",
    "NAME",
    "NO_FEED",
    "PERMISSION",
    "NOT_REGULAR",
    "OWNER",
    "TOO_SHORT",
    "NOT_READY",
    "MAGIC",
    "BYTE_ORDER",
    "VERSION",
    "HEADER",
    "TRUNCATED",
    "SIZE",
    "FORMAT_HASH",
    "HEADER",
    "DIRECTORY",
    "OTHER_BOOT",
    "OTHER_FEED",
    "MEMORY",
    "SYSTEM",
    "SAME_GENERATION",
    "NO_INSTRUMENT",
];

fn library_word(code: i32) -> &'static str {
    let index = code.unsigned_abs().wrapping_sub(1) as usize;
    LIBRARY_WORDS.get(index).copied().unwrap_or("SYSTEM")
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FeedName(name) => {
                write!(
                    f,
                    "feed name {name:?}: must have 1 to 63 of A-Z a-z 0-9 . _ - and no '.' first"
                )
            }
            Self::NotFound(path) => {
                write!(
                    f,
                    "no such feed: {}: is its publisher running?",
                    path.display()
                )
            }
            Self::Permission(path) => write!(
                f,
                "no permission to read {}: join the group of the file",
                path.display()
            ),
            Self::NotRegular(path) => write!(f, "{} is not a regular file", path.display()),
            Self::Owner(path, user) => write!(
                f,
                "{} belongs to user {user}, in a directory that everybody may write to: \
                 use a directory of the publisher's own",
                path.display()
            ),
            Self::OtherFeed(path, found) => write!(
                f,
                "{} holds the segment of feed {found:?}: was it renamed?",
                path.display()
            ),
            Self::NoInstrument(symbol) => {
                write!(
                    f,
                    "no instrument {symbol:?}: see tickring ls for those of the feed"
                )
            }
            Self::Library(_, path, words) => write!(f, "{}: {words}", path.display()),
            Self::Io(verb, path, error) => write!(f, "{verb} {}: {error}", path.display()),
            fault => fault.write_header_fault(f),
        }
    }
}

impl AttachError {
    /// The text of a fault that lies in the header.
    fn write_header_fault(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::layout::{FORMAT_HASH, LAYOUT_VERSION};
        match self {
            Self::TooShort(size) => {
                write!(f, "segment of {size} bytes: too short for its header")
            }
            Self::NotReady => f.write_str("segment is not ready: its publisher is still making it"),
            Self::Magic(found) => write!(f, "no tickring segment: magic {found:#018x}"),
            Self::ByteOrder(found) => {
                write!(
                    f,
                    "segment was written in another byte order: tag {found:#010x}"
                )
            }
            Self::Version(found) => write!(
                f,
                "segment has layout version {found}, this reader knows {LAYOUT_VERSION}: \
                 use the reader that came with its publisher"
            ),
            Self::FormatHash(found) => write!(
                f,
                "segment has format hash {found:#018x}, this reader knows {FORMAT_HASH:#018x}: \
                 reader and publisher are of different builds"
            ),
            Self::Truncated { file, header } => {
                write!(
                    f,
                    "segment is truncated: {file} bytes of the {header} in its header"
                )
            }
            Self::Size { file, header } => {
                write!(
                    f,
                    "segment is too long: {file} bytes, its header says {header}"
                )
            }
            Self::HeaderField(name, value) => {
                write!(f, "segment header is damaged: {name} is {value}")
            }
            Self::Directory(kind, what) => {
                write!(f, "segment directory is damaged: section {kind} {what}")
            }
            Self::OtherBoot => {
                f.write_str("segment was made before this host started: its publisher is gone")
            }
            Self::State(found) => write!(f, "segment header is damaged: state {found}"),
            _ => f.write_str(self.word()), // those of files have their text elsewhere
        }
    }
}

impl std::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, _, error) => Some(error),
            _ => None,
        }
    }
}
