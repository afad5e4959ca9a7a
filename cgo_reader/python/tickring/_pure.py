"""The reader without the C library: the same calls, the same answers, docs/format.md.

It relies on x86-64: loads keep their order there, an aligned 8-byte item of a memoryview
is one load, and the interpreter does not move one load across another. A bulk copy may
run in any order inside, because the marks are read before it and again behind it.
"""

import math
import struct
import time
from collections.abc import Sequence
from typing import Any, Final, Self, overload

from . import _layout as layout
from ._layout import Answer
from ._segment import Segment, check_name, open_segment, supported
from .errors import TEXTS, AttachError, ErrorCode

NAP_NS: Final = 100_000_000  # between two looks at the file's size
LOOK_MAX_NS: Final = 500_000_000  # the most of a pause that counts as standing still
HINT_MAX: Final = 1 << 40  # a hint further beyond the slot's record is damage
WORDS: Final = layout.RECORD_SIZE // 8
BULK: Final = 4096  # records a copy: some hundred microseconds
SPINS: Final = 200
FIRST_SLEEP_S: Final = 20e-6
LAST_SLEEP_S: Final = 1e-3
# Names of values, taken once: a member of an enumeration is slow to look up.
RECORD_SIZE: Final = layout.RECORD_SIZE
ABSENT_INSTRUMENT: Final = layout.NO_INSTRUMENT
GOT: Final = Answer.RECORD
EMPTY: Final = Answer.EMPTY
DEPTH: Final = int(layout.Kind.DEPTH)
TRADE: Final = int(layout.Kind.TRADE)
STATUS: Final = int(layout.Kind.STATUS)
FIRST: Final = int(layout.Flags.FIRST)
LEVELS: Final = layout.LEVELS_PER_RECORD
# Kinds that have no lengths in them to be checked.
PLAIN: Final = bytes((layout.Kind.BOOK_TICKER, layout.Kind.TICKER, layout.Kind.PERPETUAL))
ID_BYTES: Final = (layout.MAX_INSTRUMENTS + 1) // 8
FRESHNESS_BITS: Final = (
    layout.StateBit.SUBSCRIBED
    | layout.StateBit.STALE
    | layout.StateBit.SUSPECT
    | layout.StateBit.RESYNCING
    | layout.StateBit.REFUSED
    | layout.StateBit.HALTED
)


def _offsets(table: layout.Struct) -> dict[str, int]:
    return {field.name: field.offset for field in table.fields}


HEADER: Final = _offsets(layout.HEADER_STRUCT)
STATE: Final = _offsets(layout.INSTRUMENT_STATE_STRUCT)
CONNECTION: Final = _offsets(layout.CONNECTION_STRUCT)
RECORD: Final = _offsets(layout.RECORD_STRUCT)
BOOK: Final = _offsets(layout.BOOK_HEADER_STRUCT)
KIND_AT: Final = RECORD["kind"]
FLAGS_AT: Final = RECORD["flags"]
INSTRUMENT_AT: Final = RECORD["instrument"]
TRADE_LENGTH_AT: Final = layout.BODY_OFFSET + _offsets(layout.TRADE_STRUCT)["text_length"]
STATUS_LENGTH_AT: Final = layout.BODY_OFFSET + _offsets(layout.STATUS_STRUCT)["text_length"]
BIDS_AT: Final = layout.BODY_OFFSET + _offsets(layout.DEPTH_STRUCT)["bids"]
ASKS_AT: Final = layout.BODY_OFFSET + _offsets(layout.DEPTH_STRUCT)["asks"]


class RecordBase:
    """A private copy of one record."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != layout.RECORD_SIZE:
            message = f"a record has {layout.RECORD_SIZE} bytes, not {len(raw)}"
            raise ValueError(message)
        self.raw = bytes(raw)


class Field:
    """Descriptor: an integer of a record, by offset and struct code."""

    __slots__ = ("_offset", "_unpack")

    def __init__(self, offset: int, code: str) -> None:
        self._unpack = struct.Struct("<" + code).unpack_from
        self._offset = offset

    @overload
    def __get__(self, record: None, owner: type[RecordBase]) -> Self: ...
    @overload
    def __get__(self, record: RecordBase, owner: type[RecordBase]) -> int: ...
    def __get__(self, record: RecordBase | None, owner: type[RecordBase]) -> "Self | int":
        """Read the field of a record."""
        if record is None:
            return self
        value: int = self._unpack(record.raw, self._offset)[0]
        return value


class FloatField:
    """Descriptor: the float nearest to a mantissa and its exponent; NaN when absent."""

    __slots__ = ("_exponent", "_mantissa")

    def __init__(self, mantissa: int, exponent: int) -> None:
        self._mantissa = mantissa
        self._exponent = exponent

    @overload
    def __get__(self, record: None, owner: type[RecordBase]) -> Self: ...
    @overload
    def __get__(self, record: RecordBase, owner: type[RecordBase]) -> float: ...
    def __get__(self, record: RecordBase | None, owner: type[RecordBase]) -> "Self | float":
        """Read the number of a record."""
        if record is None:
            return self
        mantissa = struct.unpack_from("<q", record.raw, self._mantissa)[0]
        if mantissa == layout.ABSENT:
            return math.nan
        return float(f"{mantissa}e{struct.unpack_from('<b', record.raw, self._exponent)[0]}")


_classes: list[type[RecordBase]] = [RecordBase] * (layout.Kind.PERPETUAL + 1)


def set_classes(classes: Sequence[type[RecordBase]]) -> None:
    """Tell the class of each kind's records; place 0 is for unknown ones."""
    _classes[:] = classes


def _wrap(raw: bytes) -> RecordBase:
    kind = raw[KIND_AT]
    owner = _classes[kind] if kind < len(_classes) else _classes[0]
    record = owner.__new__(owner)
    record.raw = raw
    return record


def error_text(code: int) -> str:
    """What is wrong and what to do."""
    return TEXTS[ErrorCode(code)] if code else "no error"


def bell_wait(buffer: Any, offset: int, seen: int, ns: int) -> None:  # noqa: ANN401 - any buffer
    """Sleep until the word at offset differs from seen, at most ns; by looking at it."""
    deadline = time.monotonic_ns() + ns
    pause = FIRST_SLEEP_S
    with memoryview(buffer) as view:
        while int.from_bytes(view[offset : offset + 4], "little") == seen:
            left = deadline - time.monotonic_ns()
            if left <= 0:
                return
            time.sleep(min(pause, left / 1e9))
            pause = min(2 * pause, LAST_SLEEP_S)


def _sane(raw: bytes | memoryview, at: int = 0, *, head: bool = False) -> bool:
    """Whether a whole record at an offset is one that a writer leaves."""
    kind = raw[at + KIND_AT]
    if kind in PLAIN:
        return True
    if kind == TRADE:
        return head or raw[at + TRADE_LENGTH_AT] <= 24
    if kind == DEPTH:
        return head or raw[at + BIDS_AT] + raw[at + ASKS_AT] <= LEVELS
    if kind == STATUS:
        return raw[at + STATUS_LENGTH_AT] + 256 * raw[at + STATUS_LENGTH_AT + 1] <= 40
    return False


def _all_sane(raw: memoryview, count: int) -> int:
    """How many of the first records are ones that a writer leaves."""
    kinds = raw[KIND_AT::RECORD_SIZE].tobytes()
    if not kinds.translate(None, PLAIN):
        return count
    for i, kind in enumerate(kinds):
        if kind not in PLAIN and not _sane(raw, i * RECORD_SIZE):
            return i
    return count


def _same(marks: list[int], wanted: list[int]) -> int:
    """How many of the first marks are what they should be."""
    if marks == wanted[: len(marks)]:
        return len(marks)
    return next(
        i for i, (mark, want) in enumerate(zip(marks, wanted, strict=False)) if mark != want
    )


def _u16(raw: bytes | memoryview, at: int) -> int:
    return raw[at] + 256 * raw[at + 1]


class Core:
    """A private cursor over one feed. Methods as those of the C extension's Core."""

    def __init__(self, path: str, name: str | None, ignore_boot: bool, populate: bool) -> None:
        self._open: Segment | None = None
        why = supported()
        if why:
            raise RuntimeError(why)
        if name is not None:
            check_name(name, path)
            path = f"{path}/{name}"
        self._path = path
        self._name = name
        self._ignore_boot = ignore_boot
        self._populate = populate
        self._open = open_segment(path, name, ignore_boot=ignore_boot, populate=populate)
        self._segment: Segment = self._open
        self._kinds = 0
        self._ids: bytes | None = None
        self._got = self._lost = self._overruns = self._torn = self._skipped = self._moves = 0
        self._stat_ns = 0
        self.answer: int = EMPTY
        self.lost = 0
        self._reset()

    def _reset(self) -> None:
        self._damaged = False
        self._beat = 0
        self._look_ns = 0
        self._still_ns = 0
        self._stale = False
        self.from_oldest()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Unmap. A second call does nothing."""
        segment = self.__dict__.get("_open")
        if segment is not None:
            self._open = None
            segment.close()

    def _seg(self) -> Segment:
        if self._open is None:
            message = "the reader is closed"
            raise ValueError(message)
        return self._open

    def filter(self, kinds: int, ids: bytes | None) -> None:
        """Bit sets of what to hand out; 0 and None are all."""
        if ids is not None and len(ids) != ID_BYTES:
            message = f"a set of instruments has {ID_BYTES} bytes"
            raise ValueError(message)
        self._kinds = kinds
        self._ids = ids

    def _passes(self, kind: int, instrument: int) -> bool:
        if self._kinds and not self._kinds >> kind & 1:
            return False
        ids = self._ids
        if ids is None or instrument == ABSENT_INSTRUMENT:
            return True
        return bool(ids[instrument // 8] >> instrument % 8 & 1)

    # Positions.

    def from_oldest(self) -> None:
        """Go to the oldest record that is not about to be overwritten."""
        segment = self._seg()
        last = self._believe(segment.words[HEADER["last_sequence"] // 8])
        self._resuming = last >= segment.slots
        self._next = last - segment.slots + self._margin() if self._resuming else 1

    def _believe(self, sequence: int) -> int:
        """A sequence of the header; one beyond every sequence is damage, and reads as 0."""
        if sequence <= layout.MAX_SEQUENCE:
            return sequence
        self._damaged = True
        return 0

    def _margin(self) -> int:
        return max(self._segment.slots // 8, 2)

    def _stand_behind(self, sequence: int) -> int:
        sequence = self._believe(sequence)
        self._next = min(sequence + 1, layout.MAX_SEQUENCE)
        self._resuming = False
        return sequence

    def from_latest(self) -> None:
        """Go behind the last record of the last whole frame."""
        self._stand_behind(self._seg().words[HEADER["last_sequence"] // 8])

    def join(self) -> int:
        """Go behind the watermark and return it."""
        return self._stand_behind(self._seg().words[HEADER["watermark"] // 8])

    def position(self) -> int:
        """Sequence that is expected next."""
        self._seg()
        return self._next

    # The protocol.

    def _look(self) -> None:
        now = time.monotonic_ns()
        if now - self._stat_ns >= NAP_NS:
            self._stat_ns = now
            if self._segment.shrunk():
                self._damaged = True
                return
        beat = self._segment.words[HEADER["hot_heartbeat"] // 8]
        if self._look_ns == 0 or beat != self._beat:
            self._beat = beat
            self._still_ns = 0
            self._stale = False
        elif not self._stale:
            self._still_ns += min(now - self._look_ns, LOOK_MAX_NS)
            self._stale = self._still_ns >= layout.STALE_AFTER_NS
        self._look_ns = now

    def _slot(self, sequence: int) -> int:
        """First byte of a record's slot."""
        segment = self._segment
        return segment.off_ring + (sequence & (segment.slots - 1)) * RECORD_SIZE

    def _mark(self) -> int:
        mark: int = self._segment.words[self._slot(self._next) // 8]
        return mark

    def _break(self) -> Answer:
        self._damaged = True
        return Answer.DAMAGED

    def _idle(self) -> Answer:
        """What an empty slot means; RECORD: it has filled meanwhile."""
        self._look()
        if self._damaged:
            return Answer.DAMAGED
        state = self._segment.halves[HEADER["state"] // 4]
        if state == layout.State.LIVE:
            return Answer.STALE if self._stale else EMPTY
        if self._mark() >= 2 * self._next:
            return GOT
        if state == layout.State.CLOSED:
            return Answer.CLOSED
        if state == layout.State.SUPERSEDED:
            return Answer.SUPERSEDED
        return self._break()

    def _overrun(self, mark: int) -> Answer:
        n = self._next
        m = mark // 2 + mark % 2
        segment = self._segment
        hint = segment.words[HEADER["last_sequence"] // 8]
        if m > layout.MAX_SEQUENCE or hint > layout.MAX_SEQUENCE or m <= n:
            return self._break()
        if (m ^ n) & (segment.slots - 1) or hint > m + HINT_MAX:
            return self._break()
        to = max(hint, m) - segment.slots + self._margin()
        self.lost = to - n
        self._lost += self.lost
        self._overruns += 1
        self._next = to
        self._resuming = True
        return Answer.OVERRUN

    def _fetch(self, size: int) -> bytes | Answer:
        """The next record's first bytes, or why there is none."""
        n = self._next
        at = self._slot(n)
        words = self._segment.words
        mark = words[at // 8]
        if mark < 2 * n:
            return EMPTY
        if mark > 2 * n:
            return self._overrun(mark)
        raw = bytes(self._segment.data[at : at + size])
        again = words[at // 8]
        if again != mark:
            self._torn += 1
            return self._overrun(again)
        if not _sane(raw, head=size < RECORD_SIZE):
            return self._break()
        self._next = n + 1
        return raw

    def _skips(self, raw: bytes | memoryview, at: int = 0) -> bool:
        """Whether it is the rest of a depth event whose beginning was lost."""
        if raw[at + KIND_AT] == DEPTH and not raw[at + FLAGS_AT] & FIRST:
            self._skipped += 1
            return True
        self._resuming = False
        return False

    def _step(self, size: int) -> bytes | Answer:
        """The next record that passes, or the answer."""
        self._seg()
        while True:
            if self._damaged:
                return Answer.DAMAGED
            raw = self._fetch(size)
            if isinstance(raw, bytes):
                if self._resuming and self._skips(raw):
                    continue
                if self._passes(raw[KIND_AT], _u16(raw, INSTRUMENT_AT)):
                    self._got += 1
                    return raw
            elif raw is not EMPTY:
                return raw
            else:
                answer = self._idle()
                if answer is not GOT:
                    return answer

    def _record(self, size: int) -> RecordBase | None:
        raw = self._step(size)
        if isinstance(raw, Answer):
            self.answer = raw
            return None
        self.answer = GOT
        return _wrap(raw.ljust(RECORD_SIZE, b"\0"))

    def next(self) -> RecordBase | None:
        """The next record; None: see answer and lost."""
        return self._record(RECORD_SIZE)

    def next_head(self) -> RecordBase | None:
        """As next, but only the first 64 bytes are read; the others are zero."""
        return self._record(64)

    def __iter__(self) -> Self:
        """Records until there is none; may be taken up again."""
        return self

    def __next__(self) -> RecordBase:
        """The next record."""
        record = self._record(RECORD_SIZE)
        if record is None:
            raise StopIteration
        return record

    # Bulk.

    def _bulk(self, out: memoryview, limit: int) -> int:
        """Copy whole records that follow each other; how many are whole.

        Each one's mark is read before the copy and again behind it: 2n both times.
        """
        segment = self._segment
        n = self._next
        first = n & (segment.slots - 1)
        count = min(limit, segment.slots - first, BULK)
        at = self._slot(n)
        end = at + count * RECORD_SIZE
        marks = segment.words[at // 8 : end // 8 : WORDS]
        wanted = list(range(2 * n, 2 * (n + count), 2))
        count = _same(marks.tolist(), wanted)
        if count == 0 or segment.shrunk():
            return 0
        size = count * RECORD_SIZE
        out[:size] = segment.data[at : at + size]
        return _same(marks[:count].tolist(), wanted)

    def _take(self, out: memoryview, start: int, count: int) -> int:
        """Judge records that were copied to out; the place behind those that are kept."""
        end = start + count
        good = _all_sane(out[start * RECORD_SIZE : end * RECORD_SIZE], count)
        if good < count:
            self._damaged = True
            end = start + good
        self._next += good
        if self._resuming or self._kinds or self._ids is not None:
            end = self._pick(out, start, end)
        self._got += end - start
        return end

    def _pick(self, out: memoryview, start: int, end: int) -> int:
        """Move the records that are handed out together; the place behind the last."""
        keep = start
        for i in range(start, end):
            at = i * RECORD_SIZE
            if self._resuming and self._skips(out, at):
                continue
            if not self._passes(out[at + KIND_AT], _u16(out, at + INSTRUMENT_AT)):
                continue
            if keep != i:
                to = keep * RECORD_SIZE
                out[to : to + RECORD_SIZE] = out[at : at + RECORD_SIZE]
            keep += 1
        return keep

    def read_into(self, buffer: Any, limit: int) -> int:  # noqa: ANN401 - any writable buffer
        """Fill a writable buffer; the number of records, and answer says what followed."""
        self._seg()
        with memoryview(buffer) as view, view.cast("B") as out:
            if limit < 0 or len(out) // RECORD_SIZE < limit:
                message = "the buffer is too small for that many records"
                raise ValueError(message)
            self.answer = GOT
            n = 0
            while n < limit:
                got = 0
                if not self._damaged:
                    got = self._bulk(out[n * RECORD_SIZE :], limit - n)
                if got:
                    n = self._take(out, n, got)
                    continue
                raw = self._step(RECORD_SIZE)
                if isinstance(raw, Answer):
                    self.answer = raw
                    break
                out[n * RECORD_SIZE : (n + 1) * RECORD_SIZE] = raw
                n += 1
            return n

    # Waiting.

    def wait(self, ns: int) -> int:
        """Until next has something to say; negative: no limit. The answer."""
        self._seg()
        self.answer = self._wait(ns)
        return self.answer

    def _wait(self, ns: int) -> Answer:
        self._damaged = self._damaged or self._segment.shrunk()
        if self._damaged:
            return Answer.DAMAGED
        for _ in range(SPINS):
            if self._mark() >= 2 * self._next:
                return GOT
        start = time.monotonic_ns()
        known_stale = self._stale
        pause = FIRST_SLEEP_S
        while True:
            if self._mark() >= 2 * self._next:
                return GOT
            answer = self._idle()
            if answer is not EMPTY and not (answer is Answer.STALE and known_stale):
                return answer
            if ns >= 0:
                left = ns - (time.monotonic_ns() - start)
                if left <= 0:
                    return answer
                pause = min(pause, left / 1e9)
            time.sleep(pause)
            pause = min(2 * pause, LAST_SLEEP_S)

    def reattach(self) -> int:
        """Try the name again: 0 when moved, else an ErrorCode."""
        old = self._seg()
        try:
            fresh = open_segment(
                self._path, self._name, ignore_boot=self._ignore_boot, populate=self._populate
            )
        except AttachError as error:
            return error.code
        if fresh.generation == old.generation:
            fresh.close()
            return ErrorCode.SAME_GENERATION
        self._open = self._segment = fresh
        old.close()
        self._moves += 1
        self._reset()
        return 0

    # Facts and tables.

    def stats(self) -> tuple[int, int, int, int, int, int]:
        """Records handed out, lost, overruns, torn copies, skipped depth, moves."""
        self._seg()
        return (self._got, self._lost, self._overruns, self._torn, self._skipped, self._moves)

    def facts(self) -> tuple[bytes, bytes, int, int, int, int, int]:
        """Feed, venue, generation, source, slots, book depth, connections."""
        s = self._seg()
        return s.feed, s.venue, s.generation, s.source, s.slots, s.book_depth, s.connections

    def now(self) -> tuple[int, int, int, int]:
        """State, watermark, last sequence, instrument count."""
        s = self._seg()
        watermark = s.words[HEADER["watermark"] // 8]
        last = s.words[HEADER["last_sequence"] // 8]
        return s.halves[HEADER["state"] // 4], watermark, last, self._count()

    def _count(self) -> int:
        segment = self._seg()
        return min(segment.halves[HEADER["instrument_count"] // 4], segment.instruments)

    def mapping(self) -> tuple[int, int, int, int, int, int]:
        """Descriptor, size, rows, offset of the board, of the books, bytes of a book."""
        s = self._seg()
        return s.fd, s.size, s.instruments, s.off_board, s.off_books, s.book_entry

    def counter(self, index: int) -> int:
        """One of the publisher's counters; 0 beyond them."""
        words = self._seg().words
        return words[HEADER["counters"] // 8 + index] if index < 64 else 0

    def _words(self, at: int, size: int) -> bytes:
        """A row word by word, so that no number in it is torn."""
        words = self._segment.words[at // 8 : (at + size) // 8].tolist()
        return struct.pack(f"<{size // 8}Q", *words)

    def _row(self, index: int, offset: int, size: int, count: int) -> bytes | None:
        return self._words(offset + index * size, size) if index < count else None

    def instrument(self, index: int) -> bytes | None:
        """A row of the instrument table."""
        at = self._seg().off_instruments
        return self._row(index, at, layout.INSTRUMENT_SIZE, self._count())

    def instrument_state(self, index: int) -> bytes | None:
        """What stands beside an instrument."""
        at = self._seg().off_states
        return self._row(index, at, layout.INSTRUMENT_STATE_SIZE, self._count())

    def connection(self, index: int) -> bytes | None:
        """A row of the connection table."""
        segment = self._seg()
        count = segment.connections
        return self._row(index, segment.off_connections, layout.CONNECTION_SIZE, count)

    def _entry(self, instrument: int, slot: int) -> bytes | Answer:
        if instrument >= self._count() or slot > layout.BoardSlot.STATUS:
            return EMPTY
        segment = self._segment
        at = segment.off_board + instrument * layout.BOARD_ENTRY_SIZE + slot * RECORD_SIZE
        for _ in range(layout.BOARD_TRIES):
            mark = segment.words[at // 8]
            if mark == 0:
                return EMPTY
            if mark % 2:
                continue
            raw = bytes(segment.data[at : at + RECORD_SIZE])
            if segment.words[at // 8] != mark:
                continue
            return raw if mark // 2 <= layout.MAX_SEQUENCE and _sane(raw) else Answer.DAMAGED
        return Answer.BUSY

    def board(self, instrument: int, slot: int) -> tuple[int, RecordBase | None]:
        """A board entry: answer and record."""
        raw = self._entry(instrument, slot)
        return (raw, None) if isinstance(raw, Answer) else (GOT, _wrap(raw))

    def board_into(self, buffer: Any) -> None:  # noqa: ANN401 - any writable buffer
        """Whole copies of all entries, zeros where there is none."""
        self._seg()
        slots = len(layout.BoardSlot)
        with memoryview(buffer) as view, view.cast("B") as out:
            for i in range(len(out) // layout.BOARD_ENTRY_SIZE * slots):
                raw = self._entry(i // slots, i % slots)
                at = i * RECORD_SIZE
                whole = bytes(RECORD_SIZE) if isinstance(raw, Answer) else raw
                out[at : at + RECORD_SIZE] = whole

    def book(self, instrument: int) -> tuple[int, bytes, bytes, bytes]:
        """A book: answer, header, bids and asks."""
        if instrument >= self._count():
            return EMPTY, b"", b"", b""
        segment = self._segment
        at = segment.off_books + instrument * segment.book_entry
        for _ in range(layout.BOARD_TRIES):
            version = segment.words[at // 8]
            if version == 0:
                return EMPTY, b"", b"", b""
            if version % 2:
                continue
            raw = bytes(segment.data[at : at + segment.book_entry])
            if segment.words[at // 8] == version:
                return self._levels(raw)
        return Answer.BUSY, b"", b"", b""

    def _levels(self, raw: bytes) -> tuple[int, bytes, bytes, bytes]:
        depth = self._segment.book_depth
        bids, asks = _u16(raw, BOOK["bid_count"]), _u16(raw, BOOK["ask_count"])
        if bids > depth or asks > depth:
            return Answer.DAMAGED, b"", b"", b""
        at = layout.BOOK_HEADER_SIZE
        behind = at + depth * layout.LEVEL_SIZE
        return (
            GOT,
            raw[:at],
            raw[at : at + bids * layout.LEVEL_SIZE],
            raw[behind : behind + asks * layout.LEVEL_SIZE],
        )

    def fresh_within(self, instrument: int, ns: int) -> bool:
        """Whether the data of the instrument are live, verified and at most ns old."""
        segment = self._seg()
        if self._damaged or segment.source != layout.Source.LIVE:
            return False
        if segment.halves[HEADER["state"] // 4] != layout.State.LIVE:
            return False
        row = self.instrument_state(instrument)
        if row is None:
            return False
        bits = int.from_bytes(row[STATE["word"] : STATE["word"] + 4], "little")
        if bits & FRESHNESS_BITS != layout.StateBit.SUBSCRIBED:
            return False
        at = STATE["connection"]
        connection = self.connection(int.from_bytes(row[at : at + 4], "little"))
        if connection is None:
            return False
        at = CONNECTION["last_receive_ns"]
        received = int.from_bytes(connection[at : at + 8], "little", signed=True)
        beat = segment.words[HEADER["hot_heartbeat_time_ns"] // 8]
        now = time.time_ns()  # a time in the future is no freshness; unsigned, neither is absent
        alive = beat > 0 and abs(now - beat) <= layout.STALE_AFTER_NS
        return alive and received > 0 and abs(now - received) <= ns
