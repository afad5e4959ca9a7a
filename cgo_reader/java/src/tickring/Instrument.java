package tickring;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import tickring.Layout.Channel;
import tickring.Layout.InstrumentAt;

/**
 * One row of the instrument table; its id holds within one generation.
 *
 * @param symbol BASE/QUOTE, or the base alone where there is no quote
 * @param venueSymbol the venue's spelling
 * @param channels what is asked of the venue, a set of {@link Channel}
 * @param tick price step; null when unknown
 * @param lot quantity step; null when unknown
 * @param multiplier base units of one contract; null on spot
 * @param addedTimeNs when the row was written, Unix epoch
 */
public record Instrument(
        int id,
        String symbol,
        String venueSymbol,
        String base,
        String quote,
        int channels,
        BigDecimal tick,
        BigDecimal lot,
        BigDecimal multiplier,
        long addedTimeNs) {

    static Instrument of(int id, ByteBuffer row) {
        return new Instrument(
                id,
                Segment.symbol(row),
                Segment.venueSymbol(row),
                Segment.text(Segment.padded(row, InstrumentAt.BASE, 16)),
                Segment.text(Segment.padded(row, InstrumentAt.QUOTE, 16)),
                row.getInt(InstrumentAt.CHANNELS),
                Decimals.exact(row.getLong(InstrumentAt.TICK), row.get(InstrumentAt.TICK_EXPONENT)),
                Decimals.exact(row.getLong(InstrumentAt.LOT), row.get(InstrumentAt.LOT_EXPONENT)),
                Decimals.exact(row.getLong(InstrumentAt.MULTIPLIER), row.get(InstrumentAt.MULTIPLIER_EXPONENT)),
                row.getLong(InstrumentAt.ADDED_TIME_NS));
    }
}
