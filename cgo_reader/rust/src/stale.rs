//! Judging from outside whether the writer's hot thread turns.

use crate::layout::STALE_AFTER_NS;

/// Of a gap between two looks no more than this counts, half of the time after which
/// a still heartbeat is stale: the reader itself may have been stopped.
const LONG_GAP_NS: i64 = STALE_AFTER_NS as i64 / 2;

/// Compares the hot heartbeat with its own earlier value over this reader's own
/// clock. No two clocks are compared, so containers and time namespaces do not
/// matter.
#[derive(Debug)]
pub(crate) struct Watch {
    beat: u64,
    still_ns: i64,
    looked_at_ns: i64,
    stale: bool,
}

impl Watch {
    pub(crate) fn new(beat: u64, now_ns: i64) -> Watch {
        Watch {
            beat,
            still_ns: 0,
            looked_at_ns: now_ns,
            stale: false,
        }
    }

    /// Takes a look. A reader that was stopped together with the publisher looks
    /// again before it judges; one whose looks are always far apart is told all
    /// the same.
    pub(crate) fn look(&mut self, beat: u64, now_ns: i64) -> bool {
        let gap = now_ns - self.looked_at_ns;
        self.looked_at_ns = now_ns;
        if beat != self.beat {
            self.beat = beat;
            self.still_ns = 0;
            self.stale = false;
        } else {
            self.still_ns += gap.min(LONG_GAP_NS);
            self.stale = self.still_ns >= STALE_AFTER_NS as i64;
        }
        self.stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Intent: a heartbeat that stands still for a second is stale, not before,
    /// and fresh again with its next beat.
    #[test]
    fn a_still_heartbeat_is_stale_after_a_second_and_reversible() {
        let mut watch = Watch::new(7, 0);
        for now in (0..1000).step_by(50) {
            assert!(!watch.look(7, now * MS), "at {now} ms");
        }
        assert!(watch.look(7, 1000 * MS));
        assert!(
            watch.look(7, 1900 * MS),
            "a long gap does not make it fresh"
        );
        assert!(!watch.look(8, 1901 * MS));
    }

    /// Intent: a reader that was stopped with the publisher does not judge by the
    /// time it slept.
    #[test]
    fn a_reader_that_was_stopped_looks_again_before_it_judges() {
        let mut watch = Watch::new(7, 0);
        assert!(!watch.look(7, 10_000 * MS));
        assert!(!watch.look(7, 10_001 * MS));
        assert!(!watch.look(7, 10_400 * MS));
        assert!(!watch.look(7, 10_450 * MS));
        assert!(watch.look(7, 10_501 * MS));
    }

    /// Intent: a reader that looks seldom still learns of a dead publisher.
    #[test]
    fn a_slow_poller_is_told_too() {
        let mut watch = Watch::new(7, 0);
        let told = (1..=4).any(|turn| watch.look(7, turn * 900 * MS));
        assert!(told);
    }
}
