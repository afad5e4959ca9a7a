package tickring;

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import tickring.Layout.Answer;
import tickring.Layout.Kind;

/**
 * The Java side of make bench-readers. "drain WAY PATH" drains a full ring again and again (see
 * bench/languages/doc.go), in one of the ways next, field, head and filter; "spin PATH WARM" notes
 * when each record came, as bench/reader.c does, by the monotonic clock.
 */
public final class Bench {
    /** Far more than any run of the bench gives; what is beyond is read and not kept. */
    private static final int CAPACITY = 1 << 18;

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private Bench() {}

    private static long count(Reader reader) {
        long records = 0;
        while (reader.next() == Answer.RECORD) {
            records++;
        }
        return records;
    }

    /** The sum of the bids of all records, and their number in the array. */
    private static long sum(Reader reader, boolean head, long[] records) {
        long sum = 0;
        long seen = 0;
        TickringRecord record = reader.record();
        while ((head ? reader.nextHead() : reader.next()) == Answer.RECORD) {
            sum += record.bookTicker().bidPrice();
            seen++;
        }
        records[0] += seen;
        return sum;
    }

    private static void turns(Reader reader, String way) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            int drains = Integer.parseInt(line.substring("turn ".length()));
            long[] records = new long[1];
            long check = 0;
            long start = THREADS.getCurrentThreadCpuTime();
            for (int i = 0; i < drains; i++) {
                reader.fromOldest();
                if (way.equals("next")) {
                    records[0] += count(reader);
                } else {
                    check += sum(reader, way.equals("head"), records);
                }
            }
            long took = THREADS.getCurrentThreadCpuTime() - start;
            System.out.println(records[0] + " " + took + " " + check);
        }
    }

    private static void spin(Reader reader, int warm) throws IOException {
        long[] samples = new long[3 * CAPACITY];
        Arrays.fill(samples, 1); // no page fault later
        reader.fromLatest();
        System.out.println("ready");
        int[] kept = new int[1];
        long lost = follow(reader, warm, samples, kept);
        OutputStream out = new BufferedOutputStream(System.out);
        out.write(("samples " + kept[0] / 3 + " lost " + lost + "\n").getBytes(StandardCharsets.UTF_8));
        ByteBuffer bytes = ByteBuffer.allocate(kept[0] * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asLongBuffer().put(samples, 0, kept[0]);
        out.write(bytes.array());
        out.flush();
    }

    private static long follow(Reader reader, int warm, long[] samples, int[] kept) {
        TickringRecord record = reader.record();
        long lost = 0;
        int seen = 0;
        for (;;) {
            Answer answer = reader.next();
            if (answer == Answer.RECORD) {
                long now = System.nanoTime();
                // No branch that is first taken when it counts: the compiler would start anew there.
                int at = 3 * Math.min(Math.max(seen - warm, 0), CAPACITY - 1);
                seen++;
                samples[at] = record.recvTimeNs();
                samples[at + 1] = record.venueSequence();
                samples[at + 2] = now;
            } else if (answer == Answer.OVERRUN) {
                lost += reader.lost();
            } else if (answer == Answer.CLOSED) {
                kept[0] = 3 * Math.min(Math.max(seen - warm, 0), CAPACITY);
                return lost;
            } else if (answer != Answer.EMPTY && answer != Answer.STALE) {
                throw new IllegalStateException("answer " + answer);
            }
        }
    }

    public static void main(String[] args) throws IOException {
        Options options = Reader.options();
        if (args[0].equals("spin")) {
            try (Reader reader = options.attachPath(Path.of(args[1]))) {
                spin(reader, Integer.parseInt(args[2]));
            }
            return;
        }
        if (args[1].equals("filter")) {
            options.kinds(Kind.BOOK_TICKER).symbols("BTC/USDT", "ETH/USDT");
        }
        try (Reader reader = options.attachPath(Path.of(args[2]))) {
            turns(reader, args[1]);
        }
    }
}
