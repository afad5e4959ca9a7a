package tickring;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;

/** What is asked of Linux: files, boot, processes, clocks. */
final class Host {
    private static final int TYPE_MASK = 0170000;
    private static final int REGULAR = 0100000;
    private static final int OTHERS_WRITE = 0002;
    /** A publisher may replace the file between the looks at it; more than once is no accident. */
    private static final int OPEN_TRIES = 3;

    private Host() {}

    /** An open file and what stat says of it. */
    record Opened(FileChannel channel, int uid, int links) {}

    private static Map<String, Object> stat(Path path) throws IOException {
        return Files.readAttributes(path, "unix:mode,ino,dev,uid,nlink", LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Opens a regular file and never follows a link. Its kind is looked at before it is opened,
     * because opening a fifo would wait, and once more behind that.
     */
    static Opened open(Path path, boolean write) throws AttachException {
        try {
            Set<OpenOption> how = write
                    ? Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)
                    : Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
            for (int i = 0; i < OPEN_TRIES; i++) {
                Map<String, Object> before = stat(path);
                if (((int) before.get("mode") & TYPE_MASK) != REGULAR) {
                    throw new AttachException(AttachException.Code.NOT_REGULAR, path);
                }
                FileChannel channel = FileChannel.open(path, how);
                if (isSame(before, path)) {
                    return new Opened(channel, (int) before.get("uid"), (int) before.get("nlink"));
                }
                channel.close();
            }
            throw new AttachException(AttachException.Code.NOT_READY, path);
        } catch (AttachException e) {
            throw e;
        } catch (IOException e) {
            throw new AttachException(codeOf(e, path), path, e);
        }
    }

    private static boolean isSame(Map<String, Object> before, Path path) throws IOException {
        Map<String, Object> after = stat(path);
        return before.get("ino").equals(after.get("ino")) && before.get("dev").equals(after.get("dev"));
    }

    private static AttachException.Code codeOf(IOException e, Path path) {
        if (e instanceof AccessDeniedException) {
            return AttachException.Code.PERMISSION;
        }
        boolean gone = e instanceof NoSuchFileException || !Files.isDirectory(directoryOf(path));
        return gone ? AttachException.Code.NO_FEED : AttachException.Code.SYSTEM;
    }

    static Path directoryOf(Path path) {
        return path.toAbsolutePath().getParent();
    }

    /** Whether a file is of somebody else, in a directory in which everybody may put one. */
    static boolean isStrangers(Opened file, Path path, boolean directoryOwnerIsFine) throws IOException {
        Map<String, Object> directory = Files.readAttributes(directoryOf(path), "unix:mode,uid");
        boolean known = file.uid == 0 || file.uid == effectiveUid()
                || directoryOwnerIsFine && directory.get("uid").equals(file.uid);
        return !known && ((int) directory.get("mode") & OTHERS_WRITE) != 0;
    }

    /** The second number of the line "Uid:". */
    private static int effectiveUid() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("Uid:")) {
                return (int) Long.parseLong(line.trim().split("\\s+")[2]);
            }
        }
        throw new IOException("/proc/self/status has no line Uid");
    }

    static byte[] bootId() throws IOException {
        String text = Files.readString(Path.of("/proc/sys/kernel/random/boot_id"));
        return HexFormat.of().parseHex(text.strip().replace("-", ""));
    }

    /** Field 22 of /proc/PID/stat; the command before it may hold anything. */
    static long startTime(long pid) throws IOException {
        String text = Files.readString(Path.of("/proc/" + pid + "/stat"), java.nio.charset.StandardCharsets.ISO_8859_1);
        try {
            return Long.parseLong(text.substring(text.lastIndexOf(')') + 1).trim().split(" ")[19]);
        } catch (IndexOutOfBoundsException | NumberFormatException e) {
            throw new IOException("/proc/" + pid + "/stat: no start time", e);
        }
    }

    /** Whether a process is known not to live any more. */
    static boolean isGone(long pid, long start) {
        try {
            return startTime(pid) != start;
        } catch (NoSuchFileException e) {
            return true;
        } catch (IOException e) {
            return !Files.exists(Path.of("/proc/" + pid)); // it ended while it was read
        }
    }

    static long pidNamespace() throws IOException {
        return (long) Files.getAttribute(Path.of("/proc/self/ns/pid"), "unix:ino");
    }

    /** Nanoseconds of the Unix epoch. */
    static long unixNanos() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000 + now.getNano();
    }

    /** What a channel does, which an interrupt would close. */
    @FunctionalInterface
    interface Io<T> {
        T run() throws IOException;
    }

    /** Runs it with this thread's interrupt put aside. */
    static <T> T uninterrupted(Io<T> io) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            return io.run();
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
