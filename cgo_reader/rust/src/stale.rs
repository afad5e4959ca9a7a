//! Judging from outside whether the writer's hot thread turns.

use crate::layout::STALE_AFTER_NS;

/// Between two looks further apart than this the reader itself may have been
/// stopped: half of the time after which a still heartbeat counts.
const LONG_GAP_NS: i64 = STALE_AFTER_NS as i64 / 2;

/// Compares the hot heartbeat with its own earlier value over this reader's own
/// clock. No two clocks are compared, so containers and time namespaces do not
/// matter.
#[derive(Debug)]
pub(crate) struct Watch {
    beat: u64,
    moved_at_ns: i64,
    looked_at_ns: i64,
    gap_was_long: bool,
    stale: bool,
}

impl Watch {
    pub(crate) fn new(beat: u64, now_ns: i64) -> Watch {
        Watch {
            beat,
            moved_at_ns: now_ns,
            looked_at_ns: now_ns,
            gap_was_long: false,
            stale: false,
        }
    }

    /// Takes a look. A reader that comes back after a long gap starts its count
    /// anew, for it and the publisher may have been stopped together; one whose
    /// looks are always that far apart is told all the same.
    pub(crate) fn look(&mut self, beat: u64, now_ns: i64) -> bool {
        let gap_is_long = now_ns - self.looked_at_ns >= LONG_GAP_NS;
        self.looked_at_ns = now_ns;
        if beat != self.beat {
            self.beat = beat;
            self.moved_at_ns = now_ns;
            self.stale = false;
        } else if gap_is_long && !self.gap_was_long && !self.stale {
            self.moved_at_ns = now_ns;
        } else {
            self.stale = now_ns - self.moved_at_ns >= STALE_AFTER_NS as i64;
        }
        self.gap_was_long = gap_is_long;
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
        assert!(!watch.look(7, 10_800 * MS));
        assert!(watch.look(7, 11_000 * MS));
    }

    /// Intent: a reader that looks seldom still learns of a dead publisher.
    #[test]
    fn a_slow_poller_is_told_too() {
        let mut watch = Watch::new(7, 0);
        let told = (1..=4).any(|turn| watch.look(7, turn * 900 * MS));
        assert!(told);
    }
}
