//! Names of feeds, paths and hosts, and whose files are to be trusted.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::AttachError;
use crate::system;

/// Where feeds live when neither the call nor TICKRING_DIR says otherwise.
const DEFAULT_DIR: &str = "/dev/shm/tickring";
/// The longest feed name: what the header holds, with its zero.
const MAX_FEED_NAME: usize = 63;
/// The kernel's name for this boot.
pub(crate) const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";
/// The permission of everybody to write.
const WRITABLE_BY_ALL: u32 = 0o002;

/// The path of a feed: in `dir`, else in TICKRING_DIR, else in the default.
pub(crate) fn path_of(dir: Option<&Path>, feed: &str) -> Result<PathBuf, AttachError> {
    let fits = (1..=MAX_FEED_NAME).contains(&feed.len()) && !feed.starts_with('.');
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    if !fits || !feed.bytes().all(plain) {
        return Err(AttachError::FeedName(feed.to_owned()));
    }
    let dir = match dir {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_path_buf(),
        _ => std::env::var_os("TICKRING_DIR")
            .filter(|value| !value.is_empty())
            .map_or_else(|| PathBuf::from(DEFAULT_DIR), PathBuf::from),
    };
    Ok(dir.join(feed))
}

/// This boot's id, 16 bytes in the order of the text.
pub(crate) fn boot_id() -> io::Result<[u8; 16]> {
    let text = std::fs::read_to_string(BOOT_ID_FILE)?;
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let id = u128::from_str_radix(&digits, 16).map_err(io::Error::other)?;
    Ok(id.to_be_bytes())
}

/// The owner of a file that somebody else could have put where everybody may write;
/// None where it is to be trusted.
pub(crate) fn stranger(path: &Path, about: &Metadata) -> io::Result<Option<u32>> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let dir = std::fs::metadata(parent.unwrap_or(Path::new(".")))?;
    let known = [0, dir.uid(), system::effective_user()].contains(&about.uid());
    let open_to_all = dir.permissions().mode() & WRITABLE_BY_ALL != 0;
    Ok((open_to_all && !known).then(|| about.uid()))
}
