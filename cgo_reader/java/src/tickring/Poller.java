package tickring;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import tickring.Layout.Answer;

/**
 * Several feeds as one stream on one clock: of the records that are there it hands out the one
 * that was published first, of equal ones that of the feed which was given first. It does not wait
 * for a feed that has none, so that a quiet venue delays nobody; a record that comes later may
 * therefore carry an earlier time. What becomes of a feed is told before records of any: OVERRUN
 * each time, STALE, CLOSED, SUPERSEDED and DAMAGED once, when they begin; the others go on.
 *
 * <p>The readers are the poller's while it is used. For one thread at a time.
 */
public final class Poller {
    /** One feed's records in a row while another has one: the same bound in every language. */
    private static final int BURST = 1024;
    private static final int SPINS = 200;
    private static final long FIRST_NAP_NS = 20_000;
    private static final long LAST_NAP_NS = 1_000_000;

    private final Reader[] readers;
    private final Answer[] said;
    private final long[] generations;
    private final boolean[] held;
    private int feed = -1;
    private int last = -1;
    private int row;

    /** Reads these, which stay the caller's to close. */
    public Poller(Reader... readers) {
        this.readers = readers.clone();
        said = new Answer[readers.length];
        generations = new long[readers.length];
        held = new boolean[readers.length];
        for (int i = 0; i < readers.length; i++) {
            said[i] = Answer.EMPTY;
            generations[i] = readers[i].generation();
        }
    }

    /** Whose the last answer was, by the order of the readers; -1: nobody's, EMPTY. */
    public int feed() {
        return feed;
    }

    /** The reader of the last answer: its record() is the record, its lost() the loss. */
    public Reader reader() {
        return readers[feed];
    }

    /** The record of the last answer, if that was RECORD. */
    public TickringRecord record() {
        return readers[feed].record();
    }

    /** The next record, or what became of a feed; EMPTY: none has anything to say. */
    public Answer next() {
        for (int i = 0; i < readers.length; i++) {
            if (!held[i]) {
                Answer answer = fill(i);
                if (answer != Answer.EMPTY) {
                    feed = i;
                    return answer;
                }
            }
        }
        feed = choose();
        if (feed < 0) {
            return Answer.EMPTY;
        }
        held[feed] = false;
        return Answer.RECORD;
    }

    /** Holds a record of a feed; what has to be told before it, or EMPTY. */
    private Answer fill(int i) {
        Answer answer = readers[i].next();
        if (answer == Answer.RECORD) {
            held[i] = true;
            said[i] = Answer.EMPTY;
            return Answer.EMPTY;
        }
        if (answer == Answer.OVERRUN) {
            return answer;
        }
        if (readers[i].generation() != generations[i]) {
            generations[i] = readers[i].generation();
            said[i] = Answer.EMPTY;
            return answer;
        }
        boolean begins = answer != said[i];
        said[i] = answer;
        return begins ? answer : Answer.EMPTY;
    }

    private int choose() {
        int chosen = oldest(-1);
        if (chosen >= 0 && chosen == last && row >= BURST) {
            int other = oldest(chosen);
            chosen = other >= 0 ? other : chosen;
        }
        row = chosen == last ? row + 1 : 1;
        last = chosen;
        return chosen;
    }

    private int oldest(int but) {
        int best = -1;
        long time = 0;
        for (int i = 0; i < readers.length; i++) {
            if (held[i] && i != but) {
                long published = readers[i].record().publishTimeNs();
                if (best < 0 || published < time) {
                    best = i;
                    time = published;
                }
            }
        }
        return best;
    }

    /** Waits until next has something to say, at most so long: spins, then sleeps as a reader. */
    public boolean await(Duration time) {
        long limit = time.toNanos();
        long start = System.nanoTime();
        long nap = FIRST_NAP_NS;
        for (int i = 0; ; i++) {
            if (hasNews()) {
                return true;
            }
            long left = limit - (System.nanoTime() - start);
            if (left <= 0 || Thread.currentThread().isInterrupted()) {
                return false;
            }
            if (i < SPINS) {
                Thread.onSpinWait();
                continue;
            }
            LockSupport.parkNanos(Math.min(nap, left));
            nap = Math.min(2 * nap, LAST_NAP_NS);
        }
    }

    private boolean hasNews() {
        for (int i = 0; i < readers.length; i++) {
            if (held[i] || hasNews(i)) {
                return true;
            }
        }
        return false;
    }

    private boolean hasNews(int i) {
        Answer answer = readers[i].peek();
        return answer != Answer.EMPTY && (answer == Answer.RECORD || answer != said[i]
                || readers[i].generation() != generations[i]);
    }
}
