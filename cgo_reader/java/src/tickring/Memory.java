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
 * into an InternalError. Compiled code goes on without what it wanted to load, and has the error
 * thrown later, wherever the thread next enters the virtual machine. {@link #deliver} is such a
 * place: called within a try, it keeps the error there.
 */
final class Memory {
    private static final VarHandle LONG =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT =
            MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    /** 1 GiB: the largest power of two that a buffer can have. */
    private static final int PIECE_BITS = 30;
    private static final long PIECE = 1L << PIECE_BITS;

    /** Not a constant to the compiler, which would else make the arrays of deliver by itself. */
    private static volatile int one = 1;

    private final ByteBuffer[] pieces;

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

    /** The piece of a block, for {@link #acquire(ByteBuffer, int)} and those beside it. */
    ByteBuffer piece(long at) {
        return pieces[(int) (at >>> PIECE_BITS)];
    }

    /** Where a block lies in its piece. */
    static int index(long at) {
        return (int) (at & (PIECE - 1));
    }

    /** A word; no later load is done before it. */
    long acquire(long at) {
        return acquire(piece(at), index(at));
    }

    static long acquire(ByteBuffer piece, int at) {
        return (long) LONG.getAcquire(piece, at);
    }

    /** A word in one load, in no order. */
    long relaxed(long at) {
        return relaxed(piece(at), index(at));
    }

    static long relaxed(ByteBuffer piece, int at) {
        return (long) LONG.getOpaque(piece, at);
    }

    int acquireInt(long at) {
        return (int) INT.getAcquire(piece(at), index(at));
    }

    int relaxedInt(long at) {
        return (int) INT.getOpaque(piece(at), index(at));
    }

    /**
     * Copies the words of a block from its second on, then loads its first word again; no load of
     * the copy is done after that one. The copy's own loads are plain: an aligned one of 64 bits is
     * never torn, and the fence holds them as it holds others. They are written out, because the
     * compiler does not check the bounds of a loop's once for all.
     */
    static long copyAndLookAgain(ByteBuffer piece, int at, long[] to, int words) {
        to[1] = plain(piece, at + 8);
        to[2] = plain(piece, at + 16);
        to[3] = plain(piece, at + 24);
        to[4] = plain(piece, at + 32);
        to[5] = plain(piece, at + 40);
        to[6] = plain(piece, at + 48);
        to[7] = plain(piece, at + 56);
        if (words == Cursor.WHOLE) {
            to[8] = plain(piece, at + 64);
            to[9] = plain(piece, at + 72);
            to[10] = plain(piece, at + 80);
            to[11] = plain(piece, at + 88);
            to[12] = plain(piece, at + 96);
            to[13] = plain(piece, at + 104);
            to[14] = plain(piece, at + 112);
            to[15] = plain(piece, at + 120);
        }
        VarHandle.acquireFence(); // pairs with the writer's barrier behind its mark
        return (long) LONG.getOpaque(piece, at);
    }

    private static long plain(ByteBuffer piece, int at) {
        return (long) LONG.get(piece, at);
    }

    /** Copies words of a block that may lie in two pieces. */
    void copy(long at, long[] to, int from, int words) {
        for (int i = 0; i < words; i++) {
            to[from + i] = relaxed(at + ((long) i << 3));
        }
    }

    /**
     * Throws the fault of a load before it, if there is one to come. An array of arrays is what the
     * virtual machine always makes itself; 40 bytes and some 100 ns.
     */
    static void deliver() {
        if (new byte[one][0].length != 1) {
            throw new AssertionError("an array of another length");
        }
    }

    /** Whether an error is that of a page that is gone. */
    static boolean isFault(InternalError error) {
        String text = error.getMessage();
        return text != null && text.contains("unsafe memory access");
    }
}
