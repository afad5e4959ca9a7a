package tickring;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import tickring.Layout.ReaderSlotAt;
import tickring.Layout.ReadersHeaderAt;

/**
 * The slot in which a reader names itself, so that `tickring stat` can tell its lag. Without one
 * it does nothing: reading a feed needs no slot. Everything goes through pread and pwrite, because
 * whoever may write the file may also cut it short.
 */
final class Registration {
    private static final int FILE_SIZE =
            Layout.READERS_HEADER_SIZE + Layout.READER_SLOTS * Layout.READER_SLOT_SIZE;
    private static final long LOCK_NS = 100_000_000; // a lock is another process's to keep
    private static final long LOCK_PAUSE_MS = 1;
    private static final int NAME_BYTES = 48;
    private static final int REPORT_BYTES = ReaderSlotAt.NAME - ReaderSlotAt.GENERATION;
    /**
     * The lock belongs to the process, and closing any descriptor of the file would drop it: one
     * reader of this process at a time locks or closes.
     */
    private static final Object ONE = new Object();

    private final ByteBuffer word = direct(Long.BYTES);
    private final ByteBuffer report = direct(REPORT_BYTES);
    private FileChannel file;
    private long slotAt;
    private long claim;
    private long toldNs;
    private String refusal;

    Registration(Path segmentPath, String name) {
        Path path = segmentPath.resolveSibling(segmentPath.getFileName() + ".readers");
        synchronized (ONE) {
            try {
                Host.uninterrupted(() -> {
                    open(path);
                    claim(name);
                    return null;
                });
            } catch (IOException e) {
                refusal = e.getMessage();
                forget();
            }
        }
    }

    private static ByteBuffer direct(int size) {
        return ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Why there is no slot; null: there is one. */
    String refusal() {
        return refusal;
    }

    private void open(Path path) throws IOException {
        Host.Opened opened = Host.open(path, true);
        file = opened.channel();
        if (opened.links() != 1 || file.size() != FILE_SIZE) {
            throw new IOException(path + ": not a file of readers of one name and " + FILE_SIZE + " bytes");
        }
        if (Host.isStrangers(opened, path, true)) {
            throw new IOException(path + ": owned by another user");
        }
    }

    private void claim(String name) throws IOException {
        FileLock lock = lock();
        if (lock == null) {
            throw new IOException("another process keeps the file of readers locked");
        }
        try {
            long claims = check();
            slotAt = freeSlot();
            store(claims == -1 ? 1 : claims + 1, name); // 0 would be a free slot
        } finally {
            lock.release();
        }
    }

    /** Null: somebody else keeps it. */
    private FileLock lock() throws IOException {
        long start = System.nanoTime();
        for (;;) {
            FileLock lock;
            try {
                lock = file.tryLock(0, 1, false);
            } catch (OverlappingFileLockException e) {
                lock = null; // somebody of this process who is no reader of ours
            }
            if (lock != null || System.nanoTime() - start >= LOCK_NS) {
                return lock;
            }
            try {
                Thread.sleep(LOCK_PAUSE_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return null;
            }
        }
    }

    private ByteBuffer read(long at, int size) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, at + bytes.position()) <= 0) {
                throw new IOException("the file of readers was cut short");
            }
        }
        return bytes;
    }

    /** The header must be that of this format, boot and host; claims so far. */
    private long check() throws IOException {
        ByteBuffer h = read(0, Layout.READERS_HEADER_SIZE);
        byte[] boot = Arrays.copyOfRange(h.array(), ReadersHeaderAt.BOOT_ID, ReadersHeaderAt.BOOT_ID + 16);
        boolean ours = h.getLong(ReadersHeaderAt.MAGIC) == Layout.READERS_MAGIC
                && h.getInt(ReadersHeaderAt.LAYOUT_VERSION) == Layout.LAYOUT_VERSION
                && h.getInt(ReadersHeaderAt.BYTE_ORDER) == Layout.BYTE_ORDER_TAG
                && h.getLong(ReadersHeaderAt.FORMAT_HASH) == Layout.FORMAT_HASH
                && h.getInt(ReadersHeaderAt.SLOT_COUNT) == Layout.READER_SLOTS
                && h.getInt(ReadersHeaderAt.SLOT_SIZE) == Layout.READER_SLOT_SIZE
                && Arrays.equals(boot, Host.bootId());
        if (!ours) {
            throw new IOException("the file of readers is of another format or boot");
        }
        return h.getLong(ReadersHeaderAt.CLAIMS);
    }

    /** The first that is free, else the first whose reader is gone. */
    private long freeSlot() throws IOException {
        long gone = -1;
        for (int i = 0; i < Layout.READER_SLOTS; i++) {
            long at = Layout.READERS_HEADER_SIZE + (long) i * Layout.READER_SLOT_SIZE;
            ByteBuffer slot = read(at, Layout.READER_SLOT_SIZE);
            if (slot.getLong(ReaderSlotAt.CLAIM) == 0) {
                return at;
            }
            if (gone < 0 && isGone(slot)) {
                gone = at;
            }
        }
        if (gone < 0) {
            throw new IOException("all " + Layout.READER_SLOTS + " slots of readers are taken");
        }
        return gone;
    }

    private static boolean isGone(ByteBuffer slot) throws IOException {
        if (slot.getLong(ReaderSlotAt.PID_NAMESPACE) == Host.pidNamespace()) {
            long pid = Integer.toUnsignedLong(slot.getInt(ReaderSlotAt.PID));
            return Host.isGone(pid, slot.getLong(ReaderSlotAt.START_TIME));
        }
        // nanoTime is CLOCK_MONOTONIC on Linux, as the writers' of the file.
        long age = System.nanoTime() - slot.getLong(ReaderSlotAt.UPDATED_MONOTONIC_NS);
        return age < 0 || age > Layout.READER_FORGET_NS;
    }

    private void store(long number, String name) throws IOException {
        long pid = ProcessHandle.current().pid();
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        ByteBuffer slot = direct(Layout.READER_SLOT_SIZE);
        slot.putInt(ReaderSlotAt.PID, (int) pid);
        slot.putLong(ReaderSlotAt.START_TIME, Host.startTime(pid));
        slot.putLong(ReaderSlotAt.PID_NAMESPACE, Host.pidNamespace());
        slot.putLong(ReaderSlotAt.UPDATED_MONOTONIC_NS, System.nanoTime());
        slot.put(ReaderSlotAt.NAME, text, 0, Math.min(text.length, NAME_BYTES));
        storeWord(slotAt + ReaderSlotAt.CLAIM, 0);
        slot.position(Long.BYTES);
        write(slot, slotAt + Long.BYTES);
        storeWord(ReadersHeaderAt.CLAIMS, number);
        storeWord(slotAt + ReaderSlotAt.CLAIM, number);
        claim = number;
    }

    private void storeWord(long at, long value) throws IOException {
        write(word.putLong(0, value).rewind(), at);
    }

    private void write(ByteBuffer bytes, long at) throws IOException {
        int size = bytes.remaining();
        if (file.write(bytes, at) != size) {
            throw new IOException("the file of readers took less than " + size + " bytes");
        }
    }

    private boolean isOurs() throws IOException {
        boolean whole = file.read(word.clear(), slotAt + ReaderSlotAt.CLAIM) == Long.BYTES;
        return whole && word.getLong(0) == claim;
    }

    /** Stores the cursor, at most every 10 ms, if the slot is still ours. */
    void tell(boolean atOnce, long generation, long cursor, long read, long lost) {
        if (file == null) {
            return;
        }
        long now = System.nanoTime();
        if (!atOnce && now - toldNs < Layout.READER_REPORT_NS) {
            return;
        }
        toldNs = now;
        Memory.deliver(); // an error in the midst of what a channel does would leave it locked
        report.clear();
        report.putLong(generation).putLong(cursor).putLong(read).putLong(lost).putLong(now).flip();
        boolean interrupted = Thread.interrupted(); // it would close the channel
        try {
            if (isOurs()) {
                write(report, slotAt + ReaderSlotAt.GENERATION);
            } else {
                lose("the slot was given to another reader");
            }
        } catch (IOException e) {
            lose(e.toString());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void lose(String why) {
        refusal = why;
        synchronized (ONE) {
            forget();
        }
    }

    private void forget() {
        if (file == null) {
            return;
        }
        try {
            file.close();
        } catch (IOException e) {
            // What was not told is not missed.
        }
        file = null;
    }

    /** Gives the slot back. */
    void close() {
        synchronized (ONE) {
            if (file == null) {
                return;
            }
            try {
                Host.uninterrupted(() -> {
                    FileLock lock = lock();
                    if (lock != null) {
                        if (isOurs()) {
                            storeWord(slotAt + ReaderSlotAt.CLAIM, 0);
                        }
                        lock.release();
                    }
                    return null;
                });
            } catch (IOException e) {
                // It is free when this process has ended.
            }
            forget();
        }
    }
}
