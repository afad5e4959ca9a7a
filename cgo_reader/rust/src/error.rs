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
    /// Opening, reading or mapping failed in another way.
    Io(&'static str, PathBuf, io::Error),
    /// Shorter than a header, or not a whole number of words: its bytes.
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
    /// number in the directory, from 1, and what is wrong.
    Directory(u32, &'static str),
    /// Made before the host started: its publisher is gone for good.
    OtherBoot,
    /// Neither live nor ended: the state found.
    State(u32),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::layout::{FORMAT_HASH, LAYOUT_VERSION};
        match self {
            Self::FeedName(name) => {
                write!(
                    f,
                    "feed name {name:?}: must have 1 to 63 bytes, no '/' and no '.' first"
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
            Self::Io(verb, path, error) => write!(f, "{verb} {}: {error}", path.display()),
            Self::TooShort(size) => {
                write!(
                    f,
                    "segment of {size} bytes: too short for its header, or no whole words"
                )
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
