package tickring;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import tickring.Layout.Aggressor;
import tickring.Layout.BookTickerAt;
import tickring.Layout.DepthAt;
import tickring.Layout.Flags;
import tickring.Layout.IDFormat;
import tickring.Layout.Kind;
import tickring.Layout.PerpetualAt;
import tickring.Layout.RecordAt;
import tickring.Layout.Scope;
import tickring.Layout.StatusAt;
import tickring.Layout.StatusCode;
import tickring.Layout.TickerAt;
import tickring.Layout.TradeAt;

/**
 * A private copy of one record. The object is filled anew by each call that reads into it, and so
 * are its bodies: nothing is allocated for a record, and what is to be kept has to be taken out.
 *
 * <p>Prices and quantities are mantissas, value = mantissa x 10^exponent with the record's own
 * exponents; {@link Layout#ABSENT} says that the venue did not tell. Times are nanoseconds of the
 * Unix epoch.
 */
public final class TickringRecord {
    // The values that each record is compared with: an enum's field is no constant to the compiler.
    private static final int BOOK_TICKER = Kind.BOOK_TICKER.value;
    private static final int TRADE = Kind.TRADE.value;
    private static final int DEPTH = Kind.DEPTH.value;
    private static final int STATUS = Kind.STATUS.value;
    private static final int TRADE_TEXT = 24;
    private static final int STATUS_TEXT = 40;

    final long[] words = new long[Cursor.WHOLE];
    private final BookTicker bookTicker = new BookTicker(words);
    private final Trade trade = new Trade(words);
    private final Depth depth = new Depth(words);
    private final Ticker ticker = new Ticker(words);
    private final Status status = new Status(words);
    private final Perpetual perpetual = new Perpetual(words);

    /** An empty place, for {@link Reader#board}. */
    public TickringRecord() {}

    /** Whether kind and lengths are ones that a writer leaves. */
    boolean isSane(boolean whole) {
        int kind = kindValue();
        if (kind == BOOK_TICKER) {
            return true;
        } else if (kind == TRADE) {
            return !whole || trade.textLength() <= TRADE_TEXT;
        } else if (kind == DEPTH) {
            return !whole || depth.bids() + depth.asks() <= Layout.LEVELS_PER_RECORD;
        } else if (kind == STATUS) {
            return status.textLength() <= STATUS_TEXT; // in the first half
        }
        return Kind.of(kind) != null;
    }

    /** Leaves what lies behind the first 64 bytes zero. */
    void clearSecondHalf() {
        java.util.Arrays.fill(words, Cursor.HEAD, Cursor.WHOLE, 0);
    }

    int kindValue() {
        return (int) words[1] & 0xff;
    }

    /** Number of the record in its segment, from 1. */
    public long sequence() {
        return words[0] >>> 1;
    }

    /** What the body holds. */
    public Kind kind() {
        return Kind.of(kindValue());
    }

    /** Exponent of every price of the record. */
    public int priceExponent() {
        return Words.i8(words, RecordAt.PRICE_EXPONENT);
    }

    /** Exponent of every quantity of the record. */
    public int quantityExponent() {
        return Words.i8(words, RecordAt.QUANTITY_EXPONENT);
    }

    /** A set of {@link Flags}. */
    public int flags() {
        return Words.u16(words, RecordAt.FLAGS);
    }

    /** Whether a flag is set. */
    public boolean has(int flag) {
        return (flags() & flag) != 0;
    }

    /** Row of the instrument table; {@link Layout#NO_INSTRUMENT} none. Holds in one generation. */
    public int instrument() {
        return Words.u16(words, RecordAt.INSTRUMENT);
    }

    /** When the bytes were read from the socket. */
    public long recvTimeNs() {
        return words[RecordAt.RECV_TIME_NS / Long.BYTES];
    }

    /** The venue's update id, 0 none. */
    public long venueSequence() {
        return words[RecordAt.VENUE_SEQUENCE / Long.BYTES];
    }

    /** The venue's time of the event, or absent. */
    public long eventTimeNs() {
        return words[RecordAt.EVENT_TIME_NS / Long.BYTES];
    }

    /** When the publisher wrote its frame. */
    public long publishTimeNs() {
        return words[RecordAt.PUBLISH_TIME_NS / Long.BYTES];
    }

    /** A price of this record exactly; null when absent. */
    public BigDecimal price(long mantissa) {
        return Decimals.exact(mantissa, priceExponent());
    }

    /** A quantity of this record exactly; null when absent. */
    public BigDecimal quantity(long mantissa) {
        return Decimals.exact(mantissa, quantityExponent());
    }

    /** A price of this record as the venue's digits without zeros behind, or "absent". */
    public String priceText(long mantissa) {
        return Decimals.text(mantissa, priceExponent());
    }

    /** A quantity of this record as text. */
    public String quantityText(long mantissa) {
        return Decimals.text(mantissa, quantityExponent());
    }

    /** The double nearest to a price of this record; NaN when absent. */
    public double priceDouble(long mantissa) {
        return Decimals.nearest(mantissa, priceExponent());
    }

    /** The double nearest to a quantity of this record; NaN when absent. */
    public double quantityDouble(long mantissa) {
        return Decimals.nearest(mantissa, quantityExponent());
    }

    private <B> B body(Kind kind, B body) {
        if (kindValue() != kind.value) {
            throw new IllegalStateException("the record is a " + kind() + ", no " + kind);
        }
        return body;
    }

    /** The body of a BOOK_TICKER. */
    public BookTicker bookTicker() {
        return body(Kind.BOOK_TICKER, bookTicker);
    }

    /** The body of a TRADE. */
    public Trade trade() {
        return body(Kind.TRADE, trade);
    }

    /** The body of a DEPTH. */
    public Depth depth() {
        return body(Kind.DEPTH, depth);
    }

    /** The body of a TICKER. */
    public Ticker ticker() {
        return body(Kind.TICKER, ticker);
    }

    /** The body of a STATUS. */
    public Status status() {
        return body(Kind.STATUS, status);
    }

    /** The body of a PERPETUAL. */
    public Perpetual perpetual() {
        return body(Kind.PERPETUAL, perpetual);
    }

    /** Numbers out of words, by the offset of their first byte. */
    static final class Words {
        private Words() {}

        static long word(long[] words, int at) {
            return words[at >> 3] >>> ((at & 7) << 3);
        }

        static int i8(long[] words, int at) {
            return (byte) word(words, at);
        }

        static int u8(long[] words, int at) {
            return (int) word(words, at) & 0xff;
        }

        static int u16(long[] words, int at) {
            return (int) word(words, at) & 0xffff;
        }

        static long u32(long[] words, int at) {
            return word(words, at) & 0xffffffffL;
        }

        static String text(long[] words, int at, int length) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length; i++) {
                bytes[i] = (byte) word(words, at + i);
            }
            return new String(bytes, StandardCharsets.UTF_8);
        }
    }

    /** What bodies have in common: offsets are those of their tables, from byte 32 on. */
    private abstract static class Body {
        final long[] words;

        Body(long[] words) {
            this.words = words;
        }

        final long i64(int at) {
            return words[(Layout.BODY_OFFSET + at) >> 3];
        }

        final long u32(int at) {
            return Words.u32(words, Layout.BODY_OFFSET + at);
        }

        final int u16(int at) {
            return Words.u16(words, Layout.BODY_OFFSET + at);
        }

        final int u8(int at) {
            return Words.u8(words, Layout.BODY_OFFSET + at);
        }

        final int i8(int at) {
            return Words.i8(words, Layout.BODY_OFFSET + at);
        }

        final String text(int at, int length) {
            return Words.text(words, Layout.BODY_OFFSET + at, length);
        }
    }

    /** Best bid and ask. A side that is empty has absent price and quantity. */
    public static final class BookTicker extends Body {
        private BookTicker(long[] words) {
            super(words);
        }

        /** Mantissa, absent when there is no bid. */
        public long bidPrice() {
            return i64(BookTickerAt.BID_PRICE);
        }

        /** Mantissa. */
        public long bidQuantity() {
            return i64(BookTickerAt.BID_QUANTITY);
        }

        /** Mantissa, absent when there is no ask. */
        public long askPrice() {
            return i64(BookTickerAt.ASK_PRICE);
        }

        /** Mantissa. */
        public long askQuantity() {
            return i64(BookTickerAt.ASK_QUANTITY);
        }

        /** When the venue sent the message. */
        public long sendTimeNs() {
            return i64(BookTickerAt.SEND_TIME_NS);
        }

        /** Counts the instrument's synchronisations. */
        public long bookEpoch() {
            return u32(BookTickerAt.BOOK_EPOCH);
        }

        /** Row of the connection table; {@link Layout#NO_CONNECTION} none. */
        public int connection() {
            return u16(BookTickerAt.CONNECTION);
        }
    }

    /** One execution. */
    public static final class Trade extends Body {
        private Trade(long[] words) {
            super(words);
        }

        /** Mantissa. */
        public long price() {
            return i64(TradeAt.PRICE);
        }

        /** Mantissa, base currency. */
        public long quantity() {
            return i64(TradeAt.QUANTITY);
        }

        /** The venue's id, as {@link #idFormat} says; unsigned. */
        public long tradeId() {
            return i64(TradeAt.TRADE_ID);
        }

        /** Second half of a pair id, or the id in the market; 0 none; unsigned. */
        public long secondId() {
            return i64(TradeAt.SECOND_ID);
        }

        /** First suffix of a pair id. */
        public int idSuffix1() {
            return u8(TradeAt.ID_SUFFIX1);
        }

        /** Second suffix of a pair id. */
        public int idSuffix2() {
            return u8(TradeAt.ID_SUFFIX2);
        }

        /** Side of the taker; null for a value of no meaning. */
        public Aggressor aggressor() {
            return Aggressor.of(u8(TradeAt.AGGRESSOR));
        }

        /** How the venue's id is held; null for a value of no meaning. */
        public IDFormat idFormat() {
            return IDFormat.of(u8(TradeAt.ID_FORMAT));
        }

        /** Position in the venue's message, from 0. */
        public int index() {
            return u16(TradeAt.INDEX);
        }

        /** Trades in the venue's message. */
        public int count() {
            return u16(TradeAt.COUNT);
        }

        /** When the venue sent the message. */
        public long sendTimeNs() {
            return i64(TradeAt.SEND_TIME_NS);
        }

        /** Counts the instrument's synchronisations. */
        public long bookEpoch() {
            return u32(TradeAt.BOOK_EPOCH);
        }

        /** Row of the connection table; {@link Layout#NO_CONNECTION} none. */
        public int connection() {
            return u16(TradeAt.CONNECTION);
        }

        int textLength() {
            return u8(TradeAt.TEXT_LENGTH);
        }

        /** A trade id that is text. */
        public String text() {
            return text(TradeAt.TEXT, textLength());
        }
    }

    /** Up to four levels, bids first. An event spans records from FIRST to LAST. */
    public static final class Depth extends Body {
        private Depth(long[] words) {
            super(words);
        }

        /** Levels of the bid side: the first. */
        public int bids() {
            return u8(DepthAt.BIDS);
        }

        /** Levels of the ask side, behind the bids. */
        public int asks() {
            return u8(DepthAt.ASKS);
        }

        /** Mantissa of level i, from 0 to bids + asks - 1. */
        public long price(int i) {
            return i64(DepthAt.LEVELS + level(i) * Layout.LEVEL_SIZE);
        }

        /** Mantissa of level i; 0 deletes the level. */
        public long quantity(int i) {
            return i64(DepthAt.LEVELS + level(i) * Layout.LEVEL_SIZE + Long.BYTES);
        }

        private int level(int i) {
            return java.util.Objects.checkIndex(i, bids() + asks());
        }

        /** The venue's first update id of the event, 0 none. */
        public long firstSequence() {
            return i64(DepthAt.FIRST_SEQUENCE);
        }

        /** Counts the instrument's synchronisations. */
        public long bookEpoch() {
            return u32(DepthAt.BOOK_EPOCH);
        }

        /** Row of the connection table; {@link Layout#NO_CONNECTION} none. */
        public int connection() {
            return u16(DepthAt.CONNECTION);
        }
    }

    /** The venue's rolling statistics. */
    public static final class Ticker extends Body {
        private Ticker(long[] words) {
            super(words);
        }

        /** Price mantissa. */
        public long last() {
            return i64(TickerAt.LAST);
        }

        /** Price mantissa. */
        public long bid() {
            return i64(TickerAt.BID);
        }

        /** Price mantissa. */
        public long ask() {
            return i64(TickerAt.ASK);
        }

        /** Price mantissa. */
        public long open() {
            return i64(TickerAt.OPEN);
        }

        /** Price mantissa. */
        public long high() {
            return i64(TickerAt.HIGH);
        }

        /** Price mantissa. */
        public long low() {
            return i64(TickerAt.LOW);
        }

        /** Volume in the base currency exactly, by its own exponent; null when absent. */
        public BigDecimal baseVolume() {
            return Decimals.exact(i64(TickerAt.BASE_VOLUME), i8(TickerAt.BASE_VOLUME_EXPONENT));
        }

        /** Volume in the quote currency exactly, by its own exponent; null when absent. */
        public BigDecimal quoteVolume() {
            return Decimals.exact(i64(TickerAt.QUOTE_VOLUME), i8(TickerAt.QUOTE_VOLUME_EXPONENT));
        }

        /** End of the window, where the venue says it. */
        public long windowEndNs() {
            return i64(TickerAt.WINDOW_END_NS);
        }

        /** Counts the instrument's synchronisations. */
        public long bookEpoch() {
            return u32(TickerAt.BOOK_EPOCH);
        }

        /** Row of the connection table; {@link Layout#NO_CONNECTION} none. */
        public int connection() {
            return u16(TickerAt.CONNECTION);
        }
    }

    /** The truth about the data, in the data. */
    public static final class Status extends Body {
        private Status(long[] words) {
            super(words);
        }

        /** What happened; null for a value of no meaning. */
        public StatusCode code() {
            return StatusCode.of(u16(StatusAt.CODE));
        }

        /** What it speaks of; null for a value of no meaning. */
        public Scope scope() {
            return Scope.of(u8(StatusAt.SCOPE));
        }

        /** Why: a value of {@link Layout.Reason}, 1000 + HTTP status, 10000 + close code. */
        public long reason() {
            return u32(StatusAt.REASON);
        }

        /** Counts the instrument's synchronisations. */
        public long bookEpoch() {
            return u32(StatusAt.BOOK_EPOCH);
        }

        /** Row of the connection table; {@link Layout#NO_CONNECTION} none. */
        public int connection() {
            return u16(StatusAt.CONNECTION);
        }

        /** First venue sequence that is missing, 0 unknown; unsigned. */
        public long firstMissing() {
            return i64(StatusAt.FIRST_MISSING);
        }

        /** Last venue sequence that is missing, 0 unknown; unsigned. */
        public long lastMissing() {
            return i64(StatusAt.LAST_MISSING);
        }

        /** Since when it has been so. */
        public long sinceNs() {
            return i64(StatusAt.SINCE_NS);
        }

        int textLength() {
            return u16(StatusAt.TEXT_LENGTH);
        }

        /** The venue's or the publisher's words. */
        public String text() {
            return text(StatusAt.TEXT, textLength());
        }
    }

    /** Mark, index, funding, open interest. */
    public static final class Perpetual extends Body {
        private Perpetual(long[] words) {
            super(words);
        }

        /** Price mantissa. */
        public long markPrice() {
            return i64(PerpetualAt.MARK_PRICE);
        }

        /** Price mantissa. */
        public long indexPrice() {
            return i64(PerpetualAt.INDEX_PRICE);
        }

        /** The rate exactly, by its own exponent; null when absent. */
        public BigDecimal fundingRate() {
            return Decimals.exact(i64(PerpetualAt.FUNDING_RATE), i8(PerpetualAt.FUNDING_EXPONENT));
        }

        /** Next funding. */
        public long fundingTimeNs() {
            return i64(PerpetualAt.FUNDING_TIME_NS);
        }

        /** Contracts exactly, by their own exponent; null when absent. */
        public BigDecimal openInterest() {
            return Decimals.exact(i64(PerpetualAt.OPEN_INTEREST), i8(PerpetualAt.OPEN_INTEREST_EXPONENT));
        }

        /** When the venue sent the message. */
        public long sendTimeNs() {
            return i64(PerpetualAt.SEND_TIME_NS);
        }

        /** Counts the instrument's synchronisations. */
        public long bookEpoch() {
            return u32(PerpetualAt.BOOK_EPOCH);
        }

        /** Row of the connection table; {@link Layout#NO_CONNECTION} none. */
        public int connection() {
            return u16(PerpetualAt.CONNECTION);
        }
    }
}
