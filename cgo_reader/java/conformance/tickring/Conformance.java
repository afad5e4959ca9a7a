package tickring;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;
import tickring.Layout.Answer;
import tickring.Layout.BoardSlot;
import tickring.Layout.Kind;

/** The driver for the conformance kit; docs/conformance.md has its commands and its log. */
public final class Conformance {
    private static final Duration POLL = Duration.ofMillis(1);

    private final List<String> reply = new ArrayList<>();
    private final TickringRecord entry = new TickringRecord();
    private final Book book = new Book();
    private Reader reader;
    private boolean named; // it asked for a slot
    private Poller poller;
    private Reader[] polled = {};

    private Conformance() {}

    public static void main(String[] args) throws IOException {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Conformance driver = new Conformance();
        for (String line = in.readLine(); line != null && !line.equals("quit"); line = in.readLine()) {
            if (line.isBlank()) {
                continue;
            }
            driver.answer(line.split(" "));
            driver.reply.forEach(out::println);
            out.println(".");
            out.flush();
        }
        driver.drop();
        driver.dropPolled();
    }

    private void answer(String[] words) {
        reply.clear();
        try {
            if (!lifeCommand(words)) {
                readerCommand(words);
            }
        } catch (AttachException e) {
            reply.add("ERROR " + e.code());
        }
    }

    /** Commands that need no reader. */
    private boolean lifeCommand(String[] words) throws AttachException {
        switch (words[0]) {
            case "hello" ->
                reply.add(String.format("READER name=java format_hash=0x%016x", Layout.FORMAT_HASH));
            case "open" -> opened(Reader.options(), null, Path.of(words[1]));
            case "attach" -> opened(Reader.options(), words[2], Path.of(words[1]));
            case "await" -> {
                Duration time = Duration.ofMillis(Long.parseLong(words[3]));
                opened(Reader.options().awaitFor(time), words[2], Path.of(words[1]));
            }
            case "register" -> {
                opened(Reader.options().register(words[3]), words[2], Path.of(words[1]));
                named = true;
            }
            case "poller" -> poller(Arrays.copyOfRange(words, 1, words.length));
            case "poll" -> poll(Integer.parseInt(words[1]));
            default -> {
                return false;
            }
        }
        return true;
    }

    private void readerCommand(String[] words) throws AttachException {
        Runnable simple = simpleCommand(words);
        boolean known = simple != null || words[0].equals("reattach");
        if (!known) {
            reply.add("UNSUPPORTED");
        } else if (reader == null) {
            reply.add("NO_READER");
        } else if (simple != null) {
            simple.run();
        } else {
            boolean moved = reader.reattach();
            reply.add(moved ? "REATTACHED generation=" + Long.toUnsignedString(reader.generation())
                    + " next=" + reader.position() : "SAME");
        }
    }

    /** What a command of a reader does; null: there is none of that name. */
    private Runnable simpleCommand(String[] words) {
        return switch (words[0]) {
            case "close" -> () -> {
                drop();
                reply.add("DETACHED");
            };
            case "registered" -> () -> reply.add(
                    named && reader.registrationRefusal() == null ? "REGISTERED 1" : "REGISTERED 0");
            case "segment" -> this::segment;
            case "next" -> () -> each(words[1], reader::next, r -> "RECORD " + Log.record(r));
            case "head" -> () -> each(words[1], reader::nextHead, Log::head);
            case "until" -> () -> until(words[1], Long.parseLong(words[2]));
            case "seek" -> () -> seek(words[1]);
            case "position" -> this::position;
            case "lag" -> () -> reply.add("LAG records=" + reader.lag());
            case "stats" -> this::stats;
            case "filter" -> () -> filter(words[1], words[2]);
            case "join" -> this::join;
            case "board" -> () -> board(number(words[1]), BoardSlot.valueOf(words[2]));
            case "book" -> () -> book(number(words[1]));
            case "instruments" -> this::instruments;
            case "find" -> () -> found(reader.find(words[1]));
            case "state" -> () -> state(number(words[1]));
            case "connection" -> () -> connection(number(words[1]));
            case "counter" -> () -> reply.add("COUNTER index=" + words[1] + " value="
                    + Long.toUnsignedString(reader.counter(number(words[1]))));
            case "fresh" -> () -> reply.add(
                    reader.freshWithin(number(words[1]), number(words[2])) ? "FRESH 1" : "FRESH 0");
            case "age" -> () -> age(number(words[1]), number(words[2]));
            case "drain" -> () -> drain(number(words[1]));
            default -> null;
        };
    }

    private static long number(String text) {
        return Long.parseLong(text);
    }

    /** An id as an int; one beyond all ids stays beyond them. */
    private static int id(long number) {
        return (int) Math.min(number, Integer.MAX_VALUE);
    }

    private void drop() {
        if (reader != null) {
            reader.close();
            reader = null;
        }
    }

    private void opened(Options options, String feed, Path place) throws AttachException {
        drop();
        named = false;
        reader = feed == null ? options.attachPath(place) : options.directory(place).attach(feed);
        reply.add("OPENED generation=" + Long.toUnsignedString(reader.generation()) + " next=" + reader.position());
    }

    private void segment() {
        Segment s = reader.segment();
        SegmentInfo now = reader.info();
        int state = s.memory.acquireInt(Layout.HeaderAt.STATE);
        reply.add("SEGMENT feed=" + Log.quoted(s.feed) + " venue=" + Log.quoted(s.venue)
                + " generation=" + Long.toUnsignedString(s.generation)
                + " source=" + Log.named(Layout.Source::of, s.source)
                + " state=" + Log.named(Layout.State::of, state)
                + " slots=" + s.slots + " book_depth=" + s.bookDepth
                + " instrument_count=" + now.instrumentCount()
                + " watermark=" + Long.toUnsignedString(now.watermark())
                + " last_sequence=" + Long.toUnsignedString(now.lastSequence()));
    }

    private static String said(Answer answer, Reader of) {
        return answer == Answer.OVERRUN
                ? "OVERRUN lost=" + of.lost() + " next=" + of.position() : answer.name();
    }

    private void each(String count, Supplier<Answer> call, Function<TickringRecord, String> line) {
        for (int i = Integer.parseInt(count); i > 0; i--) {
            Answer answer = call.get();
            reply.add(answer == Answer.RECORD ? line.apply(reader.record()) : said(answer, reader));
            if (answer != Answer.RECORD && answer != Answer.OVERRUN) {
                return;
            }
        }
    }

    private void until(String wanted, long ms) {
        long end = System.nanoTime() + ms * 1_000_000;
        for (;;) {
            Answer answer = reader.next();
            if (answer == Answer.RECORD) {
                reply.add("RECORD " + Log.record(reader.record()));
                return;
            }
            boolean waits = answer == Answer.EMPTY || answer == Answer.STALE;
            if (answer.name().equals(wanted) || !waits) {
                reply.add(said(answer, reader));
                return;
            }
            if (System.nanoTime() - end >= 0) {
                reply.add("TIMEOUT");
                return;
            }
            reader.await(POLL);
        }
    }

    private void seek(String where) {
        if (where.equals("latest")) {
            reader.fromLatest();
        } else {
            reader.fromOldest();
        }
        position();
    }

    private void position() {
        reply.add("POSITION next=" + reader.position());
    }

    private void stats() {
        Stats s = reader.stats();
        reply.add("STATS records=" + s.records() + " lost=" + Long.toUnsignedString(s.lost())
                + " overruns=" + s.overruns()
                + " skipped_depth=" + s.skippedDepth());
    }

    private void filter(String kinds, String symbols) {
        Collection<Kind> wanted = new TreeSet<>();
        Collection<String> names = symbols.equals("*") ? Set.of() : List.of(symbols.split(","));
        for (String kind : kinds.equals("*") ? new String[0] : kinds.split(",")) {
            wanted.add(Kind.valueOf(kind));
        }
        TreeSet<Integer> ids = new TreeSet<>();
        names.forEach(name -> ids.add(reader.find(name)));
        if (ids.contains(-1)) {
            reply.add("ERROR NO_INSTRUMENT");
            return;
        }
        reader.filter(wanted, names);
        reply.add("FILTER kinds=" + list(wanted) + " instruments=" + list(ids));
    }

    private static String list(Collection<?> what) {
        return what.isEmpty() ? "*" : String.join(",", what.stream().map(Object::toString).toList());
    }

    private void join() {
        List<String> board = new ArrayList<>();
        long watermark = reader.join((id, slot, answer, record) ->
                board.add("BOARD instrument=" + id + " slot=" + slot + " "
                        + (answer == Answer.RECORD ? Log.record(record) : answer.name())));
        reply.add("JOINED watermark=" + watermark);
        reply.addAll(board);
        Answer answer = reader.next();
        for (; answer == Answer.RECORD; answer = reader.next()) {
            reply.add("RECORD " + Log.record(reader.record()));
        }
        reply.add(said(answer, reader));
    }

    private void board(long instrument, BoardSlot slot) {
        Answer answer = reader.board(id(instrument), slot, entry);
        reply.add(answer == Answer.RECORD ? "BOARD slot=" + slot + " " + Log.record(entry) : answer.name());
    }

    private void book(long instrument) {
        Answer answer = reader.book(id(instrument), book);
        reply.add(answer == Answer.RECORD
                ? Log.book(id(instrument), book, reader.segment().bookDepth) : answer.name());
    }

    private void instruments() {
        int count = reader.segment().instrumentCount();
        for (int id = 0; id < count; id++) {
            reply.add(Log.instrument(id, reader.segment().instrumentRow(id)));
        }
    }

    private void found(int id) {
        reply.add(id < 0 ? "ERROR NO_INSTRUMENT" : "FOUND id=" + id);
    }

    private void state(long id) {
        var row = reader.segment().stateRow(id);
        reply.add(row == null ? "ERROR NO_INSTRUMENT" : Log.state(id, row));
    }

    private void connection(long index) {
        var row = reader.segment().connectionRow(index);
        reply.add(row == null ? "ERROR ARGUMENT" : Log.connection(index, row));
    }

    private void age(long instrument, long ns) {
        long age = reader.quoteAgeNs(id(instrument));
        reply.add(age < 0 ? "AGE none" : age <= ns ? "AGE within" : "AGE beyond");
    }

    /** A stretch of records without a hole. */
    private final class Run {
        private long first;
        private long last;
        private long records;
        private long hash;

        void take(TickringRecord r) {
            if (records > 0 && r.sequence() != last + 1) {
                end();
            }
            if (records == 0) {
                first = r.sequence();
                hash = Log.HASH_SEED;
            }
            last = r.sequence();
            records++;
            hash = Log.hash(hash, r.words);
        }

        void end() {
            if (records > 0) {
                reply.add(String.format("RUN first=%d last=%d records=%d hash=%016x", first, last, records, hash));
                records = 0;
            }
        }
    }

    private void drain(long ms) {
        long end = System.nanoTime() + ms * 1_000_000;
        Run run = new Run();
        for (;;) {
            Answer answer = reader.next();
            if (answer == Answer.RECORD) {
                run.take(reader.record());
                continue;
            }
            if (answer == Answer.EMPTY || answer == Answer.STALE) {
                if (System.nanoTime() - end < 0) {
                    reader.await(POLL);
                    continue;
                }
                run.end();
                reply.add("TIMEOUT");
                return;
            }
            run.end();
            reply.add(said(answer, reader));
            if (answer != Answer.OVERRUN) {
                return;
            }
        }
    }

    private void dropPolled() {
        for (Reader each : polled) {
            each.close();
        }
        polled = new Reader[0];
        poller = null;
    }

    private void poller(String[] paths) throws AttachException {
        dropPolled();
        List<Reader> readers = new ArrayList<>();
        try {
            for (String path : paths) {
                readers.add(Reader.options().attachPath(Path.of(path)));
            }
        } catch (AttachException e) {
            readers.forEach(Reader::close);
            throw e;
        }
        polled = readers.toArray(polled);
        poller = new Poller(polled);
        reply.add("POLLER feeds=" + polled.length);
    }

    private void poll(int count) {
        if (poller == null) {
            reply.add("NO_POLLER");
            return;
        }
        for (int i = 0; i < count; i++) {
            Answer answer = poller.next();
            if (poller.feed() < 0) {
                reply.add("EMPTY");
                return;
            }
            reply.add("FEED " + poller.feed() + " " + (answer == Answer.RECORD
                    ? "RECORD " + Log.record(poller.record()) : said(answer, poller.reader())));
        }
    }
}
