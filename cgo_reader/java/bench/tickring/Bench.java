package tickring;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.LongSupplier;
import tickring.Layout.Answer;
import tickring.Layout.Kind;

/**
 * What a record costs beside the C reader, in one run: both drain the same full ring in turn, so
 * that what disturbs one of them disturbs both. Medians over the rounds are printed: of what a
 * record costs, and of each round's ratio to the C library's next.
 */
public final class Bench {
    private static final int SLOTS = 1 << 16;
    private static final int WARM_ROUNDS = 30;
    private static final int ROUNDS = 41;
    /** Drains a round; the C side does as many. */
    private static final int DRAINS = 4;

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private Bench() {}

    /** A process that does something for each line it gets, and answers with a line. */
    private static final class Child implements AutoCloseable {
        private final Process process;
        private final BufferedWriter in;
        private final BufferedReader out;

        Child(String... command) throws IOException {
            process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            in = process.outputWriter(StandardCharsets.UTF_8);
            out = process.inputReader(StandardCharsets.UTF_8);
        }

        String ask(String line) throws IOException {
            in.write(line + "\n");
            in.flush();
            return out.readLine();
        }

        @Override
        public void close() throws IOException {
            in.close();
            process.destroy();
        }
    }

    private static long drain(Reader reader, boolean head) {
        long sum = 0;
        TickringRecord record = reader.record();
        for (int i = 0; i < DRAINS; i++) {
            reader.fromOldest();
            while ((head ? reader.nextHead() : reader.next()) == Answer.RECORD) {
                sum += record.bookTicker().bidPrice();
            }
        }
        return sum;
    }

    /** Nanoseconds a record, of this thread's processor time: others on the machine do not count. */
    private static double time(LongSupplier drain) {
        long start = THREADS.getCurrentThreadCpuTime();
        long sum = drain.getAsLong();
        long took = THREADS.getCurrentThreadCpuTime() - start;
        // Bids are 1 to SLOTS - 1, one each record.
        if (sum != DRAINS * (SLOTS - 1L) * SLOTS / 2) {
            throw new IllegalStateException("records were lost: " + sum);
        }
        return (double) took / DRAINS / (SLOTS - 1);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    public static void main(String[] args) throws IOException {
        Path memory = Path.of("/dev/shm");
        Path dir = Files.createTempDirectory(Files.isDirectory(memory) ? memory : Path.of("."), "tickring-java-");
        Path path = dir.resolve("bench");
        try (Child writer = new Child(args[0])) {
            for (String command : new String[] {"make " + path + " bench " + SLOTS + " 1", "run " + (SLOTS - 1)}) {
                String said = writer.ask(command);
                if (!"ok".equals(said)) {
                    throw new IOException(command + ": " + said);
                }
            }
            try (Child c = new Child(args[1], path.toString())) {
                run(c, path);
            }
        } finally {
            Files.deleteIfExists(path);
            Files.deleteIfExists(dir);
        }
    }

    private static void run(Child c, Path path) throws IOException {
        try (Reader plain = Reader.options().attachPath(path);
                Reader head = Reader.options().attachPath(path);
                Reader filtered = Reader.options().kinds(Kind.BOOK_TICKER).symbols("BTC/USDT", "ETH/USDT")
                        .attachPath(path)) {
            String[] names = {"C library, next", "Java, next", "Java, nextHead", "Java, next with a filter"};
            double[][] took = new double[names.length][ROUNDS];
            for (int i = -WARM_ROUNDS; i < ROUNDS; i++) {
                int at = Math.max(i, 0);
                String[] words = c.ask("turn").split(" ");
                took[0][at] = Double.parseDouble(words[1]) / Double.parseDouble(words[0]);
                took[1][at] = time(() -> drain(plain, false));
                took[2][at] = time(() -> drain(head, true));
                took[3][at] = time(() -> drain(filtered, false));
            }
            System.out.printf("Java %s, %d slots, median of %d interleaved rounds behind %d to warm up, not pinned%n",
                    System.getProperty("java.version"), SLOTS, ROUNDS, WARM_ROUNDS);
            for (int i = 0; i < names.length; i++) {
                double[] ratios = new double[ROUNDS];
                for (int round = 0; round < ROUNDS; round++) {
                    ratios[round] = took[i][round] / took[0][round];
                }
                System.out.printf("%-26s %6.2f ns a record, %.2f of C%n", names[i], median(took[i]), median(ratios));
            }
        }
    }
}
