package tickring;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.function.IntFunction;
import tickring.Layout.Field;

/** The canonical log of docs/conformance.md: lines of records and rows, byte by byte. */
final class Log {
    static final long HASH_SEED = 0xcbf29ce484222325L;
    private static final long HASH_PRIME = 0x100000001b3L;
    private static final int NONE = 0xffff;
    /** Enumerations by the names of their fields. */
    private static final Map<String, IntFunction<Enum<?>>> ENUMS = Map.of(
            "kind", Layout.Kind::of,
            "aggressor", Layout.Aggressor::of,
            "id_format", Layout.IDFormat::of,
            "code", Layout.StatusCode::of,
            "scope", Layout.Scope::of,
            "reason", Layout.Reason::of);
    private static final Set<String> CHANNELS = Set.of("channels", "stale", "acknowledged", "refused");

    private Log() {}

    /** An integer, INT64_MIN as absent. */
    static String number(long value) {
        return value == Layout.ABSENT ? "absent" : Long.toString(value);
    }

    /** A row's number, 0xFFFF as none. */
    static String row(long value) {
        return value == NONE ? "none" : Long.toUnsignedString(value);
    }

    /** A value's name, or the value. */
    static String named(IntFunction<Enum<?>> names, int value) {
        Enum<?> name = names.apply(value);
        return name == null ? Integer.toUnsignedString(value) : name.name();
    }

    /** The names of a set's bits, from the lowest. */
    static String bits(IntFunction<String> names, int set) {
        StringJoiner words = new StringJoiner("|").setEmptyValue("-");
        for (int i = 0; i < Integer.SIZE; i++) {
            int bit = 1 << i;
            if ((set & bit) != 0) {
                String name = names.apply(bit);
                words.add(name == null ? "BIT_" + i : name);
            }
        }
        return words.toString();
    }

    /** A text, byte by byte. */
    static String quoted(byte[] text) {
        StringBuilder b = new StringBuilder("\"");
        for (byte each : text) {
            if (each >= 0x20 && each <= 0x7e && each != '"' && each != '\\') {
                b.append((char) each);
            } else {
                b.append(String.format("\\x%02x", each));
            }
        }
        return b.append('"').toString();
    }

    /** Levels that lie one behind the other. */
    static String levels(ByteBuffer from, int at, int count) {
        StringJoiner pairs = new StringJoiner(",", "[", "]");
        for (int i = 0; i < count; i++) {
            int level = at + i * Layout.LEVEL_SIZE;
            pairs.add(number(from.getLong(level)) + ":" + number(from.getLong(level + Long.BYTES)));
        }
        return pairs.toString();
    }

    static long hash(long seed, long[] words) {
        for (long word : words) {
            seed = (seed ^ word) * HASH_PRIME;
        }
        return seed;
    }

    /** The bytes of words. */
    static ByteBuffer bytes(long[] words) {
        ByteBuffer b = ByteBuffer.allocate(words.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        b.asLongBuffer().put(words);
        return b;
    }

    private static String value(Field field, ByteBuffer from, int at) {
        String name = field.name();
        if (field.length() > 0) {
            return quoted(Segment.padded(from, at, field.length()));
        }
        if (field.type().equals("u64")) {
            return Long.toUnsignedString(from.getLong(at));
        }
        long value = switch (field.type()) {
            case "u8" -> from.get(at) & 0xff;
            case "i8" -> from.get(at);
            case "u16" -> from.getShort(at) & 0xffff;
            case "u32" -> Integer.toUnsignedLong(from.getInt(at));
            default -> from.getLong(at);
        };
        if (ENUMS.containsKey(name)) {
            return named(ENUMS.get(name), (int) value);
        } else if (CHANNELS.contains(name)) {
            return bits(Layout.Channel::name, (int) value);
        }
        return name.equals("connection") || name.equals("instrument") ? row(value) : number(value);
    }

    /** What RECORD and HEAD have in common. */
    private static String front(TickringRecord r) {
        return "sequence=" + r.sequence() + " kind=" + named(Layout.Kind::of, r.kindValue())
                + " flags=" + bits(Layout.Flags::name, r.flags()) + " instrument=" + row(r.instrument())
                + " price_exponent=" + r.priceExponent() + " quantity_exponent=" + r.quantityExponent()
                + " recv_time_ns=" + number(r.recvTimeNs())
                + " venue_sequence=" + Long.toUnsignedString(r.venueSequence());
    }

    private static List<Field> bodyOf(Layout.Kind kind) {
        return switch (kind) {
            case BOOK_TICKER -> Layout.BookTickerAt.FIELDS;
            case TRADE -> Layout.TradeAt.FIELDS;
            case DEPTH -> Layout.DepthAt.FIELDS;
            case TICKER -> Layout.TickerAt.FIELDS;
            case STATUS -> Layout.StatusAt.FIELDS;
            case PERPETUAL -> Layout.PerpetualAt.FIELDS;
        };
    }

    /** The fields of a record's body in the order of its table. */
    private static void body(StringBuilder b, TickringRecord r) {
        ByteBuffer raw = bytes(r.words);
        for (Field field : bodyOf(r.kind())) {
            int at = Layout.BODY_OFFSET + field.offset();
            switch (field.name()) {
                case "reserved", "reserved0", "text_length" -> { }
                case "levels" ->
                    b.append(" levels=").append(levels(raw, at, r.depth().bids() + r.depth().asks()));
                case "text" -> {
                    int length = r.kind() == Layout.Kind.TRADE ? r.trade().textLength() : r.status().textLength();
                    b.append(" text=").append(quoted(Arrays.copyOfRange(raw.array(), at, at + length)));
                }
                default -> b.append(' ').append(field.name()).append('=').append(value(field, raw, at));
            }
        }
    }

    /** All of a record. */
    static String record(TickringRecord r) {
        StringBuilder b = new StringBuilder(front(r));
        b.append(" event_time_ns=").append(number(r.eventTimeNs()));
        b.append(" publish_time_ns=").append(number(r.publishTimeNs()));
        body(b, r);
        return b.append(String.format(" hash=%016x", hash(HASH_SEED, r.words))).toString();
    }

    /** The first 64 bytes of a record. */
    static String head(TickringRecord r) {
        StringJoiner words = new StringJoiner(",", "[", "]");
        for (int i = Layout.BODY_OFFSET / Long.BYTES; i < Cursor.HEAD; i++) {
            words.add(number(r.words[i]));
        }
        return "HEAD " + front(r) + " words=" + words;
    }

    /** The fields of a row, without those that the caller prints and reserved ones. */
    static String table(List<Field> fields, ByteBuffer row, Set<String> skip) {
        StringJoiner pairs = new StringJoiner(" ");
        for (Field field : fields) {
            if (!field.name().startsWith("reserved") && !skip.contains(field.name())) {
                pairs.add(field.name() + "=" + value(field, row, field.offset()));
            }
        }
        return pairs.toString();
    }

    static String instrument(int id, ByteBuffer row) {
        byte[] base = Segment.padded(row, Layout.InstrumentAt.BASE, 16);
        byte[] quote = Segment.padded(row, Layout.InstrumentAt.QUOTE, 16);
        byte[] symbol = Arrays.copyOf(base, base.length + (quote.length == 0 ? 0 : quote.length + 1));
        if (quote.length > 0) {
            symbol[base.length] = '/';
            System.arraycopy(quote, 0, symbol, base.length + 1, quote.length);
        }
        return "INSTRUMENT id=" + id + " symbol=" + quoted(symbol)
                + " " + only(row, "channels") + " " + only(row, "venue_symbol") + " " + only(row, "base")
                + " " + only(row, "quote") + " " + only(row, "tick") + " " + only(row, "lot")
                + " " + only(row, "tick_exponent") + " " + only(row, "lot_exponent")
                + " " + only(row, "price_exponent") + " " + only(row, "quantity_exponent")
                + " " + only(row, "multiplier_exponent") + " " + only(row, "multiplier")
                + " " + only(row, "added_time_ns");
    }

    private static String only(ByteBuffer row, String name) {
        for (Field field : Layout.InstrumentAt.FIELDS) {
            if (field.name().equals(name)) {
                return name + "=" + value(field, row, field.offset());
            }
        }
        throw new IllegalArgumentException(name);
    }

    static String book(int id, Book book, int depth) {
        ByteBuffer raw = bytes(book.words);
        int bids = Layout.BOOK_HEADER_SIZE;
        int asks = bids + depth * Layout.LEVEL_SIZE;
        Set<String> later = Set.of("flags", "publish_time_ns");
        return "BOOK instrument=" + id + " " + table(Layout.BookHeaderAt.FIELDS, raw, later)
                + " flags=" + bits(Layout.BookFlag::name, book.flags())
                + " publish_time_ns=" + number(book.publishTimeNs())
                + " bids=" + levels(raw, bids, book.bidCount()) + " asks=" + levels(raw, asks, book.askCount());
    }

    static String state(long id, ByteBuffer row) {
        int bits = row.getInt(Layout.InstrumentStateAt.WORD);
        long epoch = Integer.toUnsignedLong(row.getInt(Layout.InstrumentStateAt.WORD + Integer.BYTES));
        return "STATE instrument=" + id + " bits=" + bits(Layout.StateBit::name, bits) + " book_epoch=" + epoch
                + " " + table(Layout.InstrumentStateAt.FIELDS, row, Set.of("word"));
    }

    static String connection(long index, ByteBuffer row) {
        int state = row.getInt(Layout.ConnectionAt.STATE);
        return "CONNECTION row=" + index + " state=" + named(Layout.ConnectionState::of, state)
                + " " + table(Layout.ConnectionAt.FIELDS, row, Set.of("state"));
    }
}
