package tickring;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** What tests stand on: expectations, directories, and the writer, which is another process. */
final class Check {
    private static final long DEADLINE_NS = 20_000_000_000L;

    private Check() {}

    static void equal(Object want, Object have) {
        if (!Objects.equals(want, have)) {
            throw new AssertionError("want " + want + ", have " + have);
        }
    }

    static void holds(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** Looks again and again until it is so; the bound is for a machine that hangs. */
    static void eventually(String what, BooleanSupplier condition) {
        long start = System.nanoTime();
        while (!condition.getAsBoolean()) {
            holds(System.nanoTime() - start < DEADLINE_NS, "not within the bound: " + what);
            Thread.onSpinWait();
        }
    }

    /** A directory that goes with the test. */
    static final class Dir implements AutoCloseable {
        final Path path;

        Dir() throws IOException {
            Path memory = Path.of("/dev/shm");
            path = Files.createTempDirectory(Files.isDirectory(memory) ? memory : Path.of("."), "tickring-java-");
        }

        @Override
        public void close() throws IOException {
            try (Stream<Path> files = Files.walk(path)) {
                for (Path each : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                    Files.delete(each);
                }
            }
        }
    }

    /** The writer, told line by line. */
    static final class Writer implements AutoCloseable {
        private final Process process;
        private final BufferedWriter in;
        private final BufferedReader out;

        Writer(String program) throws IOException {
            process = new ProcessBuilder(program).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            in = process.outputWriter(StandardCharsets.UTF_8);
            out = process.inputReader(StandardCharsets.UTF_8);
        }

        /** Tells it without waiting for the answer. */
        Writer send(String command) throws IOException {
            in.write(command + "\n");
            in.flush();
            return this;
        }

        /** Its next answer. */
        String answer() throws IOException {
            return out.readLine();
        }

        Writer run(String... commands) throws IOException {
            for (String command : commands) {
                equal("ok", send(command).answer());
            }
            return this;
        }

        @Override
        public void close() throws IOException {
            in.close();
            process.destroy();
        }
    }
}
