package tickring;

import java.nio.file.Path;

/** A table cannot be read: the segment's file was cut short while it was mapped. Final. */
public final class DamagedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    DamagedException(Path path, Throwable cause) {
        super(path + ": the segment is damaged: its file was cut short", cause);
    }
}
