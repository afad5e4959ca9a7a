//! System calls that the standard library does not offer: the futex, clocks, locks of
//! open file descriptions. One of the modules with `unsafe` code.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Sleeps until the low half of `word` is no longer `seen`, someone wakes its
/// sleepers, or `timeout` is over. May return early.
#[cfg(feature = "native")]
pub(crate) fn futex_wait(
    word: &std::sync::atomic::AtomicU64,
    seen: u32,
    timeout: std::time::Duration,
) {
    let limit = libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as libc::c_long,
    };
    let address = std::ptr::from_ref(word).cast::<u32>();
    // SAFETY: FUTEX_WAIT only reads the 4 bytes at `address`, which lie in a live
    // word (little-endian: its low half), and `limit`, which is ours. The operation
    // is the shared kind, since the waker is another process.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            address,
            libc::FUTEX_WAIT,
            seen,
            &raw const limit,
            std::ptr::null::<u32>(),
            0u32,
        )
    };
}

fn clock(id: libc::clockid_t) -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec, ours; these clocks are in every Linux, so the
    // call cannot fail.
    unsafe { libc::clock_gettime(id, &raw mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Nanoseconds of CLOCK_MONOTONIC_COARSE: steps of a few milliseconds, no system
/// call. Only differences mean anything.
pub(crate) fn coarse_now_ns() -> i64 {
    clock(libc::CLOCK_MONOTONIC_COARSE)
}

/// Nanoseconds of CLOCK_MONOTONIC, which processes of one host may compare.
pub(crate) fn monotonic_now_ns() -> i64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn realtime_now_ns() -> i64 {
    clock(libc::CLOCK_REALTIME)
}

/// This process's effective user.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Takes or gives back a write lock on the first byte of a file, which belongs to the
/// open file description. Never waits: an error of kind WouldBlock when another has it.
pub(crate) fn lock_first_byte(file: &File, take: bool) -> io::Result<()> {
    // SAFETY: flock is integers only, so that zero is a value of it.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = if take { libc::F_WRLCK } else { libc::F_UNLCK } as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_len = 1;
    // SAFETY: the descriptor is open for the length of the call, which reads `lock`.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
