package tickring;

/**
 * Totals of one reader since it was attached; they go on over a move to another generation.
 *
 * @param records handed out
 * @param lost overwritten before they were read; unsigned
 * @param overruns how often the writer lapped this reader
 * @param tornRejected copies that were thrown away because the writer came by
 * @param skippedDepth depth records dropped behind a loss, their event's beginning being lost
 * @param moves to another generation
 */
public record Stats(
        long records, long lost, long overruns, long tornRejected, long skippedDepth, long moves) {}
