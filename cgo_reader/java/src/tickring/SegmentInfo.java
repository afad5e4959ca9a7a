package tickring;

import tickring.Layout.Source;
import tickring.Layout.State;

/**
 * Facts of the segment, as they are now.
 *
 * @param source where the data come from; null for a value of no meaning
 * @param state life of the segment; null for a value of no meaning
 * @param watermark board and books reflect every record up to it; unsigned
 * @param lastSequence last record of the last whole frame; unsigned
 */
public record SegmentInfo(
        String feed,
        String venue,
        long generation,
        Source source,
        State state,
        long slots,
        int bookDepth,
        int instrumentCount,
        long watermark,
        long lastSequence) {}
