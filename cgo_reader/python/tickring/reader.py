"""The reader of a feed: attach, read, look at board, books and tables."""

import mmap
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from . import _layout as layout
from ._backend import Core, bell_wait
from ._layout import Answer, BoardSlot, Kind, Source, State
from ._registration import Registration
from .errors import (
    PASSING,
    AttachError,
    Busy,
    Damaged,
    ErrorCode,
    Interruption,
    Moved,
    NoInstrumentError,
    Overrun,
    Stale,
)
from .records import Record
from .tables import Book, Connection, Instrument, InstrumentState, SegmentInfo, Stats

if TYPE_CHECKING:
    from .arrays import Records

DEFAULT_DIRECTORY = "/dev/shm/tickring"
RETRY_S = 0.1  # between two tries of a name
TURN = 1024  # records between two looks at what else there is to do
ASYNC_TURN = 256  # records before the event loop gets a turn
NAP_S = 0.1  # death rings no bell: never wait longer at a time
DOORBELL = next(f.offset for f in layout.HEADER_STRUCT.fields if f.name == "doorbell")
ID_BYTES = (layout.MAX_INSTRUMENTS + 1) // 8
BOARD_SLOTS = {
    Kind.BOOK_TICKER: BoardSlot.BOOK_TICKER,
    Kind.TRADE: BoardSlot.TRADE,
    Kind.TICKER: BoardSlot.TICKER,
    Kind.STATUS: BoardSlot.STATUS,
}


class Event(NamedTuple):
    """What came up between records: OVERRUN, STALE, SUPERSEDED (moved) or CLOSED."""

    answer: Answer
    lost: int
    generation: int


class Batch(NamedTuple):
    """Records as a numpy array, and what followed them.

    answer is RECORD when the array was full; OVERRUN says that `lost` records are
    missing behind the last one of this batch.
    """

    records: "Records"
    answer: Answer
    lost: int


class Joined(NamedTuple):
    """A late join: records up to `watermark` are on the board, later ones will be read.

    unreadable has the entries that are not whole (BUSY: their writer may have died there;
    DAMAGED), by instrument and kind.
    """

    watermark: int
    records: list[Record]
    unreadable: list[tuple[int, Kind, Answer]]


EventHandler = Callable[[Event], None]


class Bell:
    """The doorbell of a segment, for a thread that waits while another one reads."""

    def __init__(self, core: Core) -> None:
        self._page = mmap.mmap(core.mapping()[0], layout.HEADER_SIZE, prot=mmap.PROT_READ)

    def value(self) -> int:
        """The word, to be read before the look at the slot."""
        return int.from_bytes(self._page[DOORBELL : DOORBELL + 4], "little")

    def wait(self, seen: int, seconds: float) -> None:
        """Sleep until the word differs from seen, or the time is over."""
        bell_wait(self._page, DOORBELL, seen, int(seconds * 1e9))


def attach(
    feed: str | None = None,
    *,
    directory: str | os.PathLike[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    timeout: float | None = 0,
    follow: bool = False,
    register: str | None = None,
    ignore_boot_id: bool = False,
) -> "Reader":
    """Attach to a feed by name, or by the path of its file, and stand at its oldest record.

    directory: where feeds are; TICKRING_DIR or /dev/shm/tickring when not given.
    timeout: how many seconds to wait for a feed that does not exist yet; None for ever.
    follow: move to the feed's next generation when this one ends, instead of ending.
    register: a name under which `tickring stat` reports this reader's lag and losses.
    Raises AttachError, which says what is wrong and what to do.
    """
    if (feed is None) == (path is None):
        raise TypeError("give a feed's name or a path")
    if feed is not None:
        place = os.fspath(directory or os.environ.get("TICKRING_DIR") or DEFAULT_DIRECTORY)
    else:
        place = os.fspath(path or "")
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            core = Core(place, feed, ignore_boot_id, True)
            break
        except AttachError as error:
            left = RETRY_S if deadline is None else deadline - time.monotonic()
            if error.code not in PASSING or left <= 0:
                raise
            time.sleep(min(left, RETRY_S))
    where = place if feed is None else f"{place}/{feed}"
    return Reader(core, where, follow=follow, register=register)


class Reader:
    """A private cursor over one feed; made by attach. It belongs to one thread at a time.

    `for record in reader` waits for records. What is no record is told to on_event where
    it was given, and raised otherwise: Overrun and Stale; the loop may be taken up again.
    It ends when the feed was closed or superseded, unless the reader follows.
    """

    def __init__(
        self, core: Core, path: str, *, follow: bool = False, register: str | None = None
    ) -> None:
        self._core = core
        self.path = path
        self.follow = follow
        self._name = register
        self._ids: dict[str, int] = {}
        self._filter: tuple[frozenset[Kind], tuple[int | str, ...]] = (frozenset(), ())
        self._covered: dict[tuple[int, int], int] = {}
        self._covered_to = 0
        self._awaited: frozenset[int | str] = frozenset()
        self._judged: dict[int, bool] = {}
        self._left_out = 0
        self._tried = 0.0
        self._turns = 0
        self._base = (0, 0)
        self.registration = Registration(path, register) if register is not None else None
        self._tell(force=True)

    def close(self) -> None:
        """Unmap, and give the slot among the readers back."""
        if self.registration is not None:
            self.registration.close()
        self._core.close()

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    # Reading.

    @property
    def answer(self) -> Answer:
        """What the last call of next, read or wait answered."""
        return Answer(self._core.answer)

    @property
    def lost(self) -> int:
        """How many records the last OVERRUN cost."""
        return self._core.lost

    def next(self) -> Record | None:
        """The next record; None when there is none: `answer` and `lost` say why. Never waits."""
        while True:
            record = cast("Record | None", self._core.next())
            if record is None:
                self._tell()
                return None
            self._turns += 1
            if self._turns >= TURN:
                self._tell()
            if not self.picky or not self._leaves_out(record):
                return record

    def next_head(self) -> Record | None:
        """As next, from the first 64 bytes alone: a book ticker's or a trade's numbers.

        The other half of the record is zero.
        """
        while True:
            record = cast("Record | None", self._core.next_head())
            if record is None or not self.picky or not self._leaves_out(record):
                return record

    def __iter__(self) -> Iterator[Record]:
        """Records, waiting for more."""
        return self.records()

    def records(
        self, *, timeout: float | None = None, on_event: EventHandler | None = None
    ) -> Iterator[Record]:
        """Records as they come; ends after `timeout` seconds without one."""
        core = self._core
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            position = core.position()
            if self.picky:
                yield from (r for r in self._turn() if not self._leaves_out(r))
            else:
                yield from self._turn()
            self._tell()
            if timeout is not None and core.position() != position:
                deadline = time.monotonic() + timeout
            if core.answer == Answer.RECORD:
                continue
            if not self._settle(on_event):
                return
            if core.answer == Answer.OVERRUN:
                continue
            left = NAP_S if deadline is None else min(NAP_S, deadline - time.monotonic())
            if left <= 0:
                return
            core.wait(int(left * 1e9))

    def _turn(self) -> Iterator[Record]:
        """At most a turn's records, by the fastest way."""
        return cast("Iterator[Record]", islice(self._core, TURN))

    def _settle(self, on_event: EventHandler | None) -> bool:
        """Tell or raise what came up instead of a record. False: it is the end."""
        answer = self._core.answer
        if answer == Answer.EMPTY:
            self._was_stale = False
            return True
        if answer == Answer.OVERRUN:
            self._tell_or_raise(on_event, Overrun(self.lost), self.lost)
            return True
        if answer == Answer.DAMAGED:
            raise Damaged
        if self.follow and self.moved_on():
            self._was_stale = False
            moved = Moved(self.generation)
            self._tell_or_raise(on_event, moved, 0)
            return True
        if answer == Answer.STALE:
            if not self._was_stale:
                self._was_stale = True
                self._tell_or_raise(on_event, Stale(), 0)
            return True
        if not self.follow:
            return False
        time.sleep(RETRY_S / 10)  # drained; the next generation is awaited
        return True

    _was_stale = False

    def _tell_or_raise(
        self, on_event: EventHandler | None, interruption: Interruption, lost: int
    ) -> None:
        if on_event is None:
            raise interruption
        on_event(Event(interruption.answer, lost, self.generation))

    def moved_on(self) -> bool:
        """Try the name, at most every 100 ms; for a reader that follows."""
        now = time.monotonic()
        if now - self._tried < RETRY_S:
            return False
        self._tried = now
        try:
            return self.reattach()
        except AttachError as error:
            if error.code not in PASSING:
                raise
            return False

    def read(self, out: "Records") -> Batch:
        """Fill a numpy array of dtype arrays.RECORD, without an object for each record.

        The batch's records are a view of out, which may be used again. Never waits.
        """
        count = self._core.read_into(out.view("u1"), len(out))
        records = out[:count]
        self._tell()
        if self.picky and count:
            records = records[self._kept(records)]
        return Batch(records, Answer(self._core.answer), self._core.lost)

    def batch(self, limit: int = 8192) -> Batch:
        """As read, into a new array of at most limit records."""
        from .arrays import empty  # noqa: PLC0415 - numpy is optional

        return self.read(empty(limit))

    def wait(self, timeout: float | None = None) -> Answer:
        """Wait until next has something to say, at most so many seconds.

        RECORD: next will not answer EMPTY; EMPTY: the time is over.
        """
        return Answer(self._core.wait(-1 if timeout is None else int(timeout * 1e9)))

    async def stream(
        self, *, timeout: float | None = None, on_event: EventHandler | None = None
    ) -> AsyncIterator[Record]:
        """Records as they come, for asyncio: the event loop goes on while this waits.

        The wait is in a thread of its own, on the segment's doorbell.
        """
        import asyncio  # noqa: PLC0415 - only who uses it pays for it
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        core = self._core
        bell, generation = Bell(core), self.generation
        deadline = None if timeout is None else time.monotonic() + timeout
        with ThreadPoolExecutor(1, "tickring-bell") as pool:
            while True:
                seen = bell.value()  # before the look: a record after it changes the word
                record = None
                for record in islice(core, ASYNC_TURN):
                    if not self.picky or not self._leaves_out(cast("Record", record)):
                        yield cast("Record", record)
                self._tell()
                if record is not None and timeout is not None:
                    deadline = time.monotonic() + timeout
                if core.answer == Answer.RECORD:
                    await asyncio.sleep(0)
                    continue
                if not self._settle(on_event):
                    return
                if self.generation != generation:
                    bell, generation = Bell(core), self.generation
                    continue
                if core.answer == Answer.OVERRUN:
                    continue
                left = NAP_S if deadline is None else min(NAP_S, deadline - time.monotonic())
                if left <= 0:
                    return
                await asyncio.get_running_loop().run_in_executor(pool, bell.wait, seen, left)

    # What is handed out, and from where on.

    def filter(
        self,
        *,
        kinds: Iterable[Kind] | None = None,
        instruments: Iterable[int | str] | None = None,
    ) -> None:
        """Hand out these kinds and instruments only; None is all of them.

        Instruments are ids or symbols ("BTC/USDT", or the venue's spelling); symbols are
        found again after a move to another generation. Records of no single instrument
        pass by their kind alone.
        """
        chosen = frozenset(kinds or ())
        names = tuple(instruments or ())
        self._apply(chosen, names)
        self._awaited = frozenset()
        self._filter = (chosen, names)

    def _apply(self, kinds: frozenset[Kind], instruments: tuple[int | str, ...]) -> None:
        ids: bytearray | None = None
        if instruments:
            ids = bytearray(ID_BYTES)
            for instrument in instruments:
                number = self.id(instrument)
                ids[number // 8] |= 1 << number % 8
        mask = sum(1 << kind for kind in kinds)
        self._core.filter(mask, bytes(ids) if ids is not None else None)

    def from_oldest(self) -> None:
        """Go to the oldest record that is not about to be overwritten."""
        self._covered = {}
        self._core.from_oldest()

    def from_latest(self) -> None:
        """Go behind the last record of the last whole frame."""
        self._covered = {}
        self._core.from_latest()

    def join(self) -> Joined:
        """Join late: the board as it is, and from now on what is newer than it.

        Records that an entry of the board covers are left out by next, read and the
        iterators. After an Overrun join again.
        """
        watermark = self._core.join()
        records, unreadable = [], []
        self._covered = {}
        for i in range(self._core.now()[3]):
            for kind, slot in BOARD_SLOTS.items():
                answer, record = self._core.board(i, slot)
                if record is not None:
                    records.append(cast("Record", record))
                    self._covered[i, kind] = records[-1].sequence
                elif answer != Answer.EMPTY:
                    unreadable.append((i, kind, Answer(answer)))
        self._covered_to = max(self._covered.values(), default=0)
        return Joined(watermark, records, unreadable)

    @property
    def picky(self) -> bool:
        """Whether records are looked at one by one: after a join, or for a symbol to come."""
        return bool(self._covered or self._awaited)

    def _leaves_out(self, record: Record) -> bool:
        return self._omits(record.sequence, record.instrument, record.kind)

    def _omits(self, sequence: int, instrument: int, kind: int) -> bool:
        """Whether the board covers it, or it is of an instrument that was not asked for."""
        if sequence > self._covered_to:
            self._covered = {}
        covered = sequence <= self._covered.get((instrument, kind), 0)
        omits = covered or (bool(self._awaited) and not self._asked_for(instrument))
        self._left_out += omits
        return omits

    def _asked_for(self, instrument: int) -> bool:
        """Judge by symbol, while a symbol of the filter is not in the table yet."""
        if instrument == layout.NO_INSTRUMENT:
            return True
        known = self._judged.get(instrument)
        if known is None:
            raw = self._core.instrument(instrument)
            row = None if raw is None else Instrument.of(instrument, raw)
            names = set() if row is None else {row.symbol, row.venue_symbol}
            known = instrument in self._awaited or not names.isdisjoint(self._awaited)
            if row is not None:
                self._judged[instrument] = known
        return known

    def _kept(self, records: "Records") -> list[bool]:
        sequences = (records["commit"] // 2).tolist()
        instruments, kinds = records["instrument"].tolist(), records["kind"].tolist()
        return [not self._omits(*row) for row in zip(sequences, instruments, kinds, strict=True)]

    @property
    def position(self) -> int:
        """Sequence that is expected next."""
        return self._core.position()

    @property
    def lag(self) -> int:
        """Records of whole frames that are there and not read yet."""
        last = self._core.now()[2]
        return max(last + 1 - self._core.position(), 0) if last <= layout.MAX_SEQUENCE else 0

    @property
    def stats(self) -> Stats:
        """Totals since attach."""
        records, *others = self._core.stats()
        return Stats(records - self._left_out, *others)

    def reattach(self) -> bool:
        """Try the name; True when it leads to another generation, where the reader is now.

        Ids of instruments are to be found again after a move.
        """
        code = self._core.reattach()
        if code in {ErrorCode.SAME_GENERATION, ErrorCode.NO_FEED}:
            return False
        if code != 0:
            from ._backend import error_text  # noqa: PLC0415

            raise AttachError(code, error_text(code), self.path)
        self._after_move()
        return True

    def _after_move(self) -> None:
        self._ids = {}
        self._covered = {}
        self._judged = {}
        self._awaited = frozenset()
        stats = self._core.stats()
        self._base = (stats[0], stats[1])
        kinds, names = self._filter
        try:
            self._apply(kinds, names)
        except NoInstrumentError:  # not there yet: look at each record's symbol
            self._apply(kinds, ())
            self._awaited = frozenset(names)
        if self._name is not None and self.registration is not None:
            self.registration.close()
            self.registration = Registration(self.path, self._name)
        self._tell(force=True)

    def _tell(self, *, force: bool = False) -> None:
        """Report cursor and counts, at most every 10 ms."""
        self._turns = 0
        registration = self.registration
        if registration is None:
            return
        now = time.monotonic_ns()
        if registration.active and (force or registration.due(now)):
            stats = self._core.stats()
            read, lost = stats[0] - self._base[0], stats[1] - self._base[1]
            registration.tell(now, self.generation, self._core.position(), read, lost)

    # Facts and tables.

    @property
    def generation(self) -> int:
        """Which segment of the feed this is."""
        return self._core.facts()[2]

    @property
    def info(self) -> SegmentInfo:
        """Facts of the segment, as they are now."""
        feed, venue, generation, source, slots, depth, _ = self._core.facts()
        state, watermark, last, count = self._core.now()
        return SegmentInfo(
            feed=feed.decode("utf-8", "replace"),
            venue=venue.decode("utf-8", "replace"),
            generation=generation,
            source=Source(source) if source in Source.__members__.values() else source,
            state=State(state) if state in State.__members__.values() else state,
            slots=slots,
            book_depth=depth,
            instrument_count=count,
            watermark=watermark,
            last_sequence=last,
        )

    def instruments(self) -> list[Instrument]:
        """All rows of the instrument table."""
        rows = ((i, self._core.instrument(i)) for i in range(self._core.now()[3]))
        return [Instrument.of(i, raw) for i, raw in rows if raw is not None]

    def find(self, symbol: str) -> int | None:
        """Id of "BTC/USDT" or of the venue's own spelling; None when there is none."""
        if symbol not in self._ids:
            for row in reversed(self.instruments()):
                self._ids[row.venue_symbol] = row.id
                self._ids[row.symbol] = row.id
        return self._ids.get(symbol)

    def id(self, instrument: int | str) -> int:
        """Id of an instrument; NoInstrumentError when there is none of that symbol."""
        found = instrument if isinstance(instrument, int) else self.find(instrument)
        if found is None or not 0 <= found <= layout.NO_INSTRUMENT:
            raise NoInstrumentError(f"{self.path}: no instrument {instrument}")
        return found

    def instrument(self, instrument: int | str) -> Instrument:
        """A row of the instrument table."""
        number = self.id(instrument)
        raw = self._core.instrument(number)
        if raw is None:
            raise NoInstrumentError(f"{self.path}: no instrument {instrument}")
        return Instrument.of(number, raw)

    def state(self, instrument: int | str) -> InstrumentState:
        """Whether the instrument's data are to be trusted."""
        raw = self._core.instrument_state(self.id(instrument))
        if raw is None:
            raise NoInstrumentError(f"{self.path}: no instrument {instrument}")
        return InstrumentState.of(raw)

    def connection(self, row: int) -> Connection:
        """A row of the connection table."""
        raw = self._core.connection(row)
        if raw is None:
            raise LookupError(f"{self.path}: no connection {row}")
        return Connection.of(row, raw)

    def counter(self, counter: layout.Counter) -> int:
        """One of the publisher's totals."""
        return self._core.counter(counter)

    # Board, books, freshness.

    def board(self, instrument: int | str, kind: Kind) -> Record | None:
        """The newest record of an instrument and kind; None: there is none yet.

        It says nothing of freshness: see fresh_within. DEPTH and PERPETUAL have no place.
        """
        slot = BOARD_SLOTS.get(kind)
        if slot is None:
            raise ValueError(f"{kind.name} has no place on the board")
        answer, record = self._core.board(self.id(instrument), slot)
        _raise_for(answer)
        return cast("Record | None", record)

    def board_records(self) -> list[Record]:
        """Whole copies of all entries that have a record."""
        out = []
        for i in range(self._core.now()[3]):
            for slot in BoardSlot:
                record = self._core.board(i, slot)[1]
                if record is not None:
                    out.append(cast("Record", record))
        return out

    def board_array(self) -> "Records":
        """Whole copies of all entries: an array of instruments x BoardSlot.

        An entry without a record is zero (commit 0).
        """
        from .arrays import empty  # noqa: PLC0415 - numpy is optional

        out = empty(self._core.now()[3] * len(BoardSlot))
        self._core.board_into(out.view("u1"))
        return out.reshape(-1, len(BoardSlot))

    def board_view(self) -> "Records":
        """The board itself: instruments x BoardSlot, read-only, over the shared memory.

        No copy is made, so entries change while you look, and may be seen half written.
        Read commit, take what you need, read commit again: the same even value says that
        it was whole (on x86-64; use board_array elsewhere). The view belongs to this
        generation and outlives the reader.
        """
        import numpy as np  # noqa: PLC0415 - numpy is optional

        from .arrays import RECORD  # noqa: PLC0415

        fd, size, rows, at, _, _ = self._core.mapping()
        memory = mmap.mmap(fd, size, prot=mmap.PROT_READ)
        flat = np.frombuffer(memory, dtype=RECORD, count=rows * len(BoardSlot), offset=at)
        return cast("Records", flat.reshape(rows, len(BoardSlot)))

    def book(self, instrument: int | str) -> Book | None:
        """The top of an instrument's book; None: there is none yet."""
        number = self.id(instrument)
        answer, header, bids, asks = self._core.book(number)
        _raise_for(answer)
        return Book.of(number, header, bids, asks) if header else None

    def fresh_within(self, instrument: int | str, seconds: float) -> bool:
        """Whether the instrument's data are live, verified, and heard of within the bound.

        The source is LIVE, the publisher's hot thread moves, the instrument is subscribed
        and neither stale, suspect, resyncing, refused nor halted, and its connection
        received something within so many seconds of this host's clock.
        """
        return self._core.fresh_within(self.id(instrument), int(seconds * 1e9))

    def quote_age(self, instrument: int | str) -> float | None:
        """Seconds since the instrument's newest book ticker was received; None: no one yet."""
        seen = self.state(instrument).book_ticker_last_seen_ns
        return max(time.time_ns() - seen, 0) / 1e9 if seen else None


def _raise_for(answer: int) -> None:
    if answer == Answer.BUSY:
        raise Busy
    if answer == Answer.DAMAGED:
        raise Damaged
