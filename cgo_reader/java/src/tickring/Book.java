package tickring;

import java.lang.invoke.VarHandle;
import java.math.BigDecimal;
import tickring.Layout.Answer;
import tickring.Layout.BookFlag;
import tickring.Layout.BookHeaderAt;
import tickring.TickringRecord.Words;

/**
 * A private copy of the top of an instrument's book, best level first. Reuse it: {@link
 * Reader#book} fills it anew. Trade on it only when it {@link #isValid}.
 */
public final class Book {
    private static final int HEADER_WORDS = Layout.BOOK_HEADER_SIZE / Long.BYTES;
    private static final int LEVEL_WORDS = Layout.LEVEL_SIZE / Long.BYTES;

    private int depth;
    long[] words = new long[HEADER_WORDS];

    /** An empty place. */
    public Book() {}

    Answer read(Segment segment, int instrument) {
        if (instrument < 0 || instrument >= segment.instrumentCount()) {
            return Answer.EMPTY;
        }
        if (depth != segment.bookDepth) {
            depth = segment.bookDepth;
            words = new long[segment.bookEntry / Long.BYTES];
        }
        Memory memory = segment.memory;
        long at = segment.booksAt + (long) instrument * segment.bookEntry;
        for (int i = 0; i < Layout.BOARD_TRIES; i++) {
            long version = memory.acquire(at);
            if (version == 0) {
                return Answer.EMPTY;
            }
            if ((version & 1) != 0) {
                continue;
            }
            memory.copy(at, words, 0, words.length);
            VarHandle.acquireFence(); // pairs with the writer's barrier behind its odd version
            if (memory.relaxed(at) == version) {
                words[0] = version;
                return bidCount() > depth || askCount() > depth ? Answer.DAMAGED : Answer.RECORD;
            }
        }
        return Answer.BUSY;
    }

    private long i64(int at) {
        return words[at / Long.BYTES];
    }

    /** Whether it was synchronised, and not doubted since. */
    public boolean isValid() {
        return (flags() & (BookFlag.VALID | BookFlag.SUSPECT)) == BookFlag.VALID;
    }

    /** A set of {@link BookFlag}. */
    public int flags() {
        return Words.u16(words, BookHeaderAt.FLAGS);
    }

    /** Sequence of the last record that the book reflects. */
    public long asOf() {
        return i64(BookHeaderAt.AS_OF);
    }

    /** The venue's time of that record, or absent. */
    public long eventTimeNs() {
        return i64(BookHeaderAt.EVENT_TIME_NS);
    }

    /** Its receive time. */
    public long recvTimeNs() {
        return i64(BookHeaderAt.RECV_TIME_NS);
    }

    /** Its publish time. */
    public long publishTimeNs() {
        return i64(BookHeaderAt.PUBLISH_TIME_NS);
    }

    /** The venue's update id of the book; unsigned. */
    public long venueSequence() {
        return i64(BookHeaderAt.VENUE_SEQUENCE);
    }

    /** Counts the instrument's synchronisations. */
    public long bookEpoch() {
        return Words.u32(words, BookHeaderAt.BOOK_EPOCH);
    }

    /** Exponent of every price. */
    public int priceExponent() {
        return Words.i8(words, BookHeaderAt.PRICE_EXPONENT);
    }

    /** Exponent of every quantity. */
    public int quantityExponent() {
        return Words.i8(words, BookHeaderAt.QUANTITY_EXPONENT);
    }

    /** How many bids there are. */
    public int bidCount() {
        return Words.u16(words, BookHeaderAt.BID_COUNT);
    }

    /** How many asks there are. */
    public int askCount() {
        return Words.u16(words, BookHeaderAt.ASK_COUNT);
    }

    private static int checked(int i, int count) {
        return java.util.Objects.checkIndex(i, count);
    }

    private long level(int i, int word) {
        return words[HEADER_WORDS + i * LEVEL_WORDS + word];
    }

    /** Mantissa of bid i, 0 the best. */
    public long bidPrice(int i) {
        return level(checked(i, bidCount()), 0);
    }

    /** Mantissa of bid i. */
    public long bidQuantity(int i) {
        return level(checked(i, bidCount()), 1);
    }

    /** Mantissa of ask i, 0 the best. */
    public long askPrice(int i) {
        return level(depth + checked(i, askCount()), 0);
    }

    /** Mantissa of ask i. */
    public long askQuantity(int i) {
        return level(depth + checked(i, askCount()), 1);
    }

    /** A price of this book exactly; null when absent. */
    public BigDecimal price(long mantissa) {
        return Decimals.exact(mantissa, priceExponent());
    }

    /** A quantity of this book exactly; null when absent. */
    public BigDecimal quantity(long mantissa) {
        return Decimals.exact(mantissa, quantityExponent());
    }
}
