package tickring;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;

/**
 * A file mapped read-only, as 64-bit and 32-bit words. It is in pieces, because a buffer of Java
 * has at most 2 GiB; blocks that are read lie at multiples of their words' size, so that no word
 * spans two pieces.
 *
 * <p>Where the file was cut short from outside, a load is a fault that the virtual machine turns
 * into an InternalError; compiled code has it thrown late, where a loop goes round or a call
 * returns. {@link #settle} is such a place: called within a try, it keeps the error there.
 */
final class Memory {
    private static final VarHandle LONG =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT =
            MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ROUND;
    /** 1 GiB: the largest power of two that a buffer can have. */
    private static final int PIECE_BITS = 30;
    private static final long PIECE = 1L << PIECE_BITS;

    private final ByteBuffer[] pieces;
    private boolean round;

    static {
        try {
            ROUND = MethodHandles.lookup().findVarHandle(Memory.class, "round", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private Memory(ByteBuffer[] pieces) {
        this.pieces = pieces;
    }

    /** Maps size bytes of a file; prefault touches each page now instead of when it is read. */
    static Memory map(FileChannel file, long size, boolean prefault) throws IOException {
        ByteBuffer[] pieces = new ByteBuffer[(int) ((size + PIECE - 1) >>> PIECE_BITS)];
        for (int i = 0; i < pieces.length; i++) {
            long from = i * PIECE;
            long length = Math.min(PIECE, size - from);
            MappedByteBuffer piece = file.map(FileChannel.MapMode.READ_ONLY, from, length);
            if (prefault) {
                piece.load();
            }
            pieces[i] = piece;
        }
        return new Memory(pieces);
    }

    private ByteBuffer piece(long at) {
        return pieces[(int) (at >>> PIECE_BITS)];
    }

    private static int index(long at) {
        return (int) (at & (PIECE - 1));
    }

    /** A word; no later load is done before it. */
    long acquire(long at) {
        return (long) LONG.getAcquire(piece(at), index(at));
    }

    /** A word in one load, in no order. */
    long relaxed(long at) {
        return (long) LONG.getOpaque(piece(at), index(at));
    }

    int acquireInt(long at) {
        return (int) INT.getAcquire(piece(at), index(at));
    }

    int relaxedInt(long at) {
        return (int) INT.getOpaque(piece(at), index(at));
    }

    /**
     * Copies the words from the second on of a block that lies in one piece, then loads its first
     * word again; no load of the copy is done after that one.
     */
    long copyAndLookAgain(long at, long[] to, int words) {
        ByteBuffer piece = piece(at);
        int first = index(at);
        for (int i = 1; i < words; i++) {
            to[i] = (long) LONG.getOpaque(piece, first + (i << 3));
        }
        VarHandle.acquireFence(); // pairs with the writer's barrier behind its mark
        return (long) LONG.getOpaque(piece, first);
    }

    /** Copies words of a block that may lie in two pieces. */
    void copy(long at, long[] to, int from, int words) {
        for (int i = 0; i < words; i++) {
            to[from + i] = relaxed(at + ((long) i << 3));
        }
    }

    /** Goes round a loop once, so that a fault of the loads before it is thrown here at the latest. */
    void settle() {
        boolean again;
        do {
            again = !(boolean) ROUND.getOpaque(this);
            ROUND.setOpaque(this, again);
        } while (again);
    }

    /** Whether an error is that of a page that is gone. */
    static boolean isFault(InternalError error) {
        String text = error.getMessage();
        return text != null && text.contains("unsafe memory access");
    }
}
