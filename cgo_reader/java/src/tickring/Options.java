package tickring;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import tickring.Layout.Kind;

/** How to attach to a feed; {@link #attach} or {@link #attachPath} ends it. */
public final class Options {
    private static final String DEFAULT_DIRECTORY = "/dev/shm/tickring";
    /** How often the name of a feed that is not there yet is tried: a few system calls each. */
    private static final long TRY_EVERY_MS = 10;

    boolean follow;
    boolean prefault;
    String name;
    private Path directory;
    private Duration awaitFor = Duration.ZERO;
    private boolean latest;
    private Collection<Kind> kinds = Set.of();
    private Collection<String> symbols = Set.of();

    Options() {}

    /** Where feeds are; without it TICKRING_DIR of the environment, or /dev/shm/tickring. */
    public Options directory(Path place) {
        directory = place;
        return this;
    }

    /**
     * How long to wait for a feed that does not exist yet, or has not all symbols of the filter
     * yet. Without it attach fails at once.
     */
    public Options awaitFor(Duration time) {
        awaitFor = time;
        return this;
    }

    /** Move to the feed's next generation when this one ends or stands still. */
    public Options follow() {
        follow = true;
        return this;
    }

    /** Begin behind the newest record instead of at the oldest. */
    public Options fromLatest() {
        latest = true;
        return this;
    }

    /** Hand out these kinds only. */
    public Options kinds(Kind... wanted) {
        kinds = List.of(wanted);
        return this;
    }

    /** Hand out these instruments only: "BTC/USDT", or the venue's spelling. */
    public Options symbols(String... wanted) {
        symbols = List.of(wanted);
        return this;
    }

    /** A name under which `tickring stat` tells this reader's lag and losses. */
    public Options register(String readerName) {
        name = readerName;
        return this;
    }

    /** Touch every page when attaching, instead of taking a page fault at its first record. */
    public Options prefault() {
        prefault = true;
        return this;
    }

    /**
     * Attaches to a feed by name.
     *
     * @throws AttachException saying what is wrong and what to do; with awaitFor the last reason
     */
    public Reader attach(String feed) throws AttachException {
        String place = System.getenv().getOrDefault("TICKRING_DIR", DEFAULT_DIRECTORY);
        Path path = (directory != null ? directory : Path.of(place)).resolve(".").normalize();
        Segment.checkName(feed, path);
        return repeat(path.resolve(feed), feed);
    }

    /**
     * Attaches to a segment by the path of its file.
     *
     * @throws AttachException as of attach
     */
    public Reader attachPath(Path path) throws AttachException {
        return repeat(path, null);
    }

    private Reader repeat(Path path, String feed) throws AttachException {
        long start = System.nanoTime();
        for (;;) {
            try {
                return once(path, feed);
            } catch (AttachException e) {
                boolean over = System.nanoTime() - start >= awaitFor.toNanos();
                if (over || !e.code().passes() || !pause()) {
                    throw e;
                }
            }
        }
    }

    private Reader once(Path path, String feed) throws AttachException {
        Reader reader = new Reader(path, feed, this);
        for (String symbol : symbols) {
            if (reader.find(symbol) < 0) {
                reader.close();
                throw new AttachException(AttachException.Code.NO_INSTRUMENT, path);
            }
        }
        reader.filter(kinds, symbols);
        if (latest) {
            reader.fromLatest();
        }
        reader.register(name);
        return reader;
    }

    /** False: the thread was interrupted. */
    private static boolean pause() {
        try {
            Thread.sleep(TRY_EVERY_MS);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
