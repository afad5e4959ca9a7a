package tickring;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import tickring.AttachException.Code;
import tickring.Layout.HeaderAt;
import tickring.Layout.InstrumentAt;
import tickring.Layout.SectionAt;
import tickring.Layout.State;

/** One mapped segment and what its header said when it was checked. Nothing in it is trusted. */
final class Segment {
    private static final int SECTION_BYTES = 32;
    private static final int LINE = 128;
    private static final int NAME_MAX = 63;

    final Memory memory;
    final long generation;
    final int source;
    final int bookDepth;
    final byte[] feed;
    final byte[] venue;
    final int instruments;
    final int connections;
    final long slots;
    final long instrumentsAt;
    final long statesAt;
    final long connectionsAt;
    final long boardAt;
    final long booksAt;
    final long ringAt;
    final int bookEntry;
    private final FileChannel file;
    private final long size;

    /** Of a private copy of the header, which was checked. */
    private Segment(ByteBuffer header, Memory memory, FileChannel file, long size) {
        this.memory = memory;
        this.file = file;
        this.size = size;
        generation = header.getLong(HeaderAt.GENERATION);
        source = header.getInt(HeaderAt.SOURCE);
        bookDepth = header.getInt(HeaderAt.BOOK_DEPTH);
        feed = padded(header, HeaderAt.FEED, 64);
        venue = padded(header, HeaderAt.VENUE, 32);
        instruments = (int) count(header, 0);
        connections = (int) count(header, 2);
        slots = count(header, 5);
        instrumentsAt = offset(header, 0);
        statesAt = offset(header, 1);
        connectionsAt = offset(header, 2);
        boardAt = offset(header, 3);
        booksAt = offset(header, 4);
        ringAt = offset(header, 5);
        bookEntry = entrySize(4, bookDepth);
    }

    /**
     * Opens, checks, maps; null when the segment is of generation notThis. name null: any feed.
     */
    static Segment open(Path path, String name, boolean prefault, long notThis) throws AttachException {
        Host.Opened opened = Host.open(path, false);
        boolean kept = false;
        try {
            if (Host.isStrangers(opened, path, false)) {
                throw new AttachException(Code.OWNER, path);
            }
            FileChannel file = opened.channel();
            long size = file.size();
            ByteBuffer header = readHeader(file, size, path);
            Code wrong = check(header, size, name);
            if (wrong != null) {
                throw new AttachException(wrong, path);
            }
            if (header.getLong(HeaderAt.GENERATION) == notThis) {
                return null;
            }
            Segment segment = new Segment(header, Memory.map(file, size, prefault), file, size);
            kept = true;
            return segment;
        } catch (AttachException e) {
            throw e;
        } catch (IOException e) {
            throw new AttachException(Code.SYSTEM, path, e);
        } catch (InternalError e) {
            throw new AttachException(Code.TRUNCATED, path, e);
        } finally {
            if (!kept) {
                close(opened.channel());
            }
        }
    }

    static void checkName(String feed, Path path) throws AttachException {
        if (!feed.matches("[A-Za-z0-9_-][A-Za-z0-9._-]*") || feed.length() > NAME_MAX) {
            throw new AttachException(Code.NAME, path);
        }
    }

    /** A private copy; the magic is read before the rest, because it is stored last. */
    private static ByteBuffer readHeader(FileChannel file, long size, Path path) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(Layout.HEADER_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer magic = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        boolean whole = size >= Layout.HEADER_SIZE && fill(file, magic) && fill(file, header);
        if (!whole) {
            throw new AttachException(Code.TOO_SHORT, path);
        }
        if (magic.getLong(0) != Layout.MAGIC) {
            throw new AttachException(magic.getLong(0) == 0 ? Code.NOT_READY : Code.MAGIC, path);
        }
        return header;
    }

    private static boolean fill(FileChannel file, ByteBuffer to) throws IOException {
        while (to.hasRemaining()) {
            if (file.read(to, to.position()) <= 0) {
                return false;
            }
        }
        return true;
    }

    /** The first check that fails, in the order of docs/format.md. */
    private static Code check(ByteBuffer h, long size, String name) throws IOException {
        int state = h.getInt(HeaderAt.STATE);
        int depth = h.getInt(HeaderAt.BOOK_DEPTH);
        int total = Long.compareUnsigned(h.getLong(HeaderAt.TOTAL_SIZE), size);
        if (h.getInt(HeaderAt.BYTE_ORDER) != Layout.BYTE_ORDER_TAG) {
            return Code.BYTE_ORDER;
        } else if (h.getInt(HeaderAt.LAYOUT_VERSION) != Layout.LAYOUT_VERSION) {
            return Code.VERSION;
        } else if (h.getInt(HeaderAt.HEADER_SIZE) != Layout.HEADER_SIZE) {
            return Code.HEADER;
        } else if (total != 0) {
            return total > 0 ? Code.TRUNCATED : Code.SIZE;
        } else if (h.getLong(HeaderAt.FORMAT_HASH) != Layout.FORMAT_HASH) {
            return Code.FORMAT_HASH;
        } else if (h.getLong(HeaderAt.GENERATION) == 0) {
            return Code.HEADER;
        } else if (state == State.INITIALISING.value) {
            return Code.NOT_READY;
        } else if (State.of(state) == null) {
            return Code.HEADER;
        } else if (h.getInt(HeaderAt.DIRECTORY_COUNT) != Layout.DIRECTORY_ENTRIES) {
            return Code.DIRECTORY;
        } else if (depth < 1 || depth > Layout.MAX_BOOK_DEPTH) {
            return Code.HEADER;
        } else if (!fits(h, size, depth)) {
            return Code.DIRECTORY;
        } else if (!Arrays.equals(h.array(), HeaderAt.BOOT_ID, HeaderAt.BOOT_ID + 16, Host.bootId(), 0, 16)) {
            return Code.OTHER_BOOT;
        }
        boolean other = name != null && !name.equals(text(padded(h, HeaderAt.FEED, 64)));
        return other ? Code.OTHER_FEED : null;
    }

    /** Sections follow each other behind the header, end within the file, and agree. */
    private static boolean fits(ByteBuffer h, long size, int depth) {
        long end = Layout.HEADER_SIZE;
        for (int i = 0; i < Layout.DIRECTORY_ENTRIES; i++) {
            int at = HeaderAt.DIRECTORY + i * SECTION_BYTES;
            long offset = offset(h, i);
            long count = count(h, i);
            int entry = entrySize(i, depth);
            if (h.getInt(at + SectionAt.KIND) != i + 1 || h.getInt(at + SectionAt.ENTRY_SIZE) != entry
                    || count < 1 || count > Layout.MAX_SLOTS
                    || offset % LINE != 0 || offset < end || offset > size
                    || count * entry > size - offset) { // at most 2^26 x 2^16: no overflow
                return false;
            }
            end = offset + count * entry;
        }
        long rows = count(h, 0);
        long slots = count(h, 5);
        return rows <= Layout.MAX_INSTRUMENTS && count(h, 1) == rows && count(h, 3) == rows
                && count(h, 4) == rows && count(h, 2) <= Layout.MAX_CONNECTIONS
                && slots >= Layout.MIN_SLOTS && Long.bitCount(slots) == 1;
    }

    private static int entrySize(int section, int depth) {
        return switch (section) {
            case 0 -> Layout.INSTRUMENT_SIZE;
            case 1 -> Layout.INSTRUMENT_STATE_SIZE;
            case 2 -> Layout.CONNECTION_SIZE;
            case 3 -> Layout.BOARD_ENTRY_SIZE;
            case 4 -> Layout.BOOK_HEADER_SIZE + 2 * depth * Layout.LEVEL_SIZE;
            default -> Layout.RECORD_SIZE;
        };
    }

    private static long offset(ByteBuffer header, int section) {
        return header.getLong(HeaderAt.DIRECTORY + section * SECTION_BYTES + SectionAt.OFFSET);
    }

    private static long count(ByteBuffer header, int section) {
        return header.getLong(HeaderAt.DIRECTORY + section * SECTION_BYTES + SectionAt.COUNT);
    }

    /** A field that ends at its first zero, or is full. */
    static byte[] padded(ByteBuffer from, int at, int size) {
        int length = 0;
        while (length < size && from.get(at + length) != 0) {
            length++;
        }
        return Arrays.copyOfRange(from.array(), at, at + length);
    }

    static String text(byte[] utf8) {
        return new String(utf8, StandardCharsets.UTF_8);
    }

    /** Whether somebody cut the file. An interrupt may have closed it: then it is not known. */
    boolean isShrunk() {
        try {
            return file.isOpen() && Host.uninterrupted(file::size) < size;
        } catch (IOException e) {
            return false;
        }
    }

    /** The mapping itself goes with the garbage collector: no view of it can dangle. */
    void close() {
        close(file);
    }

    private static void close(FileChannel file) {
        try {
            file.close();
        } catch (IOException e) {
            // It was only read: nothing can be lost.
        }
    }

    /** Rows of the instrument table that are valid; never more than it has. */
    int instrumentCount() {
        int count = memory.acquireInt(HeaderAt.INSTRUMENT_COUNT);
        return Integer.compareUnsigned(count, instruments) < 0 ? count : instruments;
    }

    /** A row word by word, so that no number in it is torn; null where there is none. */
    ByteBuffer row(long table, int size, int count, long index) {
        if (index < 0 || index >= count) {
            return null;
        }
        ByteBuffer row = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < size; at += Long.BYTES) {
            row.putLong(at, memory.relaxed(table + index * size + at));
        }
        return row;
    }

    ByteBuffer instrumentRow(long id) {
        return row(instrumentsAt, Layout.INSTRUMENT_SIZE, instrumentCount(), id);
    }

    ByteBuffer stateRow(long id) {
        return row(statesAt, Layout.INSTRUMENT_STATE_SIZE, instrumentCount(), id);
    }

    ByteBuffer connectionRow(long row) {
        return row(connectionsAt, Layout.CONNECTION_SIZE, connections, row);
    }

    /** BASE/QUOTE, or the base alone where there is no quote. */
    static String symbol(ByteBuffer row) {
        String base = text(padded(row, InstrumentAt.BASE, 16));
        String quote = text(padded(row, InstrumentAt.QUOTE, 16));
        return quote.isEmpty() ? base : base + "/" + quote;
    }

    static String venueSymbol(ByteBuffer row) {
        return text(padded(row, InstrumentAt.VENUE_SYMBOL, 32));
    }
}
