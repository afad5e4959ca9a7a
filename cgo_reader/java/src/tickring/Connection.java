package tickring;

import java.nio.ByteBuffer;
import tickring.Layout.ConnectionAt;
import tickring.Layout.ConnectionState;

/**
 * One row of the connection table.
 *
 * @param state null for a value of no meaning
 * @param lastReceiveNs when bytes last came, Unix epoch; zero before the first
 * @param connectedSinceNs when it came up last; zero while down
 * @param roundTripNs last ping to pong; zero when unknown
 */
public record Connection(
        int row,
        ConnectionState state,
        String endpoint,
        long lastReceiveNs,
        long connectedSinceNs,
        long reconnects,
        long frames,
        long bytes,
        long decodeErrors,
        long roundTripNs) {

    static Connection of(int index, ByteBuffer row) {
        return new Connection(
                index,
                ConnectionState.of(row.getInt(ConnectionAt.STATE)),
                Segment.text(Segment.padded(row, ConnectionAt.ENDPOINT, 64)),
                row.getLong(ConnectionAt.LAST_RECEIVE_NS),
                row.getLong(ConnectionAt.CONNECTED_SINCE_NS),
                row.getLong(ConnectionAt.RECONNECTS),
                row.getLong(ConnectionAt.FRAMES),
                row.getLong(ConnectionAt.BYTES),
                row.getLong(ConnectionAt.DECODE_ERRORS),
                row.getLong(ConnectionAt.ROUND_TRIP_NS));
    }
}
