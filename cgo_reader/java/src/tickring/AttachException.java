package tickring;

import java.io.IOException;
import java.nio.file.Path;

/** A segment cannot be attached; the message names the file, what is wrong and what to do. */
public final class AttachException extends IOException {
    private static final long serialVersionUID = 1;

    /** What is wrong: the first check of docs/format.md that fails. */
    public enum Code {
        NAME("feed name not allowed: use 1 to 63 of letters, digits, '.', '_' and '-', not starting"
                + " with '.'"),
        NO_FEED("no such feed: start its publisher, or point TICKRING_DIR at its directory"),
        PERMISSION("permission denied: run as the publisher's user or as a member of the segment's"
                + " group"),
        NOT_REGULAR("not a regular file"),
        OWNER("owned by another user in a directory that everybody may write to"),
        TOO_SHORT("shorter than a segment header: not a segment, or truncated"),
        NOT_READY("segment is not ready: its publisher has not finished making it"),
        MAGIC("no tickring segment: wrong magic"),
        BYTE_ORDER("segment was written in another byte order"),
        VERSION("segment has another layout version: use the reader that came with its publisher"),
        HEADER("segment header is damaged"),
        TRUNCATED("segment file is shorter than its header says: truncated from outside"),
        SIZE("segment file is longer than its header says"),
        FORMAT_HASH("segment has another format hash: reader and publisher are of different builds"),
        DIRECTORY("segment directory is damaged"),
        OTHER_BOOT("left over from another boot of this machine: start the publisher"),
        OTHER_FEED("segment bears another feed's name than the file"),
        NO_INSTRUMENT("the feed has not all instruments of the filter: see tickring stat for its list"),
        SYSTEM("system error, see the cause");

        private final String text;

        Code(String text) {
            this.text = text;
        }

        /** It passes by itself: the publisher has not started, or not finished. */
        boolean passes() {
            return this == NO_FEED || this == NOT_READY || this == OTHER_BOOT || this == NO_INSTRUMENT;
        }
    }

    private final Code code;

    AttachException(Code code, Path path, Throwable cause) {
        super(path + ": " + code.text, cause);
        this.code = code;
    }

    AttachException(Code code, Path path) {
        this(code, path, null);
    }

    /** What is wrong. */
    public Code code() {
        return code;
    }
}
