package tickring;

import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.Set;
import tickring.Layout.Kind;

/**
 * Which kinds and symbols are handed out. Rows of the table are judged once each, by their
 * symbol, so that symbols listed later and the ids of another generation need no call.
 */
final class Filter {
    private static final byte NOT_JUDGED = 0;
    private static final byte WANTED = 1;
    private static final byte UNWANTED = 2;
    private static final int INSTRUMENT_SHIFT = 48;

    final Set<String> symbols;
    private final int kinds;
    private final byte[] verdicts;

    private Filter(int kinds, Set<String> symbols) {
        this.kinds = kinds;
        this.symbols = symbols;
        verdicts = symbols.isEmpty() ? null : new byte[Layout.MAX_INSTRUMENTS + 1];
    }

    /** An empty collection is all of them; null when nothing is left out. */
    static Filter of(Collection<Kind> kinds, Collection<String> symbols) {
        if (kinds.isEmpty() && symbols.isEmpty()) {
            return null;
        }
        int bits = kinds.isEmpty() ? -1 : 0;
        for (Kind kind : kinds) {
            bits |= 1 << kind.value;
        }
        return new Filter(bits, Set.copyOf(symbols));
    }

    /** The same for another generation. */
    Filter renewed() {
        return new Filter(kinds, symbols);
    }

    /** Judges by a record's second word: kind in its first byte, instrument in its last two. */
    boolean passes(long word, Segment segment) {
        int kind = (int) word & 0xff;
        if (Kind.of(kind) == null) {
            return true; // damage is for the reader to say
        }
        if ((kinds & 1 << kind) == 0) {
            return false;
        }
        int instrument = (int) (word >>> INSTRUMENT_SHIFT);
        if (verdicts == null || instrument == Layout.NO_INSTRUMENT) {
            return true;
        }
        if (verdicts[instrument] == NOT_JUDGED) {
            verdicts[instrument] = judge(segment.instrumentRow(instrument));
        }
        return verdicts[instrument] == WANTED;
    }

    /** A row is whole before its data, and its symbol never changes. */
    private byte judge(ByteBuffer row) {
        if (row == null) {
            return NOT_JUDGED;
        }
        boolean wanted = symbols.contains(Segment.symbol(row)) || symbols.contains(Segment.venueSymbol(row));
        return wanted ? WANTED : UNWANTED;
    }
}
