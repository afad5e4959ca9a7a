package tickring;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import tickring.Layout.Answer;
import tickring.Layout.BoardSlot;
import tickring.Layout.ConnectionAt;
import tickring.Layout.Counter;
import tickring.Layout.HeaderAt;
import tickring.Layout.InstrumentStateAt;
import tickring.Layout.Kind;
import tickring.Layout.Source;
import tickring.Layout.State;
import tickring.Layout.StateBit;

/**
 * A private cursor over one feed. The loop is always
 *
 * <pre>{@code
 * switch (reader.next()) {
 *     case RECORD -> use(reader.record());       // whole, and private until the next call
 *     case OVERRUN -> refresh(reader.lost());    // that many records were overwritten
 *     case DAMAGED -> stop();                    // final
 *     default -> reader.await(Duration.ofSeconds(1)); // EMPTY, STALE, CLOSED, SUPERSEDED
 * }
 * }</pre>
 *
 * <p>A reader belongs to one thread at a time; make one for each. Nothing is allocated for a record,
 * nor by board, book, freshWithin and quoteAgeNs of an id while they have something to say; an idle
 * reader allocates 40 bytes each 10 ms, with which it looks for a file that was cut short.
 *
 * <p>A publisher never cuts its file. Where somebody else does, DAMAGED is the answer: at once where
 * the header is gone, else within 10 ms of calls. In that time, and in the moment of the cut, the
 * virtual machine may throw its InternalError ("unsafe memory access") into the caller's code
 * between two calls.
 */
public final class Reader implements AutoCloseable {
    /** How often the name is tried for another generation. */
    private static final long RETRY_NS = 100_000_000;
    /** Records between two looks at the clock of the registration. */
    private static final int TURN = 1024;
    /** Looks at the slot before await sleeps: some ten microseconds. */
    private static final int SPINS = 1000;
    private static final long FIRST_NAP_NS = 20_000;
    private static final long LAST_NAP_NS = 1_000_000;
    private static final int COUNTERS = 64;
    private static final int FRESH_BITS = StateBit.SUBSCRIBED | StateBit.STALE | StateBit.SUSPECT
            | StateBit.RESYNCING | StateBit.REFUSED | StateBit.HALTED;
    /** Kinds by their slot of the board. */
    private static final BoardSlot[] PLACES = new BoardSlot[Kind.PERPETUAL.value + 1];

    static {
        PLACES[Kind.BOOK_TICKER.value] = BoardSlot.BOOK_TICKER;
        PLACES[Kind.TRADE.value] = BoardSlot.TRADE;
        PLACES[Kind.TICKER.value] = BoardSlot.TICKER;
        PLACES[Kind.STATUS.value] = BoardSlot.STATUS;
    }

    /** Is told each entry of the board by a late join. */
    @FunctionalInterface
    public interface BoardVisitor {
        /** The record holds until it returns; it is whole only when the answer is RECORD. */
        void entry(int instrument, BoardSlot slot, Answer answer, TickringRecord record);
    }

    private final Path path;
    private final String feed;
    private final boolean follow;
    private final boolean prefault;
    private final TickringRecord record = new TickringRecord();
    private final TickringRecord entry = new TickringRecord();
    private final Cursor.Totals totals = new Cursor.Totals();
    private final Map<String, Integer> ids = new HashMap<>();
    private Cursor cursor;
    private Segment segment;
    private Filter filter;
    private Registration registration;
    private String name;
    private AttachException moveError;
    /** Sequences that the board covered at a late join, by instrument and slot; null: none. */
    private long[] covered;
    private long coveredTo;
    private boolean untold;
    private long triedNs;
    private long got;
    private long moves;
    private long gotBefore;
    private long lostBefore;
    private int turns;

    Reader(Path path, String feed, Options options) throws AttachException {
        this.path = path;
        this.feed = feed;
        follow = options.follow;
        prefault = options.prefault;
        triedNs = System.nanoTime() - RETRY_NS;
        enter(Segment.open(path, feed, prefault, 0));
    }

    private void enter(Segment entered) throws AttachException {
        segment = entered;
        try {
            cursor = new Cursor(segment, record, totals, filter);
            Memory.deliver();
        } catch (InternalError e) {
            throw new AttachException(AttachException.Code.TRUNCATED, path, e);
        }
    }

    /** How to attach: {@code Reader.options().follow().attach("gateio")}. */
    public static Options options() {
        return new Options();
    }

    /** Ends it, and gives the slot among the readers back. The mapping goes with the garbage. */
    @Override
    public void close() {
        settle();
        if (registration != null) {
            registration.close();
            registration = null;
        }
        segment.close();
    }

    // Reading.

    /**
     * Copies the next record to {@link #record}, or says why there is none. Never waits. With
     * follow, SUPERSEDED and another {@link #generation} than before is a move: ids of instruments
     * are to be found again.
     */
    public Answer next() {
        try {
            return step(Cursor.WHOLE);
        } catch (InternalError e) {
            return cursor.fault(e);
        }
    }

    /** As next, from the first 64 bytes alone: a book ticker's or a trade's numbers. */
    public Answer nextHead() {
        try {
            record.clearSecondHalf();
            return step(Cursor.HEAD);
        } catch (InternalError e) {
            return cursor.fault(e);
        }
    }

    private Answer step(int words) {
        if (untold) {
            untold = false;
            return Answer.SUPERSEDED;
        }
        for (;;) {
            Answer answer = cursor.next(words);
            if (answer == Answer.RECORD) {
                if (covered != null && isCovered()) {
                    continue;
                }
                got++;
                if (++turns >= TURN) {
                    look();
                }
                return answer;
            }
            if (registration != null) {
                tell(false);
            }
            return follow && hasMoved(answer) ? Answer.SUPERSEDED : answer;
        }
    }

    /** What else there is to do while records come without end. */
    private void look() {
        turns = 0;
        cursor.checkFileSometimes();
        if (registration != null) {
            tell(false);
        }
    }

    /** Takes the error of a load before, so that it is thrown into nothing else. */
    private void settle() {
        try {
            Memory.deliver();
        } catch (InternalError e) {
            cursor.fault(e);
        }
    }

    private boolean isCovered() {
        long sequence = record.sequence();
        if (sequence > coveredTo) {
            covered = null;
            return false;
        }
        BoardSlot place = PLACES[record.kindValue()];
        int at = record.instrument() * BoardSlot.values().length + (place == null ? 0 : place.value);
        return place != null && at < covered.length && sequence <= covered[at];
    }

    /** The record that next has read: this reader's only one, filled anew by each call. */
    public TickringRecord record() {
        return record;
    }

    /** How many records the last OVERRUN cost. */
    public long lost() {
        return cursor.lost;
    }

    /**
     * Waits until next has something to say, at most so long. It spins, then sleeps for 20
     * microseconds to a millisecond at a time: Java cannot wait on the doorbell. RECORD: next will
     * not say EMPTY; EMPTY: the time is over, or the thread was interrupted. With follow it waits
     * through an end for the next generation.
     */
    public Answer await(Duration time) {
        try {
            return sleep(time.toNanos());
        } catch (InternalError e) {
            return cursor.fault(e);
        }
    }

    private Answer sleep(long limitNs) {
        for (int i = 0; i < SPINS; i++) {
            if (untold || cursor.isDamaged() || cursor.isReady()) {
                return glance();
            }
            Thread.onSpinWait();
        }
        boolean knownStale = cursor.isStale();
        long start = System.nanoTime();
        for (long nap = FIRST_NAP_NS; ; nap = Math.min(2 * nap, LAST_NAP_NS)) {
            Answer answer = glance();
            boolean waits = answer == Answer.EMPTY || answer == Answer.STALE && knownStale
                    || follow && (answer == Answer.CLOSED || answer == Answer.SUPERSEDED && !untold);
            long left = limitNs - (System.nanoTime() - start);
            if (!waits || left <= 0 || Thread.currentThread().isInterrupted()) {
                return answer;
            }
            LockSupport.parkNanos(Math.min(nap, left));
        }
    }

    /** As glance, where a page that is gone is damage. */
    Answer peek() {
        try {
            return glance();
        } catch (InternalError e) {
            return cursor.fault(e);
        }
    }

    /** What next would say, but for losses and what is left out: RECORD when there is anything. */
    Answer glance() {
        if (cursor.isDamaged()) {
            return Answer.DAMAGED;
        }
        if (untold) {
            return Answer.SUPERSEDED;
        }
        if (cursor.isReady()) {
            return checked(Answer.RECORD);
        }
        if (registration != null) {
            tell(false);
        }
        Answer answer = cursor.idle();
        untold = follow && hasMoved(answer);
        return untold ? Answer.SUPERSEDED : answer;
    }

    // Another generation.

    /** For a reader that follows: tries the name at an end, at most every 100 ms. */
    private boolean hasMoved(Answer answer) {
        boolean ends = answer == Answer.STALE || answer == Answer.CLOSED || answer == Answer.SUPERSEDED;
        long now = ends ? System.nanoTime() : 0;
        if (!ends || now - triedNs < RETRY_NS) {
            return false;
        }
        triedNs = now;
        try {
            return reattach();
        } catch (AttachException e) {
            moveError = e.code().passes() ? null : e;
            return false;
        }
    }

    /** Why a reader that follows cannot move, if that will not pass by itself; null: nothing. */
    public AttachException moveError() {
        return moveError;
    }

    /**
     * Tries the name again. True: it leads to another generation, at whose oldest record this
     * reader now stands; false: to the same one, or to none.
     *
     * @throws AttachException when there is something that cannot be attached
     */
    public boolean reattach() throws AttachException {
        settle();
        Segment fresh;
        try {
            fresh = Segment.open(path, feed, prefault, segment.generation);
        } catch (AttachException e) {
            if (e.code() == AttachException.Code.NO_FEED) {
                return false;
            }
            throw e;
        }
        if (fresh == null) {
            return false;
        }
        segment.close();
        filter = filter == null ? null : filter.renewed();
        ids.clear();
        covered = null;
        moveError = null;
        moves++;
        gotBefore = got;
        lostBefore = totals.lost;
        enter(fresh);
        register(name);
        return true;
    }

    /** Which segment of the feed this is. */
    public long generation() {
        return segment.generation;
    }

    // What is handed out, and from where on.

    /**
     * Hands out these kinds and symbols only; an empty collection is all of them. Symbols are
     * "BTC/USDT" or the venue's spelling; one that is not in the table yet passes once it is.
     * Records of no single instrument pass by their kind alone.
     */
    public void filter(Collection<Kind> kinds, Collection<String> symbols) {
        filter = Filter.of(kinds, symbols);
        cursor.filter(filter);
    }

    /** Goes to the oldest record that is not about to be overwritten. */
    public void fromOldest() {
        covered = null;
        guarded(() -> {
            cursor.fromOldest();
            return null;
        });
    }

    /** Goes behind the last record of the last whole frame. */
    public void fromLatest() {
        covered = null;
        guarded(() -> {
            cursor.fromLatest();
            return null;
        });
    }

    /**
     * Joins late: tells the visitor the board as it is (entries that were never written are left
     * out), and goes on behind it: records that an entry covers do not come again. After an OVERRUN
     * join again. Returns the watermark from which it goes on.
     */
    public long join(BoardVisitor visitor) {
        return guarded(() -> joined(visitor));
    }

    private long joined(BoardVisitor visitor) {
        long watermark = cursor.fromWatermark();
        BoardSlot[] slots = BoardSlot.values();
        int count = segment.instrumentCount();
        covered = new long[count * slots.length];
        coveredTo = 0;
        for (int id = 0; id < count; id++) {
            for (BoardSlot slot : slots) {
                Answer answer = readBoard(id, slot, entry);
                if (answer == Answer.RECORD) {
                    covered[id * slots.length + slot.value] = entry.sequence();
                    coveredTo = Math.max(coveredTo, entry.sequence());
                }
                if (answer != Answer.EMPTY) {
                    visitor.entry(id, slot, answer, entry);
                }
            }
        }
        return watermark;
    }

    /** Sequence that is expected next. */
    public long position() {
        return cursor.position();
    }

    /** Records of whole frames that are there and not read yet. */
    public long lag() {
        return guarded(cursor::lag);
    }

    /** Totals since attach. */
    public Stats stats() {
        return new Stats(got, totals.lost, totals.overruns, totals.torn, totals.skippedDepth, moves);
    }

    // Naming itself.

    /** Takes a slot in the file of readers; null: none. A refusal is no error. */
    void register(String readerName) {
        if (registration != null) {
            registration.close();
        }
        name = readerName;
        registration = readerName == null ? null : new Registration(path, readerName);
        if (registration != null) {
            tell(true);
        }
    }

    /** Why this reader has no slot in the file of readers; null: it has one, or asked for none. */
    public String registrationRefusal() {
        return registration == null ? null : registration.refusal();
    }

    private void tell(boolean now) {
        registration.tell(now, segment.generation, cursor.position(), got - gotBefore, totals.lost - lostBefore);
    }

    // Tables. They throw DamagedException where the file was cut short.

    private <T> T guarded(Supplier<T> look) {
        InternalError error = null;
        try {
            cursor.checkFile();
            T value = cursor.isCut() ? null : look.get();
            cursor.checkFile();
            if (!cursor.isCut()) {
                return value;
            }
        } catch (InternalError e) {
            cursor.fault(e);
            error = e;
        }
        throw new DamagedException(path, error);
    }

    /** The segment, for those who print it byte by byte. */
    Segment segment() {
        return segment;
    }

    /** Facts of the segment, as they are now. */
    public SegmentInfo info() {
        return guarded(() -> new SegmentInfo(
                Segment.text(segment.feed),
                Segment.text(segment.venue),
                segment.generation,
                Source.of(segment.source),
                State.of(segment.memory.acquireInt(HeaderAt.STATE)),
                segment.slots,
                segment.bookDepth,
                segment.instrumentCount(),
                segment.memory.acquire(HeaderAt.WATERMARK),
                cursor.lastSequence()));
    }

    /** All rows of the instrument table. */
    public List<Instrument> instruments() {
        return guarded(() -> {
            int count = segment.instrumentCount();
            List<Instrument> rows = new ArrayList<>(count);
            for (int id = 0; id < count; id++) {
                rows.add(Instrument.of(id, segment.instrumentRow(id)));
            }
            return rows;
        });
    }

    /** Id of "BTC/USDT" or of the venue's own spelling; -1: none. Holds in one generation. */
    public int find(String symbol) {
        Integer known = ids.get(symbol);
        return known != null ? known : guarded(() -> search(symbol));
    }

    private int search(String symbol) {
        int count = segment.instrumentCount();
        for (int id = 0; id < count; id++) {
            ByteBuffer row = segment.instrumentRow(id);
            if (symbol.equals(Segment.symbol(row)) || symbol.equals(Segment.venueSymbol(row))) {
                ids.put(symbol, id);
                return id;
            }
        }
        return -1;
    }

    /** A row of the instrument table; null: there is none of that id. */
    public Instrument instrument(int id) {
        return guarded(() -> {
            ByteBuffer row = segment.instrumentRow(id);
            return row == null ? null : Instrument.of(id, row);
        });
    }

    /** What stands beside an instrument; null: there is none of that id. */
    public InstrumentState state(int id) {
        return guarded(() -> {
            ByteBuffer row = segment.stateRow(id);
            return row == null ? null : InstrumentState.of(row);
        });
    }

    /** A row of the connection table; null: there is none. */
    public Connection connection(int index) {
        return guarded(() -> {
            ByteBuffer row = segment.connectionRow(index);
            return row == null ? null : Connection.of(index, row);
        });
    }

    /** One of the publisher's totals; unsigned. */
    public long counter(Counter counter) {
        return counter(counter.value);
    }

    long counter(long index) {
        boolean known = index >= 0 && index < COUNTERS;
        return known ? guarded(() -> segment.memory.relaxed(HeaderAt.COUNTERS + index * Long.BYTES)) : 0;
    }

    // Board, books, freshness.

    /**
     * Copies the newest record of an instrument and kind to out. RECORD; EMPTY: there is none yet;
     * BUSY: no whole copy in 1,000 tries, its writer may have died there; DAMAGED. It says nothing
     * of freshness: see freshWithin.
     */
    public Answer board(int id, BoardSlot slot, TickringRecord out) {
        try {
            return checked(cursor.isCut() ? Answer.DAMAGED : readBoard(id, slot, out));
        } catch (InternalError e) {
            return cursor.fault(e);
        }
    }

    /** What is no record may be what a load did not load. */
    private Answer checked(Answer answer) {
        if (answer != Answer.RECORD || cursor.seemsCut()) {
            cursor.checkFile();
        }
        return cursor.isCut() ? Answer.DAMAGED : answer;
    }

    private Answer readBoard(int id, BoardSlot slot, TickringRecord out) {
        if (id < 0 || id >= segment.instrumentCount()) {
            return Answer.EMPTY;
        }
        long place = segment.boardAt + (long) id * Layout.BOARD_ENTRY_SIZE + slot.value * Layout.RECORD_SIZE;
        ByteBuffer piece = segment.memory.piece(place);
        int at = Memory.index(place);
        for (int i = 0; i < Layout.BOARD_TRIES; i++) {
            long mark = Memory.acquire(piece, at);
            if (mark == 0) {
                return Answer.EMPTY;
            }
            if ((mark & 1) != 0 || Memory.copyAndLookAgain(piece, at, out.words, Cursor.WHOLE) != mark) {
                continue;
            }
            out.words[0] = mark;
            boolean sane = out.sequence() <= Layout.MAX_SEQUENCE && out.isSane(true);
            return sane ? Answer.RECORD : Answer.DAMAGED;
        }
        return Answer.BUSY;
    }

    /** Copies the top of an instrument's book to out; answers as those of board. */
    public Answer book(int id, Book out) {
        try {
            return checked(cursor.isCut() ? Answer.DAMAGED : out.read(segment, id));
        } catch (InternalError e) {
            return cursor.fault(e);
        }
    }

    /**
     * The question before acting: the source is LIVE, the publisher's hot thread beat within a
     * second, the instrument is subscribed and neither stale, suspect, resyncing, refused nor
     * halted, and its connection received something within the bound of this host's clock. A time
     * in the future is no freshness.
     */
    public boolean freshWithin(int id, Duration bound) {
        return freshWithin(id, bound.toNanos());
    }

    /** The same of a symbol; false when there is none. */
    public boolean freshWithin(String symbol, Duration bound) {
        return freshWithin(find(symbol), bound.toNanos());
    }

    boolean freshWithin(long id, long boundNs) {
        try {
            boolean fresh = !cursor.isDamaged() && isFresh(id, boundNs);
            if (!fresh || cursor.seemsCut()) {
                cursor.checkFile();
            }
            return fresh && !cursor.isCut();
        } catch (InternalError e) {
            cursor.fault(e);
            return false;
        }
    }

    private boolean isFresh(long id, long boundNs) {
        Memory memory = segment.memory;
        if (segment.source != Source.LIVE.value
                || memory.acquireInt(HeaderAt.STATE) != State.LIVE.value
                || id < 0 || id >= segment.instrumentCount()) {
            return false;
        }
        long state = segment.statesAt + id * Layout.INSTRUMENT_STATE_SIZE;
        int bits = (int) memory.acquire(state + InstrumentStateAt.WORD);
        int row = memory.relaxedInt(state + InstrumentStateAt.CONNECTION);
        if ((bits & FRESH_BITS) != StateBit.SUBSCRIBED || row < 0 || row >= segment.connections) {
            return false;
        }
        long connection = segment.connectionsAt + (long) row * Layout.CONNECTION_SIZE;
        long heard = memory.relaxed(connection + ConnectionAt.LAST_RECEIVE_NS);
        long beat = memory.relaxed(HeaderAt.HOT_HEARTBEAT_TIME_NS);
        long now = Host.unixNanos();
        return isNear(now, beat, Layout.STALE_AFTER_NS) && isNear(now, heard, boundNs);
    }

    /** In either direction; zero and less was never. */
    private static boolean isNear(long now, long time, long bound) {
        return time > 0 && Math.abs(now - time) <= bound;
    }

    /** Nanoseconds since the instrument's newest book ticker was received; -1: none yet. */
    public long quoteAgeNs(int id) {
        try {
            boolean known = !cursor.isCut() && id >= 0 && id < segment.instrumentCount();
            long age = known ? ageNs(id) : -1;
            if (age < 0 || cursor.seemsCut()) {
                cursor.checkFile();
            }
            return cursor.isCut() ? -1 : age;
        } catch (InternalError e) {
            cursor.fault(e);
            return -1;
        }
    }

    /** The same of a symbol; -1 when there is none. */
    public long quoteAgeNs(String symbol) {
        return quoteAgeNs(find(symbol));
    }

    private long ageNs(long id) {
        long state = segment.statesAt + id * Layout.INSTRUMENT_STATE_SIZE;
        long seen = segment.memory.relaxed(state + InstrumentStateAt.BOOK_TICKER_LAST_SEEN_NS);
        if (seen == 0) {
            return -1;
        }
        // A time below zero is garbage, older than any.
        return seen < 0 ? Long.MAX_VALUE : Math.max(0, Host.unixNanos() - seen);
    }
}
