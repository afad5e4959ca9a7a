package tickring;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import tickring.AttachException.Code;
import tickring.Check.Dir;
import tickring.Check.Writer;
import tickring.Layout.Answer;
import tickring.Layout.BoardSlot;
import tickring.Layout.Flags;
import tickring.Layout.Kind;

/**
 * Tests of what the conformance kit does not ask: java -cp … tickring.Tests WRITER. The writer is
 * a process of its own; what is timed out is bounded by a deadline and never slept for.
 */
public final class Tests {
    private static final boolean FULL = "1".equals(System.getenv("TICKRING_FULL"));
    private static final Duration LONG = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofMillis(2);
    private static String writer;

    private Tests() {}

    @FunctionalInterface
    private interface Body {
        void run(Dir dir, Writer writer) throws Exception;
    }

    public static void main(String[] args) throws IOException {
        writer = args[0];
        Map<String, Body> tests = new LinkedHashMap<>();
        tests.put("decimals are exact, absent stays absent", Tests::decimals);
        tests.put("every kind's fields are read", Tests::fields);
        tests.put("attach waits for a feed and for its symbols", Tests::awaits);
        tests.put("a filter by symbol passes what is listed later", Tests::listedLater);
        tests.put("a reader that follows moves to the next generation", Tests::follows);
        tests.put("a late join leaves out what the board covers", Tests::joins);
        tests.put("fresh_within and quote age ask state, connection and clock", Tests::freshness);
        tests.put("records under fire are whole and every loss is told", Tests::underFire);
        tests.put("nothing is allocated for a record", Tests::allocatesNothing);
        tests.put("a file cut short is damage, read at full speed", Tests::cutWhileReading);
        tests.put("a file cut short is damage, for every call", Tests::cutForEveryCall);
        tests.put("an interrupted thread reads on and stays interrupted", Tests::interrupted);
        tests.put("a registered reader is told by name, cursor and losses", Tests::registered);
        tests.put("a file of readers that is nonsense harms nobody", Tests::nonsenseReaders);
        tests.put("two feeds come out on one clock, ends are told once", Tests::polls);
        int failed = 0;
        for (Map.Entry<String, Body> test : tests.entrySet()) {
            failed += run(test.getKey(), test.getValue()) ? 0 : 1;
        }
        System.out.println("java: " + (tests.size() - failed) + " tests passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    private static boolean run(String name, Body body) throws IOException {
        try (Dir dir = new Dir(); Writer w = new Writer(writer)) {
            body.run(dir, w);
            return true;
        } catch (Exception | AssertionError | InternalError e) {
            System.out.println("FAILED: " + name);
            e.printStackTrace(System.out);
            return false;
        }
    }

    private static Path made(Dir dir, Writer w, String feed, int slots) throws IOException {
        Path path = dir.path.resolve(feed);
        w.run("make " + path + " " + feed + " " + slots + " 1");
        return path;
    }

    private static Reader open(Path path) throws AttachException {
        return Reader.options().attachPath(path);
    }

    private static void decimals(Dir dir, Writer w) {
        Check.equal(new BigDecimal("64250.10"), Decimals.exact(6425010, -2));
        Check.equal("64250.1", Decimals.text(6425010, -2));
        Check.equal("-0.0000000001", Decimals.text(-1, -10));
        Check.equal("1200", Decimals.text(12, 2));
        Check.equal("0", Decimals.text(0, 9));
        Check.equal("-9223372036854775807000", Decimals.text(-Long.MAX_VALUE, 3));
        Check.equal(null, Decimals.exact(Layout.ABSENT, 0));
        Check.equal("absent", Decimals.text(Layout.ABSENT, 0));
        Check.holds(Double.isNaN(Decimals.nearest(Layout.ABSENT, 0)), "an absent double");
        long[] mantissas = {1, -7, 123456789, (1L << 53) + 1, Long.MAX_VALUE, -Long.MAX_VALUE};
        for (long mantissa : mantissas) {
            for (int exponent = -128; exponent <= 127; exponent++) {
                double want = new BigDecimal(java.math.BigInteger.valueOf(mantissa), -exponent).doubleValue();
                Check.equal(want, Decimals.nearest(mantissa, exponent));
            }
        }
    }

    private static void fields(Dir dir, Writer w) throws IOException {
        Path path = made(dir, w, "fields", 64);
        w.run("mix 1");
        try (Reader reader = open(path)) {
            TickringRecord r = reader.record();
            next(reader, Kind.BOOK_TICKER);
            Check.equal(new BigDecimal("0.01"), r.price(r.bookTicker().bidPrice()));
            Check.equal("0.000003", r.quantityText(r.bookTicker().askQuantity()));
            Check.holds(r.has(Flags.FIRST) && r.has(Flags.LAST) && !r.has(Flags.SNAPSHOT), "flags");
            next(reader, Kind.TRADE);
            Check.equal(1234.56, r.priceDouble(r.trade().price()));
            Check.equal("abc", r.trade().text());
            Check.equal(Layout.Aggressor.SELL, r.trade().aggressor());
            next(reader, Kind.TICKER);
            Check.equal(new BigDecimal("1.23450"), r.ticker().baseVolume());
            Check.equal(null, r.price(r.ticker().bid()));
            Check.equal(Layout.ABSENT, r.eventTimeNs());
            next(reader, Kind.PERPETUAL);
            Check.equal(new BigDecimal("-0.000125"), r.perpetual().fundingRate());
            Check.equal(null, r.perpetual().openInterest());
            next(reader, Kind.STATUS);
            Check.equal("lücke", r.status().text());
            Check.equal(1429L, r.status().reason());
            Check.equal(Layout.NO_CONNECTION, r.status().connection());
            next(reader, Kind.DEPTH);
            Check.equal(2, r.depth().bids());
            Check.equal("101", r.priceText(r.depth().price(2)));
            refuses("a level beyond those there are", () -> r.depth().price(3));
            refuses("a body of another kind", r::trade);
        }
    }

    private static void next(Reader reader, Kind kind) {
        Check.equal(Answer.RECORD, reader.next());
        Check.equal(kind, reader.record().kind());
    }

    private static void refuses(String what, Supplier<?> call) {
        try {
            call.get();
        } catch (IndexOutOfBoundsException | IllegalStateException e) {
            return;
        }
        throw new AssertionError("was not refused: " + what);
    }

    private static void refused(Code code, Options options, String feed) {
        try {
            options.attach(feed).close();
        } catch (AttachException e) {
            Check.equal(code, e.code());
            return;
        }
        throw new AssertionError("attached, want " + code);
    }

    private static void awaits(Dir dir, Writer w) throws Exception {
        Options options = Reader.options().directory(dir.path);
        refused(Code.NO_FEED, options, "later");
        refused(Code.NAME, options, "../later");
        var waiting = java.util.concurrent.CompletableFuture.supplyAsync(() -> {
            try (Reader r = Reader.options().directory(dir.path).awaitFor(LONG).symbols("XRP/USDT").attach("later")) {
                return r.find("XRP/USDT");
            } catch (AttachException e) {
                throw new IllegalStateException(e);
            }
        });
        made(dir, w, "later", 16);
        refused(Code.NO_INSTRUMENT, Reader.options().directory(dir.path).symbols("XRP/USDT"), "later");
        w.run("add XRP/USDT");
        Check.equal(2, waiting.get());
    }

    private static void listedLater(Dir dir, Writer w) throws IOException {
        try (Reader reader = open(made(dir, w, "listed", 64))) {
            reader.filter(List.of(Kind.BOOK_TICKER), List.of("ETH_USDT", "XRP/USDT"));
            w.run("quotes 4", "add XRP/USDT", "mix 1");
            next(reader, Kind.BOOK_TICKER);
            Check.equal(1, reader.record().instrument());
            next(reader, Kind.BOOK_TICKER);
            Check.equal(3L, reader.record().sequence());
            Check.equal(1, reader.record().instrument());
            Check.equal(Answer.RECORD, reader.next());
            Check.equal(5L, reader.record().sequence());
            Check.equal(Answer.EMPTY, reader.next());
            Check.equal(3L, reader.stats().records());
            Check.equal(2, reader.find("XRP_USDT"));
        }
    }

    private static void follows(Dir dir, Writer w) throws IOException {
        Path path = made(dir, w, "moving", 64);
        try (Reader reader = Reader.options().directory(dir.path).follow().symbols("ETH/USDT").attach("moving");
                Writer second = new Writer(writer)) {
            w.run("quotes 2");
            Check.equal(Answer.RECORD, reader.next());
            second.run("make " + path + " moving 64 2", "quotes 3");
            w.run("supersede 2");
            Answer answer = reader.next();
            while (reader.generation() == 1) {
                Check.equal(Answer.SUPERSEDED, answer);
                reader.await(LONG);
                answer = reader.next();
            }
            Check.equal(Answer.SUPERSEDED, answer);
            Check.equal(2L, reader.generation());
            Check.equal(Answer.RECORD, reader.next());
            Check.equal(1L, reader.record().sequence());
            Check.equal(Answer.RECORD, reader.next());
            Check.equal(Answer.EMPTY, reader.next());
            Check.equal(3L, reader.stats().records());
            Check.equal(1L, reader.stats().moves());
            Check.equal(false, reader.reattach());
            second.run("close");
            Check.equal(Answer.CLOSED, reader.await(SHORT));
            Check.equal(Answer.CLOSED, reader.next());
        }
    }

    private static void joins(Dir dir, Writer w) throws IOException {
        Path path = made(dir, w, "late", 64);
        w.run("quotes 4", "book", "status");
        try (Reader reader = open(path)) {
            List<String> board = new ArrayList<>();
            long watermark = reader.join((id, slot, answer, r) -> board.add(id + " " + slot + " " + r.sequence()));
            Check.equal(5L, watermark);
            Check.equal(List.of("0 BOOK_TICKER 4", "1 BOOK_TICKER 3"), board);
            w.run("quotes 1");
            Check.equal(Answer.RECORD, reader.next());
            Check.equal(6L, reader.record().sequence());
            Book book = new Book();
            Check.equal(Answer.RECORD, reader.book(0, book));
            Check.holds(book.isValid() && book.bidCount() == 2 && book.askCount() == 1, "the book's sides");
            Check.equal(new BigDecimal("99.99"), book.price(book.bidPrice(1)));
            Check.equal(new BigDecimal("0.000002"), book.quantity(book.askQuantity(0)));
            refuses("a bid beyond those there are", () -> book.bidPrice(2));
            Check.equal(Answer.EMPTY, reader.book(1, book));
            Check.equal(Answer.EMPTY, reader.board(99, BoardSlot.TRADE, new TickringRecord()));
            Check.equal("BTC/USDT", reader.instruments().get(0).symbol());
            Check.equal(null, reader.instrument(2));
            Check.equal("late", reader.info().feed());
        }
    }

    private static void freshness(Dir dir, Writer w) throws IOException {
        try (Reader reader = open(made(dir, w, "fresh", 16))) {
            Duration hour = Duration.ofHours(1);
            w.run("beat");
            Check.holds(reader.freshWithin("BTC/USDT", hour), "a live instrument is fresh");
            Check.holds(!reader.freshWithin("XRP/USDT", hour), "an unknown one is not");
            Check.holds(!reader.freshWithin(0, Duration.ZERO.minusNanos(1)), "nothing is that new");
            long age = reader.quoteAgeNs("BTC/USDT");
            Check.holds(age >= 0 && age < hour.toNanos(), "age " + age);
            Check.equal(-1L, reader.quoteAgeNs(1));
            w.run("state 3", "beat"); // SUBSCRIBED and STALE
            Check.holds(!reader.freshWithin(0, hour), "a stale instrument is not fresh");
            w.run("state 1", "beat");
            Check.holds(reader.freshWithin(0, hour), "and fresh again");
            Check.eventually("a publisher that stands still", () -> !reader.freshWithin(0, hour));
            Check.eventually("STALE", () -> reader.next() == Answer.STALE);
            w.run("beat");
            Check.equal(Answer.EMPTY, reader.next());
            w.run("close");
            Check.holds(!reader.freshWithin(0, hour), "a closed feed is not fresh");
        }
    }

    private static void underFire(Dir dir, Writer w) throws IOException {
        long records = FULL ? 40_000_000 : 1_000_000;
        int[] rings = {8, 1024};
        for (int slots : rings) {
            Path path = made(dir, w, "fire" + slots, slots);
            try (Reader reader = open(path)) {
                w.send("run " + records).send("close");
                long expected = 1;
                Answer answer = reader.next();
                for (; answer != Answer.CLOSED; answer = reader.next()) {
                    if (answer == Answer.RECORD) {
                        Check.holds(isWhole(reader.record(), expected), "record " + expected);
                        expected++;
                    } else if (answer == Answer.OVERRUN) {
                        expected += reader.lost();
                        Check.equal(expected, reader.position());
                    } else {
                        Check.holds(answer == Answer.EMPTY || answer == Answer.STALE, "answer " + answer);
                    }
                }
                Check.equal(records + 1, expected);
                Check.equal(records, reader.stats().records() + reader.stats().lost());
                Check.equal("ok", w.answer());
                Check.equal("ok", w.answer());
            }
        }
    }

    /** Every word of a quote follows from its sequence. */
    private static boolean isWhole(TickringRecord r, long n) {
        TickringRecord.BookTicker q = r.bookTicker();
        return r.sequence() == n && q.bidPrice() == n && q.bidQuantity() == 2 * n && q.askPrice() == n + 1
                && q.askQuantity() == 3 * n && q.sendTimeNs() == 5 * n && q.bookEpoch() == (n & 0xffffffffL)
                && r.eventTimeNs() == 7 * n && r.venueSequence() == n && r.instrument() == n % 2;
    }

    private static void allocatesNothing(Dir dir, Writer w) throws IOException {
        Path path = made(dir, w, "frugal", 4096);
        w.run("run 4000", "book");
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Reader reader = Reader.options().kinds(Kind.BOOK_TICKER).symbols("BTC/USDT").attachPath(path);
                Reader other = open(path)) {
            Poller poller = new Poller(reader, other);
            Book book = new Book();
            TickringRecord entry = new TickringRecord();
            long least = Long.MAX_VALUE;
            // The first rounds allocate: classes are loaded, clocks' objects are not yet optimised away.
            for (int round = 0; round < 5; round++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 50; i++) {
                    reader.fromOldest();
                    other.fromOldest();
                    while (poller.next() == Answer.RECORD) {
                        reader.board(0, BoardSlot.BOOK_TICKER, entry);
                    }
                    reader.book(0, book);
                    poller.await(Duration.ZERO);
                }
                least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
            }
            // Some hundred bytes a look at the empty ring are the guard's; 300,000 records are none.
            Check.holds(least < 50 * 2_000, least + " bytes were allocated for 300,000 records");
        }
    }

    private static void cut(Path path, long size) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.WRITE)) {
            file.truncate(size);
        }
    }

    /** The error of compiled code comes late; it must be told as damage all the same. */
    private static void cutWhileReading(Dir dir, Writer w) throws Exception {
        long[] sizes = {0, Layout.HEADER_SIZE, 0};
        for (int i = 0; i < sizes.length; i++) {
            Path path = made(dir, w, "cut" + i, 4096);
            w.run("run 4090");
            try (Reader reader = open(path)) {
                for (int drains = 0; drains < 200; drains++) { // until it is compiled
                    reader.fromOldest();
                    while (reader.next() == Answer.RECORD) {
                        Check.holds(isWhole(reader.record(), reader.record().sequence()), "a record");
                    }
                }
                long size = sizes[i];
                Thread robber = new Thread(() -> {
                    try {
                        cut(path, size);
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                });
                robber.start();
                int[] errors = {0};
                Check.eventually("DAMAGED", () -> {
                    try {
                        return goesRound(reader) == Answer.DAMAGED;
                    } catch (InternalError e) { // between two calls, as documented
                        boolean known = Memory.isFault(e) && (size > 0 || ++errors[0] == 1);
                        Check.holds(known, "an error instead of DAMAGED: " + e);
                        return false;
                    }
                });
                robber.join();
                Check.equal(Answer.DAMAGED, reader.next());
                Check.equal(Answer.DAMAGED, reader.await(SHORT));
            }
        }
    }

    /** Drains the ring and goes back to its beginning; the last answer. */
    private static Answer goesRound(Reader reader) {
        Answer answer = reader.next();
        while (answer == Answer.RECORD) {
            Check.holds(isWhole(reader.record(), reader.record().sequence()), "a record of a file that is cut");
            answer = reader.next();
        }
        if (answer == Answer.EMPTY || answer == Answer.STALE) {
            try {
                reader.fromOldest();
            } catch (DamagedException e) {
                return reader.next();
            }
        }
        return answer;
    }

    private static void cutForEveryCall(Dir dir, Writer w) throws IOException {
        TickringRecord entry = new TickringRecord();
        Book book = new Book();
        List<java.util.function.Function<Reader, Object>> calls = List.of(
                r -> r.next(), r -> r.nextHead(), r -> r.await(LONG), r -> new Poller(r).next(),
                r -> r.board(0, BoardSlot.BOOK_TICKER, entry), r -> r.book(0, book),
                r -> r.freshWithin(0, LONG), r -> r.quoteAgeNs(0), r -> r.find("NO/SUCH"),
                r -> r.instruments(), r -> r.state(0), r -> r.connection(0), r -> r.info(), r -> r.lag(),
                r -> r.join((id, slot, answer, record) -> { }));
        for (int i = 0; i < calls.size(); i++) {
            Path path = made(dir, w, "call" + i, 16);
            try (Reader reader = open(path)) {
                var what = calls.get(i);
                java.util.function.BooleanSupplier tells = () -> tells(call(what, reader));
                if (i > 2) { // run before, so that nothing is loaded between two calls
                    tells.getAsBoolean();
                } else {
                    Check.holds(!tells(reader.next()), "next tells of a cut before there is one");
                }
                cut(path, 0);
                Check.eventually("call " + i + " tells of the cut", tells);
                Check.eventually("DAMAGED", () -> reader.next() == Answer.DAMAGED);
            }
        }
    }

    private static boolean tells(Object said) {
        return said == Answer.DAMAGED || said.equals(false) || said.equals(-1L) || said instanceof DamagedException;
    }

    private static Object call(java.util.function.Function<Reader, Object> what, Reader reader) {
        try {
            return what.apply(reader);
        } catch (DamagedException e) {
            return e;
        }
    }

    private static void interrupted(Dir dir, Writer w) throws IOException {
        Path path = made(dir, w, "calm", 16);
        w.run("readers " + path + ".readers");
        try (Reader reader = Reader.options().register("calm").attachPath(path)) {
            Thread.currentThread().interrupt();
            long start = System.nanoTime();
            while (System.nanoTime() - start < 3 * Layout.READER_REPORT_NS) {
                Check.equal(Answer.EMPTY, reader.next());
            }
            Check.equal(Answer.EMPTY, reader.await(LONG));
            Check.holds(Thread.interrupted(), "the thread is still interrupted");
            Check.equal(null, reader.registrationRefusal());
            cut(path, 0);
            Check.eventually("DAMAGED", () -> reader.next() == Answer.DAMAGED);
        } finally {
            Thread.interrupted();
        }
    }

    private static List<String> listed(Writer w, Path path) throws IOException {
        String said = w.send("listed " + path + ".readers").answer();
        return List.of(said.split(" ")).stream().skip(1).toList();
    }

    private static void registered(Dir dir, Writer w) throws IOException {
        Path path = made(dir, w, "named", 16);
        w.run("readers " + path + ".readers");
        long me = ProcessHandle.current().pid();
        try (Reader reader = Reader.options().follow().register("quoter").attachPath(path);
                Writer next = new Writer(writer)) {
            Check.equal(null, reader.registrationRefusal());
            Check.equal(List.of(me + ":1:1:0:0:quoter"), listed(w, path));
            try (Reader second = Reader.options().register("second").attachPath(path)) {
                Check.equal(null, second.registrationRefusal());
                Check.equal(2, listed(w, path).size());
            }
            Check.equal(1, listed(w, path).size());
            w.run("quotes 17");
            while (reader.next() != Answer.EMPTY) { }
            String want = me + ":1:18:15:2:quoter";
            Check.eventually("the report", () -> reader.await(SHORT) == Answer.EMPTY && has(w, path, want));
            next.run("make " + path + " named 16 2", "quotes 3");
            w.run("supersede 2");
            Check.eventually("the move", () -> {
                reader.await(SHORT);
                return reader.next() == Answer.EMPTY && has(w, path, me + ":2:4:3:0:quoter");
            });
        }
        Check.equal(List.of(), listed(w, path));
    }

    private static boolean has(Writer w, Path path, String entry) {
        try {
            return listed(w, path).equals(List.of(entry));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void nonsenseReaders(Dir dir, Writer w) throws IOException {
        Path path = made(dir, w, "robbed", 16);
        Path readers = Path.of(path + ".readers");
        w.run("quotes 3", "readers " + readers);
        byte[] good = Files.readAllBytes(readers);
        Files.delete(readers);
        List<byte[]> bad = new ArrayList<>(List.of(new byte[0], new byte[good.length]));
        bad.add(good.clone());
        bad.get(2)[Layout.ReadersHeaderAt.FORMAT_HASH] ^= 1;
        registersNot(path);
        for (byte[] each : bad) {
            Files.write(readers, each);
            registersNot(path);
        }
        Files.write(readers, good);
        try (Reader reader = Reader.options().register("robbed").attachPath(path)) {
            Check.equal(null, reader.registrationRefusal());
            cut(readers, 0);
            Check.eventually("it is told", () -> {
                reader.fromOldest();
                return reader.next() == Answer.RECORD && reader.await(SHORT) == Answer.RECORD
                        && reader.next() == Answer.RECORD && reader.next() == Answer.RECORD
                        && reader.next() == Answer.EMPTY && reader.registrationRefusal() != null;
            });
        }
    }

    private static void registersNot(Path path) throws IOException {
        try (Reader reader = Reader.options().register("nobody").attachPath(path)) {
            Check.holds(reader.registrationRefusal() != null, "a slot in nonsense");
            Check.equal(Answer.RECORD, reader.next());
        }
    }

    private static void polls(Dir dir, Writer w) throws IOException {
        try (Writer other = new Writer(writer); Reader a = open(made(dir, w, "a", 4096));
                Reader b = open(made(dir, other, "b", 4096))) {
            Poller poller = new Poller(a, b);
            Check.equal(Answer.EMPTY, poller.next());
            Check.equal(-1, poller.feed());
            for (int i = 0; i < 3; i++) {
                w.run("quotes 2");
                other.run("quotes 1");
            }
            w.run("close");
            Check.holds(poller.await(LONG), "there is something to say");
            StringBuilder order = new StringBuilder();
            for (int i = 0; i < 10; i++) {
                Answer answer = poller.next();
                order.append(answer == Answer.RECORD ? "" + poller.feed() : answer + "" + poller.feed());
            }
            Check.equal("00100100CLOSED01", order.toString().replace("EMPTY-1", ""));
            Check.equal(false, poller.await(SHORT));
            other.run("run 3000");
            w.run("make " + dir.path.resolve("c") + " c 64 1", "quotes 2");
            try (Reader c = open(dir.path.resolve("c"))) {
                Poller fair = new Poller(b, c);
                List<Integer> turns = new ArrayList<>();
                for (int i = 0; i < 2100; i++) {
                    Check.equal(Answer.RECORD, fair.next());
                    if (fair.feed() == 1) {
                        turns.add(i);
                    }
                }
                Check.equal(List.of(1024, 2049), turns);
            }
        }
    }
}
