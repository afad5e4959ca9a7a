package tickring;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import tickring.Layout.Answer;
import tickring.Layout.Flags;
import tickring.Layout.HeaderAt;
import tickring.Layout.Kind;
import tickring.Layout.RecordAt;
import tickring.Layout.State;

/** The protocol of docs/format.md over one segment: a private cursor and its answers. */
final class Cursor {
    static final int WHOLE = Layout.RECORD_SIZE / Long.BYTES;
    static final int HEAD = WHOLE / 2;
    /** A hint further than this beyond the slot's record is damage. */
    private static final long HINT_MAX = 1L << 40;
    /** The most of the time between two looks that counts as standing still. */
    private static final long LOOK_MAX_NS = 500_000_000;
    /** Between two looks at the file, half a microsecond each: how long a fault may be overlooked. */
    private static final long SIZE_EVERY_NS = 10_000_000;
    private static final int RECORD_SHIFT = 7;

    /** Totals; they go on over a move to another segment. */
    static final class Totals {
        long lost;
        long overruns;
        long torn;
        long skippedDepth;
    }

    final Segment segment;
    final TickringRecord record;
    final Totals totals;
    long lost;
    private final Memory memory;
    private final long ring;
    private final long mask;
    private Filter filter;
    private long next;
    private boolean resuming;
    private boolean damaged;
    private boolean cut;
    private boolean odd;
    private boolean stale;
    private boolean looked;
    private long beat;
    private long stillNs;
    private long lookNs;
    private long sizeNs;

    Cursor(Segment segment, TickringRecord record, Totals totals, Filter filter) {
        this.segment = segment;
        this.record = record;
        this.totals = totals;
        this.filter = filter;
        memory = segment.memory;
        ring = segment.ringAt;
        mask = segment.slots - 1;
        sizeNs = System.nanoTime();
        fromOldest();
    }

    void filter(Filter wanted) {
        filter = wanted;
    }

    boolean isDamaged() {
        return damaged;
    }

    /** Whether the file was cut short: nothing of it must be read any more. */
    boolean isCut() {
        return cut;
    }

    boolean isStale() {
        return stale;
    }

    /** What makes no sense may be what a load did not load: its error is thrown here. */
    private Answer damage() {
        damaged = true;
        Memory.deliver();
        return Answer.DAMAGED;
    }

    /** An error of the virtual machine: that of a page that is gone is damage. */
    Answer fault(InternalError error) {
        if (!Memory.isFault(error)) {
            throw error;
        }
        cut = true;
        damaged = true;
        return Answer.DAMAGED;
    }

    /** Looks whether the file was cut; throws the fault of a load before. */
    void checkFile() {
        if (!cut) {
            sizeNs = System.nanoTime();
            Memory.deliver();
            cut = segment.isShrunk();
            damaged |= cut;
        }
    }

    /** The same at a sign that the header is gone, and every 10 ms. */
    void checkFileSometimes() {
        if (seemsCut() || System.nanoTime() - sizeNs >= SIZE_EVERY_NS) {
            checkFile();
        }
    }

    /**
     * Loads two words of the header that never change, in turn: a load of a page that is gone loads
     * nothing, and what the one before it loaded is the other word.
     */
    boolean seemsCut() {
        if (cut) {
            return false;
        }
        odd = !odd;
        long word = memory.relaxed(odd ? HeaderAt.MAGIC : HeaderAt.FORMAT_HASH);
        return word != (odd ? Layout.MAGIC : Layout.FORMAT_HASH);
    }

    // Positions.

    long position() {
        return next;
    }

    long lastSequence() {
        return memory.acquire(HeaderAt.LAST_SEQUENCE);
    }

    /** A sequence of the header; one beyond every sequence is damage, and reads as 0. */
    private long believe(long sequence) {
        if (Long.compareUnsigned(sequence, Layout.MAX_SEQUENCE) <= 0) {
            return sequence;
        }
        damaged = true;
        return 0;
    }

    private long margin() {
        return Math.max(segment.slots / 8, 2);
    }

    void fromOldest() {
        long last = believe(lastSequence());
        resuming = last >= segment.slots;
        next = resuming ? last - segment.slots + margin() : 1;
    }

    private long standBehind(long word) {
        long sequence = believe(word);
        next = Math.min(sequence + 1, Layout.MAX_SEQUENCE);
        resuming = false;
        return sequence;
    }

    void fromLatest() {
        standBehind(lastSequence());
    }

    /** Goes behind the watermark, which it returns. */
    long fromWatermark() {
        return standBehind(memory.acquire(HeaderAt.WATERMARK));
    }

    long lag() {
        long last = lastSequence();
        boolean ahead = last >= next && last <= Layout.MAX_SEQUENCE;
        return ahead ? last - next + 1 : 0;
    }

    // Reading.

    private long slot(long sequence) {
        return ring + ((sequence & mask) << RECORD_SHIFT);
    }

    /** Whether next would not say EMPTY. */
    boolean isReady() {
        return Long.compareUnsigned(memory.acquire(slot(next)), 2 * next) >= 0;
    }

    /** Copies the next record that passes, its first words alone if asked for. */
    Answer next(int words) {
        while (!damaged) {
            Answer answer = fetch(words);
            if (answer == Answer.RECORD) {
                if (!resuming || !leavesOut()) {
                    return answer;
                }
            } else if (answer == Answer.EMPTY) {
                answer = idle();
                if (answer != Answer.RECORD) {
                    return answer;
                }
            } else if (answer != null) {
                return answer;
            }
        }
        return Answer.DAMAGED;
    }

    /** As next of one record; null: the filter does not want it. */
    private Answer fetch(int words) {
        long n = next;
        long slot = slot(n);
        ByteBuffer piece = memory.piece(slot);
        int at = Memory.index(slot);
        long mark = Memory.acquire(piece, at);
        if (mark != 2 * n) {
            return Long.compareUnsigned(mark, 2 * n) < 0 ? Answer.EMPTY : overrun(mark);
        }
        if (filter != null && !resuming && !filter.passes(Memory.relaxed(piece, at + RecordAt.KIND), segment)) {
            return passOver(piece, at, mark);
        }
        long again = Memory.copyAndLookAgain(piece, at, record.words, words);
        if (again != mark) {
            totals.torn++;
            return overrun(again);
        }
        record.words[0] = mark;
        if (!record.isSane(words == WHOLE)) {
            return damage();
        }
        next = n + 1;
        return Answer.RECORD;
    }

    /** Goes on without a copy, because what decides stands in one word; null: it is done. */
    private Answer passOver(ByteBuffer piece, int at, long mark) {
        VarHandle.acquireFence();
        long again = Memory.relaxed(piece, at);
        if (again != mark) {
            totals.torn++;
            return overrun(again);
        }
        next++;
        return null;
    }

    /** Behind a loss: the rest of a depth event is dropped, then what the filter does not want. */
    private boolean leavesOut() {
        if (record.kindValue() == Kind.DEPTH.value && (record.flags() & Flags.FIRST) == 0) {
            totals.skippedDepth++;
            return true;
        }
        resuming = false;
        return filter != null && !filter.passes(record.words[1], segment);
    }

    /** The slot has a mark that is not 2n: go on behind what is lost. */
    private Answer overrun(long mark) {
        long n = next;
        long m = (mark >>> 1) + (mark & 1);
        long hint = lastSequence();
        boolean impossible = Long.compareUnsigned(m, Layout.MAX_SEQUENCE) > 0
                || Long.compareUnsigned(hint, Layout.MAX_SEQUENCE) > 0
                || m <= n || ((m ^ n) & mask) != 0 || hint > m + HINT_MAX;
        checkFile();
        if (impossible || damaged) {
            return damage();
        }
        long to = Math.max(hint, m) - segment.slots + margin();
        lost = to - n;
        totals.lost += lost;
        totals.overruns++;
        next = to;
        resuming = true;
        return Answer.OVERRUN;
    }

    /** What an empty slot means; RECORD: it has filled meanwhile. */
    Answer idle() {
        look();
        Answer answer = damaged ? Answer.DAMAGED : state();
        if (seemsCut()) { // the last loads of all: whatever was not loaded before them is noticed
            checkFile();
        }
        return damaged ? Answer.DAMAGED : answer;
    }

    private Answer state() {
        int state = memory.acquireInt(HeaderAt.STATE);
        if (state == State.LIVE.value) {
            return stale ? Answer.STALE : Answer.EMPTY;
        }
        if (isReady()) { // records stored before the state are seen now
            return Answer.RECORD;
        }
        if (state == State.CLOSED.value) {
            return Answer.CLOSED;
        }
        return state == State.SUPERSEDED.value ? Answer.SUPERSEDED : damage();
    }

    /**
     * One look at heartbeat and file. Of the time between two looks at most half a second counts,
     * so that a reader that was stopped itself looks again before it judges.
     */
    private void look() {
        long now = System.nanoTime();
        if (now - sizeNs >= SIZE_EVERY_NS) {
            checkFile();
            if (damaged) {
                return;
            }
        }
        long moved = memory.relaxed(HeaderAt.HOT_HEARTBEAT);
        if (!looked || moved != beat) {
            looked = true;
            beat = moved;
            stillNs = 0;
            stale = false;
        } else if (!stale) {
            stillNs += Math.min(now - lookNs, LOOK_MAX_NS);
            stale = stillNs >= Layout.STALE_AFTER_NS;
        }
        lookNs = now;
    }
}
