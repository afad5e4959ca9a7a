import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a Java peer is asked for, as peer.h says, and what all of them share: pacing,
 * pinning, samples. Times are of System.nanoTime, the host's monotonic clock, which all
 * processes have in common; INTERVAL is in ns.
 */
final class Job {
	/** Messages sent before all others, as fast as possible, for the compiler's sake. */
	static final int COMPILE = 200_000;
	/** Longs in a message: when it was sent, when it was due, and what fills 128 bytes. */
	static final int WORDS = 16;
	/** In place of the time sent: the mark behind the last message. */
	static final long END = 0;

	final String address;
	final int count, warm, writerCPU, readerCPU, helperCPU;
	final long interval;
	private final long[] samples;
	private int seen, kept;

	Job(String[] args) {
		if (args.length != 8)
			throw new IllegalArgumentException("want KIND ADDRESS COUNT WARM WRITER_CPU READER_CPU HELPER_CPU INTERVAL");
		address = args[1];
		count = Integer.parseInt(args[2]);
		warm = Integer.parseInt(args[3]);
		writerCPU = Integer.parseInt(args[4]);
		readerCPU = Integer.parseInt(args[5]);
		helperCPU = Integer.parseInt(args[6]);
		interval = Long.parseLong(args[7]);
		samples = new long[3 * count];
		java.util.Arrays.fill(samples, 1); // no page fault later
	}

	/** Sends one message of these two times. */
	interface Sender {
		void send(long sent, long due);
	}

	/** Sends all messages and the mark. Those before the warm ones have a negative time. */
	void sendAll(Sender to) {
		for (int i = 0; i < COMPILE; i++)
			to.send(-1, System.nanoTime());
		long due = System.nanoTime() + interval;
		for (int i = 0; i < warm + count; i++, due += interval) {
			long now = System.nanoTime();
			while (interval > 0 && now < due)
				now = System.nanoTime();
			to.send(now, interval > 0 ? due : now);
		}
		to.send(END, 0);
	}

	/** Notes a message; false at the end. */
	boolean take(long sent, long due) {
		long now = System.nanoTime();
		if (sent == END)
			return false;
		if (sent > 0 && seen++ >= warm && kept < 3 * count) {
			samples[kept++] = sent;
			samples[kept++] = due;
			samples[kept++] = now;
		}
		return true;
	}

	/** Prints what was noted. */
	void print() throws IOException {
		ByteBuffer bytes = ByteBuffer.allocate(kept * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
		for (int i = 0; i < kept; i++)
			bytes.putLong(samples[i]);
		OutputStream out = System.out;
		out.write(("samples " + kept / 3 + " lost " + (warm + count - seen) + "\n").getBytes(StandardCharsets.US_ASCII));
		out.write(bytes.array());
		out.flush();
	}

	/** Binds the calling thread to a CPU. Java cannot; util-linux's taskset does. */
	static void pin(int cpu) {
		try {
			Path thread = Files.readSymbolicLink(Path.of("/proc/thread-self"));
			Process p = new ProcessBuilder("taskset", "-pc", Integer.toString(cpu), thread.getFileName().toString())
				.redirectErrorStream(true).start();
			String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
			if (p.waitFor() != 0)
				throw new IllegalStateException("pin to CPU " + cpu + ": " + said.strip());
		} catch (IOException | InterruptedException e) {
			throw new IllegalStateException("pin to CPU " + cpu, e);
		}
	}
}
