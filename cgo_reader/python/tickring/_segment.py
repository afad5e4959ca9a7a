"""Open, check and map a segment file without the C library. Nothing in it is trusted."""

import errno
import mmap
import os
import platform
import stat
import string
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import _layout as layout
from .errors import TEXTS, AttachError, ErrorCode

# Feed names: 1 to 63 of these, not starting with a point.
NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "._-")
NAME_MAX: Final = 63
PATH_MAX: Final = 4096  # as the C library's buffer

OPEN_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
OPEN_ERRORS: Final = {
    errno.ENOENT: ErrorCode.NO_FEED,
    errno.ENOTDIR: ErrorCode.NO_FEED,
    errno.EACCES: ErrorCode.PERMISSION,
    errno.EPERM: ErrorCode.PERMISSION,
    errno.ELOOP: ErrorCode.NOT_REGULAR,
    errno.ENXIO: ErrorCode.NOT_REGULAR,
    errno.ENODEV: ErrorCode.NOT_REGULAR,
}
STAT_BLOCK: Final = 512  # st_blocks counts these, whatever the filesystem's own

HEADER_AT: Final = {field.name: field.offset for field in layout.HEADER_STRUCT.fields}
SECTION: Final = struct.Struct("<IIQQQ")


def supported() -> str:
    """Why this machine cannot be read on without the C library; empty when it can.

    Without barriers the order of our loads is the machine's: x86-64 keeps it, arm64 does
    not, and then a torn copy could pass for a whole one.
    """
    if sys.maxsize <= 2**32 or sys.byteorder != "little":
        return "segments are read on 64-bit little-endian machines only"
    if platform.machine() not in {"x86_64", "AMD64"}:
        return (
            f"pure Python cannot order its loads on {platform.machine()}: "
            "install a C compiler and reinstall tickring"
        )
    return ""


def fault(code: ErrorCode, path: str) -> AttachError:
    """Name the error as the C library does."""
    return AttachError(code, TEXTS[code], path)


def check_name(feed: str, path: str) -> None:
    """Refuse what cannot name a feed."""
    if not 1 <= len(feed) <= NAME_MAX or feed[0] == "." or not NAME_CHARACTERS.issuperset(feed):
        raise fault(ErrorCode.NAME, path)


def boot_id() -> bytes:
    """The kernel's id of this boot."""
    text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return bytes.fromhex(text.strip().replace("-", ""))


@dataclass
class Segment:
    """One mapped segment and what its header said when it was checked."""

    fd: int
    size: int
    generation: int
    source: int
    book_depth: int
    feed: bytes
    venue: bytes
    instruments: int
    connections: int
    slots: int
    off_instruments: int
    off_states: int
    off_connections: int
    off_board: int
    off_books: int
    off_ring: int
    book_entry: int
    mapping: mmap.mmap
    data: memoryview  # bytes
    words: memoryview  # u64
    halves: memoryview  # u32

    def close(self) -> None:
        """Unmap."""
        for view in (self.words, self.halves, self.data):
            view.release()
        self.mapping.close()
        os.close(self.fd)

    def shrunk(self) -> bool:
        """Whether somebody cut the file; pages behind its end must not be touched."""
        return os.fstat(self.fd).st_size < self.size


def check_owner(path: str, file: os.stat_result) -> None:
    """Where everybody may write, take only our own and root's files."""
    if file.st_uid in {os.geteuid(), 0}:
        return
    directory = os.stat(os.path.dirname(path) or ".")
    if directory.st_mode & stat.S_IWOTH:
        raise fault(ErrorCode.OWNER, path)


def open_file(path: str) -> tuple[int, os.stat_result]:
    """A descriptor of the file and its state."""
    if len(os.fsencode(path)) >= PATH_MAX:
        raise fault(ErrorCode.ARGUMENT, path)
    try:
        fd = os.open(path, OPEN_FLAGS)
    except OSError as error:
        code = OPEN_ERRORS.get(error.errno or 0)
        if code is None:
            raise
        raise fault(code, path) from error
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            raise fault(ErrorCode.NOT_REGULAR, path)
        check_owner(path, state)
        if state.st_size < layout.HEADER_SIZE:
            raise fault(ErrorCode.TOO_SHORT, path)
    except BaseException:
        os.close(fd)
        raise
    return fd, state


class Header:
    """A private copy of the header; the magic is read before the rest."""

    def __init__(self, fd: int, path: str) -> None:
        magic = int.from_bytes(os.pread(fd, 8, 0), "little")
        self.data = os.pread(fd, layout.HEADER_SIZE, 0)
        if len(self.data) < layout.HEADER_SIZE:
            raise fault(ErrorCode.TOO_SHORT, path)
        if magic == 0:
            raise fault(ErrorCode.NOT_READY, path)
        if magic != layout.MAGIC:
            raise fault(ErrorCode.MAGIC, path)

    def u32(self, name: str) -> int:
        """A 32-bit field."""
        at = HEADER_AT[name]
        return int.from_bytes(self.data[at : at + 4], "little")

    def u64(self, name: str) -> int:
        """A 64-bit field."""
        at = HEADER_AT[name]
        return int.from_bytes(self.data[at : at + 8], "little")

    def text(self, name: str, size: int) -> bytes:
        """A field padded with zeros."""
        at = HEADER_AT[name]
        return self.data[at : at + size].split(b"\0", 1)[0]

    def sections(self) -> list[tuple[int, int, int, int, int]]:
        """Kind, entry size, offset, count and reserved word of each."""
        at = HEADER_AT["directory"]
        return [
            SECTION.unpack_from(self.data, at + SECTION.size * i)
            for i in range(layout.DIRECTORY_ENTRIES)
        ]

    def fault(self, size: int) -> ErrorCode | None:
        """The first check that fails, in the order of docs/format.md."""
        total = self.u64("total_size")
        depth = self.u32("book_depth")
        state = self.u32("state")
        checks = (
            (self.u32("byte_order") != layout.BYTE_ORDER_TAG, ErrorCode.BYTE_ORDER),
            (self.u32("layout_version") != layout.LAYOUT_VERSION, ErrorCode.VERSION),
            (self.u32("header_size") != layout.HEADER_SIZE, ErrorCode.HEADER),
            (total > size, ErrorCode.TRUNCATED),
            (total < size, ErrorCode.SIZE),
            (self.u64("format_hash") != layout.FORMAT_HASH, ErrorCode.FORMAT_HASH),
            (self.u64("generation") == 0, ErrorCode.HEADER),
            (state == layout.State.INITIALISING, ErrorCode.NOT_READY),
            (state > layout.State.SUPERSEDED, ErrorCode.STATE),
            (self.u32("directory_count") != layout.DIRECTORY_ENTRIES, ErrorCode.DIRECTORY),
            (not 1 <= depth <= layout.MAX_BOOK_DEPTH, ErrorCode.HEADER),
            (not self.directory_fits(total, depth), ErrorCode.DIRECTORY),
        )
        return next((code for failed, code in checks if failed), None)

    def directory_fits(self, total: int, depth: int) -> bool:
        """Sections follow each other behind the header, end within it, and agree."""
        sizes = (
            layout.INSTRUMENT_SIZE,
            layout.INSTRUMENT_STATE_SIZE,
            layout.CONNECTION_SIZE,
            layout.BOARD_ENTRY_SIZE,
            layout.BOOK_HEADER_SIZE + 2 * depth * layout.LEVEL_SIZE,
            layout.RECORD_SIZE,
        )
        end = layout.HEADER_SIZE
        for i, (kind, entry, offset, count, _) in enumerate(self.sections()):
            if kind != i + 1 or entry != sizes[i] or not 1 <= count <= layout.MAX_SLOTS:
                return False
            if offset % 128 != 0 or offset < end or offset + count * entry > total:
                return False
            end = offset + count * entry
        rows, states, connections, board, books, slots = (s[3] for s in self.sections())
        return (
            rows <= layout.MAX_INSTRUMENTS
            and states == board == books == rows
            and connections <= layout.MAX_CONNECTIONS
            and slots >= layout.MIN_SLOTS
            and slots & (slots - 1) == 0
        )


def map_file(fd: int, state: os.stat_result, path: str, *, populate: bool) -> mmap.mmap:
    """Map read-only; a file with holes is not populated, it would be given memory by us."""
    whole = state.st_blocks * STAT_BLOCK >= state.st_size
    flags = mmap.MAP_SHARED | (mmap.MAP_POPULATE if populate and whole else 0)
    try:
        return mmap.mmap(fd, state.st_size, flags=flags, prot=mmap.PROT_READ)
    except ValueError as error:  # it became shorter meanwhile
        raise fault(ErrorCode.TRUNCATED, path) from error
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENOMEM:
            raise
        raise fault(ErrorCode.MEMORY, path) from error


def build(header: Header, mapping: mmap.mmap, fd: int, size: int) -> Segment:
    """The segment of a checked header."""
    _, _, _, _, books, _ = sections = header.sections()
    data = memoryview(mapping)
    even = data[: size // 8 * 8]
    return Segment(
        fd=fd,
        size=size,
        generation=header.u64("generation"),
        source=header.u32("source"),
        book_depth=header.u32("book_depth"),
        feed=header.text("feed", 64),
        venue=header.text("venue", 32),
        instruments=sections[0][3],
        connections=sections[2][3],
        slots=sections[5][3],
        off_instruments=sections[0][2],
        off_states=sections[1][2],
        off_connections=sections[2][2],
        off_board=sections[3][2],
        off_books=sections[4][2],
        off_ring=sections[5][2],
        book_entry=books[1],
        mapping=mapping,
        data=data,
        words=even.cast("Q"),
        halves=even.cast("I"),
    )


def open_segment(path: str, name: str | None, *, ignore_boot: bool, populate: bool) -> Segment:
    """Open, check, map. name None: any feed."""
    fd, state = open_file(path)
    try:
        header = Header(fd, path)
        code = header.fault(state.st_size)
        if code is None and not ignore_boot:
            at = HEADER_AT["boot_id"]
            if header.data[at : at + 16] != boot_id():
                code = ErrorCode.OTHER_BOOT
        if code is None and name is not None and header.text("feed", 64) != name.encode():
            code = ErrorCode.OTHER_FEED
        if code is not None:
            raise fault(code, path)
        mapping = map_file(fd, state, path, populate=populate)
        return build(header, mapping, fd, state.st_size)
    except BaseException:
        os.close(fd)
        raise
