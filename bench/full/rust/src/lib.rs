//! What the Rust programs of the bench share: the counter that all processes stamp
//! with, pinning, and the samples that a reader prints.

use std::io::{self, Write};

/// When a message was sent, when it was due, and when the reader had it, in ticks.
pub type Sample = [i64; 3];

/// The time stamp counter, read after all earlier loads are done.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn ticks() -> i64 {
    // SAFETY: both instructions are there on every x86-64.
    unsafe {
        std::arch::x86_64::_mm_lfence();
        std::arch::x86_64::_rdtsc() as i64
    }
}

/// Unix ns, where the other programs stamp with that.
#[cfg(not(target_arch = "x86_64"))]
pub fn ticks() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |t| t.as_nanos() as i64)
}

/// Binds the calling thread to a CPU, and ends the process with the one that started it.
pub fn settle(cpu: usize) -> io::Result<()> {
    // SAFETY: the set is initialised, and its size is passed.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set) != 0
    };
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A number of the command line.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}

/// What a reader keeps: so many samples behind so many that do not count.
pub struct Samples {
    kept: Vec<Sample>,
    count: usize,
    warm: u64,
    seen: u64,
}

impl Samples {
    /// Room for count samples behind warm others.
    pub fn new(count: usize, warm: u64) -> Self {
        let mut kept = vec![[1; 3]; count]; // no page fault later
        kept.clear();
        Samples {
            kept,
            count,
            warm,
            seen: 0,
        }
    }

    /// Notes one.
    #[inline(always)]
    pub fn take(&mut self, sample: Sample) {
        self.seen += 1;
        if self.seen > self.warm && self.kept.len() < self.count {
            self.kept.push(sample);
        }
    }

    /// How many were seen, the warm ones included.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Prints "samples N lost L" and N triples of eight-byte numbers.
    pub fn print(&self, lost: u64) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        writeln!(out, "samples {} lost {lost}", self.kept.len())?;
        for value in self.kept.iter().flatten() {
            out.write_all(&value.to_le_bytes())?;
        }
        out.flush()
    }
}
