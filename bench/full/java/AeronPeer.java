import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.FragmentHandler;
import java.util.ArrayList;
import java.util.List;
import org.agrona.concurrent.SleepingMillisIdleStrategy;

/**
 * Aeron IPC between two processes: an exclusive publication with claimed buffers, a
 * subscriber that spins. ADDRESS is the driver's directory. The driver lives in the
 * writer's process; it is not on a message's way, so its one thread sleeps.
 */
final class AeronPeer {
	private static final String CHANNEL = "aeron:ipc?term-length=16m";
	private static final int STREAM = 1001;
	private static final int FRAGMENTS = 10;

	private AeronPeer() {}

	public static void main(String[] args) throws Exception {
		if (args[0].equals("read"))
			read(new Job(args));
		else
			write(args);
	}

	private static void write(String[] args) throws Exception {
		Job job = new Job(args);
		MediaDriver.Context settings = new MediaDriver.Context().aeronDirectoryName(job.address).dirDeleteOnStart(true)
			.dirDeleteOnShutdown(true).threadingMode(ThreadingMode.SHARED).sharedIdleStrategy(new SleepingMillisIdleStrategy(1))
			.termBufferSparseFile(false);
		try (MediaDriver driver = MediaDriver.launch(settings);
				Aeron aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(job.address));
				ExclusivePublication to = aeron.addExclusivePublication(CHANNEL, STREAM)) {
			Process reader = startReader(args);
			while (!to.isConnected()) {
				if (!reader.isAlive())
					throw new IllegalStateException("the reader ended");
				Thread.sleep(1);
			}
			Job.pin(job.writerCPU);
			BufferClaim claim = new BufferClaim();
			job.sendAll((sent, due) -> publish(to, claim, sent, due));
			int status = reader.waitFor();
			if (status != 0)
				throw new IllegalStateException("the reader ended with status " + status);
		}
	}

	/** This program again, as the reader, with the same settings. */
	private static Process startReader(String[] args) throws Exception {
		List<String> command = new ArrayList<>();
		command.add(ProcessHandle.current().info().command().orElseThrow());
		command.addAll(java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments());
		command.add("-cp");
		command.add(System.getProperty("java.class.path"));
		command.add(AeronPeer.class.getName());
		command.add("read");
		command.addAll(List.of(args).subList(1, args.length));
		return new ProcessBuilder(command).inheritIO().start();
	}

	private static void publish(ExclusivePublication to, BufferClaim claim, long sent, long due) {
		while (to.tryClaim(Job.WORDS * Long.BYTES, claim) < 0)
			Thread.onSpinWait();
		int at = claim.offset();
		claim.buffer().putLong(at, sent);
		claim.buffer().putLong(at + Long.BYTES, due);
		for (int i = 2; i < Job.WORDS; i++)
			claim.buffer().putLong(at + i * Long.BYTES, sent);
		claim.commit();
	}

	private static void read(Job job) throws Exception {
		boolean[] more = {true};
		FragmentHandler handler = (buffer, at, length, header) ->
			more[0] = job.take(buffer.getLong(at), buffer.getLong(at + Long.BYTES));
		try (Aeron aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(job.address))) {
			Job.pin(job.readerCPU);
			Subscription from = aeron.addSubscription(CHANNEL, STREAM);
			while (more[0])
				if (from.poll(handler, FRAGMENTS) == 0)
					Thread.onSpinWait();
		}
		job.print();
	}
}
