package tickring;

import java.nio.ByteBuffer;
import tickring.Layout.Channel;
import tickring.Layout.InstrumentStateAt;
import tickring.Layout.StateBit;

/**
 * Whether an instrument's data are to be trusted, and when they were last heard of. Times are
 * receive times, Unix epoch, zero before the first.
 *
 * @param bits a set of {@link StateBit}
 * @param connection row of the connection that carries it; {@link Layout#NO_CONNECTION} none
 * @param stale channels that are stale at present, a set of {@link Channel}
 * @param acknowledged channels that the venue has acknowledged
 * @param refused channels that the venue has refused
 */
public record InstrumentState(
        int bits,
        long bookEpoch,
        long lastSeenNs,
        long bookTickerLastSeenNs,
        long tradeLastSeenNs,
        long depthLastSeenNs,
        long tickerLastSeenNs,
        int connection,
        int stale,
        int acknowledged,
        int refused) {

    static InstrumentState of(ByteBuffer row) {
        return new InstrumentState(
                row.getInt(InstrumentStateAt.WORD),
                Integer.toUnsignedLong(row.getInt(InstrumentStateAt.WORD + Integer.BYTES)),
                row.getLong(InstrumentStateAt.LAST_SEEN_NS),
                row.getLong(InstrumentStateAt.BOOK_TICKER_LAST_SEEN_NS),
                row.getLong(InstrumentStateAt.TRADE_LAST_SEEN_NS),
                row.getLong(InstrumentStateAt.DEPTH_LAST_SEEN_NS),
                row.getLong(InstrumentStateAt.TICKER_LAST_SEEN_NS),
                row.getInt(InstrumentStateAt.CONNECTION),
                row.getInt(InstrumentStateAt.STALE),
                row.getInt(InstrumentStateAt.ACKNOWLEDGED),
                row.getInt(InstrumentStateAt.REFUSED));
    }
}
