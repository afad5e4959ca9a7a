"""Errors of attaching, and what may interrupt a reader's records."""

from enum import IntEnum

from ._layout import Answer


class ErrorCode(IntEnum):
    """Why a segment could not be attached; the same numbers as the C library's."""

    ARGUMENT = -1
    NAME = -2
    NO_FEED = -3
    PERMISSION = -4
    NOT_REGULAR = -5
    OWNER = -6
    TOO_SHORT = -7
    NOT_READY = -8
    MAGIC = -9
    BYTE_ORDER = -10
    VERSION = -11
    HEADER = -12
    TRUNCATED = -13
    SIZE = -14
    FORMAT_HASH = -15
    STATE = -16
    DIRECTORY = -17
    OTHER_BOOT = -18
    OTHER_FEED = -19
    MEMORY = -20
    SYSTEM = -21
    SAME_GENERATION = -22
    NO_INSTRUMENT = -23


# Codes that pass by themselves: the publisher has not started, or not finished making it.
PASSING = (ErrorCode.NO_FEED, ErrorCode.NOT_READY, ErrorCode.OTHER_BOOT)


class TickringError(Exception):
    """Base of all errors of this package."""


class AttachError(TickringError):
    """A segment cannot be attached; the text says what is wrong and what to do."""

    def __init__(self, code: int, text: str, path: str) -> None:
        super().__init__(f"{path}: {text}")
        self.code = ErrorCode(code)
        self.text = text
        self.path = path

    def __reduce__(self) -> tuple[type["AttachError"], tuple[int, str, str]]:
        """Pickle the parts, not the joined text."""
        return AttachError, (int(self.code), self.text, self.path)


class NoInstrumentError(TickringError, LookupError):
    """The segment has no such instrument."""


class Interruption(TickringError):  # noqa: N818 - not an error of anybody's, but a fact
    """Something other than a record came up; the reader may be read on afterwards."""

    def __init__(self, answer: Answer, text: str) -> None:
        super().__init__(text)
        self.answer = answer


class Overrun(Interruption):
    """The writer lapped this reader: state kept from records must be refreshed."""

    def __init__(self, lost: int) -> None:
        super().__init__(Answer.OVERRUN, f"{lost} records were overwritten before they were read")
        self.lost = lost


class Stale(Interruption):
    """The publisher has stood still for a second; it may come back."""

    def __init__(self) -> None:
        super().__init__(Answer.STALE, "the publisher stands still")


class Moved(Interruption):
    """The reader follows its feed into another generation: ids are to be found again."""

    def __init__(self, generation: int) -> None:
        super().__init__(Answer.SUPERSEDED, f"the feed goes on in generation {generation}")
        self.generation = generation


class Damaged(Interruption):
    """The segment holds bytes that no writer leaves, or its file was cut short; final."""

    def __init__(self) -> None:
        super().__init__(Answer.DAMAGED, "the segment is damaged")


class Busy(Interruption):
    """The board had no whole copy in 1,000 tries; the writer may have died there."""

    def __init__(self) -> None:
        super().__init__(Answer.BUSY, "no whole copy of the entry: its writer may have died")


# By code, what is wrong and what to do; word for word what the C library says.
TEXTS = {
    ErrorCode.ARGUMENT: "argument out of range",
    ErrorCode.NAME: "feed name not allowed: use 1 to 63 of letters, digits, '.', '_' and '-', "
    "not starting with '.'",
    ErrorCode.NO_FEED: "no such feed: start its publisher, or point TICKRING_DIR at its directory",
    ErrorCode.PERMISSION: "permission denied: run as the publisher's user or as a member of the "
    "segment's group",
    ErrorCode.NOT_REGULAR: "not a regular file",
    ErrorCode.OWNER: "owned by another user in a directory that everybody may write to",
    ErrorCode.TOO_SHORT: "shorter than a segment header: not a segment, or truncated",
    ErrorCode.NOT_READY: "segment is not ready: its publisher has not finished making it",
    ErrorCode.MAGIC: "no tickring segment: wrong magic",
    ErrorCode.BYTE_ORDER: "segment was written in another byte order",
    ErrorCode.VERSION: "segment has another layout version: use the reader that came with its "
    "publisher",
    ErrorCode.HEADER: "segment header is damaged",
    ErrorCode.TRUNCATED: "segment file is shorter than its header says: truncated from outside",
    ErrorCode.SIZE: "segment file is longer than its header says",
    ErrorCode.FORMAT_HASH: "segment has another format hash: reader and publisher are of different "
    "builds",
    ErrorCode.STATE: "segment header is damaged: its state has no meaning",
    ErrorCode.DIRECTORY: "segment directory is damaged",
    ErrorCode.OTHER_BOOT: "left over from another boot of this machine: start the publisher",
    ErrorCode.OTHER_FEED: "segment bears another feed's name than the file",
    ErrorCode.MEMORY: "no memory for the reader or its mapping",
    ErrorCode.SYSTEM: "system error, see errno",
    ErrorCode.SAME_GENERATION: "the name still leads to the same segment",
    ErrorCode.NO_INSTRUMENT: "no such instrument",
}
