import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.dsl.Disruptor;
import com.lmax.disruptor.dsl.ProducerType;
import java.util.concurrent.CountDownLatch;

/**
 * LMAX Disruptor: two threads of one process, as it is made for; one producer, one
 * handler, busy spin, as many slots as our ring.
 */
final class DisruptorPeer {
	private static final int SLOTS = 65536;

	/** 128 bytes of data. */
	private static final class Message {
		final long[] words = new long[Job.WORDS];
	}

	private DisruptorPeer() {}

	public static void main(String[] args) throws Exception {
		Job job = new Job(args);
		CountDownLatch started = new CountDownLatch(1), done = new CountDownLatch(1);
		Disruptor<Message> disruptor = new Disruptor<>(Message::new, SLOTS, Thread::new, ProducerType.SINGLE, new BusySpinWaitStrategy());
		disruptor.handleEventsWith(new EventHandler<Message>() {
			@Override
			public void onStart() {
				Job.pin(job.readerCPU);
				started.countDown();
			}

			@Override
			public void onEvent(Message m, long sequence, boolean last) {
				if (!job.take(m.words[0], m.words[1]))
					done.countDown();
			}
		});
		RingBuffer<Message> ring = disruptor.start();
		started.await();
		Job.pin(job.writerCPU);
		job.sendAll((sent, due) -> publish(ring, sent, due));
		done.await();
		disruptor.shutdown();
		job.print();
	}

	private static void publish(RingBuffer<Message> ring, long sent, long due) {
		long n = ring.next();
		long[] words = ring.get(n).words;
		words[0] = sent;
		words[1] = due;
		for (int i = 2; i < Job.WORDS; i++)
			words[i] = sent;
		ring.publish(n);
	}
}
