"""Driver of the conformance kit: python -m tickring.conformance [--pure | --c].

docs/conformance.md has the commands it takes and the log it prints.
"""

import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from enum import IntEnum, IntFlag
from typing import Final, TextIO, cast

from . import _layout as layout
from ._backend import backend
from ._layout import Answer, BoardSlot, Kind, Struct
from .errors import AttachError, ErrorCode
from .poller import Poller
from .reader import Event, Reader, attach
from .records import BODIES, CODES, Record
from .tables import unpack

HASH_SEED: Final = 0xCBF29CE484222325
HASH_PRIME: Final = 0x100000001B3
MASK: Final = (1 << 64) - 1
NONE_16: Final = 0xFFFF
DRAIN: Final = 1024  # records a bulk copy
POLL_S: Final = 0.001

ENUMS: Final[dict[str, type[IntEnum]]] = {
    "kind": layout.Kind,
    "aggressor": layout.Aggressor,
    "id_format": layout.IDFormat,
    "code": layout.StatusCode,
    "scope": layout.Scope,
    "reason": layout.Reason,
}
SETS: Final[dict[str, type[IntFlag]]] = {
    "channels": layout.Channel,
    "stale": layout.Channel,
    "acknowledged": layout.Channel,
    "refused": layout.Channel,
}
# State and header size have codes of their own here and one name in the protocol.
ERROR_NAMES: Final = {ErrorCode.STATE: "HEADER"}


def number(value: int) -> str:
    """Give an integer, INT64_MIN as absent."""
    return "absent" if value == layout.ABSENT else str(value)


def row(value: int) -> str:
    """Give a row's number, 0xFFFF as none."""
    return "none" if value == NONE_16 else str(value)


def named(owner: type[IntEnum], value: int) -> str:
    """Give a value's name, or the value."""
    member = owner._value2member_map_.get(value)
    return str(value) if member is None else member._name_


def bits(owner: type[IntFlag], value: int) -> str:
    """Give the names of a set's bits."""
    words = []
    for bit in range(64):
        if value >> bit & 1:
            member = owner.__members__.values()
            name = next((m.name for m in member if m.value == 1 << bit), None)
            words.append(name or f"BIT_{bit}")
    return "|".join(words) or "-"


def quoted(raw: bytes) -> str:
    """Give a text, byte by byte."""
    plain = (chr(c) if 0x20 <= c <= 0x7E and c not in b'"\\' else f"\\x{c:02x}" for c in raw)
    return '"' + "".join(plain) + '"'


def padded(raw: int | bytes) -> str:
    """Give a text that ends at the first zero."""
    return quoted(raw.split(b"\0", 1)[0] if isinstance(raw, bytes) else b"")


def levels(raw: bytes) -> str:
    """Give levels that lie one behind the other."""
    pairs = struct.iter_unpack("<qq", raw)
    return "[" + ",".join(f"{number(p)}:{number(q)}" for p, q in pairs) + "]"


def hashed(seed: int, raw: bytes) -> int:
    """Take the words of records into a hash."""
    for (word,) in struct.iter_unpack("<Q", raw):
        seed = (seed ^ word) * HASH_PRIME & MASK
    return seed


def value_of(name: str, value: int) -> str:
    """Give a field's value as the log has it."""
    if name in ENUMS:
        return named(ENUMS[name], value)
    if name in SETS:
        return bits(SETS[name], value)
    return row(value) if name in {"connection", "instrument"} else number(value)


def front(raw: bytes) -> str:
    """Give what RECORD and HEAD have in common."""
    commit, kind, price, quantity, _, flags, instrument, recv, sequence = struct.unpack_from(
        "<QBbbBHHqQ", raw
    )
    return (
        f"sequence={commit // 2} kind={named(Kind, kind)} flags={bits(layout.Flags, flags)} "
        f"instrument={row(instrument)} price_exponent={price} quantity_exponent={quantity} "
        f"recv_time_ns={number(recv)} venue_sequence={sequence}"
    )


def body(table: Struct, raw: bytes) -> Iterator[str]:
    """Give the fields of a body in the order of its table."""
    at = {field.name: layout.BODY_OFFSET + field.offset for field in table.fields}
    for field in table.fields:
        name, first = field.name, at[field.name]
        if name.startswith("reserved") or name == "text_length":
            continue
        if name == "levels":
            count = raw[at["bids"]] + raw[at["asks"]]
            yield f"levels={levels(raw[first : first + count * layout.LEVEL_SIZE])}"
        elif name == "text":
            size = raw[at["text_length"]]  # at most 40, so one byte of it has all
            yield f"text={quoted(raw[first : first + size])}"
        else:
            (value,) = struct.unpack_from("<" + CODES[field.type], raw, first)
            yield f"{name}={value_of(name, value)}"


def record_line(raw: bytes) -> str:
    """Give all of a record."""
    event, publish = struct.unpack_from("<qq", raw, 112)
    parts = [front(raw), f"event_time_ns={number(event)}", f"publish_time_ns={number(publish)}"]
    parts += body(BODIES[Kind(raw[8])], raw)
    return " ".join([*parts, f"hash={hashed(HASH_SEED, raw):016x}"])


def head_line(raw: bytes) -> str:
    """Give the first 64 bytes of a record."""
    words = ",".join(number(word) for word in struct.unpack_from("<4q", raw, 32))
    return f"HEAD {front(raw)} words=[{words}]"


def table_line(table: Struct, raw: bytes, skip: set[str]) -> str:
    """Give the fields of a row, without reserved ones."""
    parts = []
    for name, value in unpack(table, raw).items():
        if name.startswith("reserved") or name in skip:
            continue
        shown = padded(value) if isinstance(value, bytes) else value_of(name, value)
        parts.append(f"{name}={shown}")
    return " ".join(parts)


class Run:
    """A stretch of records without a hole."""

    def __init__(self) -> None:
        self.first = self.last = self.records = 0
        self.hash = HASH_SEED

    def end(self) -> list[str]:
        """Give its line, if there is one, and begin anew."""
        lines = []
        if self.records:
            counts = f"first={self.first} last={self.last} records={self.records}"
            lines.append(f"RUN {counts} hash={self.hash:016x}")
        self.__init__()  # type: ignore[misc]
        return lines

    def take(self, raw: bytes) -> list[str]:
        """Go on with a record."""
        sequence = int.from_bytes(raw[:8], "little") // 2
        lines = self.end() if self.records and sequence != self.last + 1 else []
        if not self.records:
            self.first = sequence
        self.last = sequence
        self.records += 1
        self.hash = hashed(self.hash, raw)
        return lines


class NoReaderError(Exception):
    """A command needs a reader and there is none."""


class Driver:
    """What the commands act on; each gives the lines of its reply."""

    def __init__(self) -> None:
        self._reader: Reader | None = None
        self._poller: Poller | None = None

    @property
    def reader(self) -> Reader:
        """The reader there is."""
        if self._reader is None:
            raise NoReaderError
        return self._reader

    def answer_line(self, answer: Answer, lost: int, position: int) -> str:
        """Give an answer that is no record."""
        more = f" lost={lost} next={position}" if answer is Answer.OVERRUN else ""
        return answer.name + more

    def _said(self) -> str:
        reader = self.reader
        return self.answer_line(reader.answer, reader.lost, reader.position)

    def drop(self) -> None:
        """Close the reader."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def drop_poller(self) -> None:
        """Close the poller's readers."""
        if self._poller is not None:
            for reader in self._poller.readers:
                reader.close()
            self._poller = None

    # Commands.

    def hello(self) -> list[str]:
        """Who this is."""
        name = "python" if backend == "c" else "python-pure"
        return [f"READER name={name} format_hash=0x{layout.FORMAT_HASH:016x}"]

    def _attach(self, make: Callable[[], Reader]) -> list[str]:
        self.drop()
        reader = self._reader = make()
        return [f"OPENED generation={reader.generation} next={reader.position}"]

    def open(self, path: str) -> list[str]:
        """Attach by path."""
        return self._attach(lambda: attach(path=path))

    def attach(self, directory: str, feed: str) -> list[str]:
        """Attach by name."""
        return self._attach(lambda: attach(feed, directory=directory))

    def await_(self, directory: str, feed: str, ms: str) -> list[str]:
        """Attach by name, and wait for the feed."""
        return self._attach(lambda: attach(feed, directory=directory, timeout=int(ms) / 1000))

    def register(self, directory: str, feed: str, name: str) -> list[str]:
        """Attach by name, named for `tickring stat`."""
        return self._attach(lambda: attach(feed, directory=directory, register=name))

    def registered(self) -> list[str]:
        """Whether this reader has a slot."""
        registration = self.reader.registration
        return [f"REGISTERED {int(registration is not None and registration.active)}"]

    def close(self) -> list[str]:
        """Drop the reader."""
        _ = self.reader
        self.drop()
        return ["DETACHED"]

    def segment(self) -> list[str]:
        """Facts of the segment."""
        core = self.reader._core
        feed, venue, generation, source, slots, depth, _ = core.facts()
        state, watermark, last, count = core.now()
        return [
            f"SEGMENT feed={quoted(feed)} venue={quoted(venue)} generation={generation} "
            f"source={named(layout.Source, source)} state={named(layout.State, state)} "
            f"slots={slots} book_depth={depth} instrument_count={count} "
            f"watermark={watermark} last_sequence={last}"
        ]

    def _each(
        self, count: str, call: Callable[[], Record | None], line: Callable[[bytes], str]
    ) -> list[str]:
        lines = []
        for _ in range(int(count)):
            record = call()
            if record is not None:
                lines.append(line(record.raw))
                continue
            lines.append(self._said())
            if self.reader.answer is not Answer.OVERRUN:
                break
        return lines

    def next(self, count: str) -> list[str]:
        """Whole records."""
        return self._each(count, self.reader.next, lambda raw: "RECORD " + record_line(raw))

    def head(self, count: str) -> list[str]:
        """First lines of records."""
        return self._each(count, self.reader.next_head, head_line)

    def until(self, answer: str, ms: str) -> list[str]:
        """Wait for an answer."""
        reader = self.reader
        deadline = time.monotonic() + int(ms) / 1000
        while True:
            record = reader.next()
            if record is not None:
                return ["RECORD " + record_line(record.raw)]
            waits = reader.answer in {Answer.EMPTY, Answer.STALE}
            if reader.answer.name == answer or not waits:
                return [self._said()]
            if time.monotonic() >= deadline:
                return ["TIMEOUT"]
            reader.wait(POLL_S)

    def seek(self, where: str) -> list[str]:
        """Go to the oldest or behind the latest record."""
        if where == "latest":
            self.reader.from_latest()
        else:
            self.reader.from_oldest()
        return self.position()

    def position(self) -> list[str]:
        """Where the reader stands."""
        return [f"POSITION next={self.reader.position}"]

    def lag(self) -> list[str]:
        """How far behind."""
        return [f"LAG records={self.reader.lag}"]

    def stats(self) -> list[str]:
        """Counters."""
        s = self.reader.stats
        return [
            f"STATS records={s.records} lost={s.lost} overruns={s.overruns} "
            f"skipped_depth={s.skipped_depth}"
        ]

    def filter(self, kinds: str, symbols: str) -> list[str]:
        """What to hand out."""
        reader = self.reader
        wanted = None if kinds == "*" else [Kind[name] for name in kinds.split(",")]
        names = None if symbols == "*" else symbols.split(",")
        try:
            ids = None if names is None else sorted({reader.id(name) for name in names})
        except LookupError:
            return ["ERROR NO_INSTRUMENT"]
        reader.filter(kinds=wanted, instruments=names)
        shown = "*" if wanted is None else ",".join(k.name for k in sorted(set(wanted)))
        return [
            f"FILTER kinds={shown} instruments={'*' if ids is None else ','.join(map(str, ids))}"
        ]

    def join(self) -> list[str]:
        """Join late."""
        reader = self.reader
        joined = reader.join()
        lines = [f"JOINED watermark={joined.watermark}", *self._board_lines()]
        while (record := reader.next()) is not None:
            lines.append("RECORD " + record_line(record.raw))
        return [*lines, self._said()]

    def _board_lines(self) -> list[str]:
        core = self.reader._core
        lines = []
        for i in range(core.now()[3]):
            for slot in BoardSlot:
                answer, record = core.board(i, slot)
                if answer != Answer.EMPTY:
                    said = Answer(answer).name if record is None else record_line(record.raw)
                    lines.append(f"BOARD instrument={i} slot={slot.name} {said}")
        return lines

    def board(self, instrument: str, slot: str) -> list[str]:
        """One entry of the board."""
        core = self.reader._core
        answer, record = core.board(int(instrument), BoardSlot[slot])
        if record is None:
            return [Answer(answer).name]
        return [f"BOARD slot={slot} {record_line(record.raw)}"]

    def book(self, instrument: str) -> list[str]:
        """One book."""
        core = self.reader._core
        answer, header, bids, asks = core.book(int(instrument))
        if not header:
            return [Answer(answer).name]
        values = unpack(layout.BOOK_HEADER_STRUCT, header)
        flags = bits(layout.BookFlag, int(values["flags"]))
        parts = table_line(layout.BOOK_HEADER_STRUCT, header, {"flags", "publish_time_ns"})
        publish = number(int(values["publish_time_ns"]))
        return [
            f"BOOK instrument={instrument} {parts} flags={flags} publish_time_ns={publish} "
            f"bids={levels(bids)} asks={levels(asks)}"
        ]

    def instruments(self) -> list[str]:
        """The instrument table."""
        core = self.reader._core
        lines = []
        for i in range(core.now()[3]):
            raw = core.instrument(i)
            if raw is None:
                break
            values = unpack(layout.INSTRUMENT_STRUCT, raw)
            base, quote = (
                bytes(cast("bytes", values[k])).split(b"\0", 1)[0] for k in ("base", "quote")
            )
            symbol = base + b"/" + quote if quote else base
            order = ["tick", "lot", "tick_exponent", "lot_exponent", "price_exponent"]
            order += ("quantity_exponent", "multiplier_exponent", "multiplier", "added_time_ns")
            numbers = " ".join(f"{k}={number(int(values[k]))}" for k in order)
            lines.append(
                f"INSTRUMENT id={i} symbol={quoted(symbol)} "
                f"channels={bits(layout.Channel, int(values['channels']))} "
                f"venue_symbol={padded(values['venue_symbol'])} base={quoted(base)} "
                f"quote={quoted(quote)} {numbers}"
            )
        return lines

    def find(self, symbol: str) -> list[str]:
        """Find an instrument."""
        found = self.reader.find(symbol)
        return ["ERROR NO_INSTRUMENT" if found is None else f"FOUND id={found}"]

    def state(self, instrument: str) -> list[str]:
        """What stands beside an instrument."""
        raw = self.reader._core.instrument_state(int(instrument))
        if raw is None:
            return ["ERROR NO_INSTRUMENT"]
        word = int.from_bytes(raw[:8], "little")
        rest = table_line(layout.INSTRUMENT_STATE_STRUCT, raw, {"word"})
        set_ = bits(layout.StateBit, word & 0xFFFFFFFF)
        return [f"STATE instrument={instrument} bits={set_} book_epoch={word >> 32} {rest}"]

    def connection(self, index: str) -> list[str]:
        """Row of the connection table."""
        raw = self.reader._core.connection(int(index))
        if raw is None:
            return ["ERROR ARGUMENT"]
        state = named(layout.ConnectionState, int.from_bytes(raw[:4], "little"))
        rest = table_line(layout.CONNECTION_STRUCT, raw, {"state"})
        return [f"CONNECTION row={index} state={state} {rest}"]

    def counter(self, index: str) -> list[str]:
        """One of the publisher's counters."""
        return [f"COUNTER index={index} value={self.reader._core.counter(int(index))}"]

    def fresh(self, instrument: str, ns: str) -> list[str]:
        """Whether an instrument's data are live."""
        fresh = self.reader._core.fresh_within(int(instrument), int(ns))
        return [f"FRESH {int(fresh)}"]

    def age(self, instrument: str, ns: str) -> list[str]:
        """How old the newest quote is."""
        try:
            seen = self.reader.state(int(instrument)).book_ticker_last_seen_ns
        except LookupError:
            seen = 0
        if seen == 0:
            return ["AGE none"]
        within = max(time.time_ns() - seen, 0) <= int(ns)
        return ["AGE within" if within else "AGE beyond"]

    def reattach(self) -> list[str]:
        """Try the name again."""
        reader = self.reader
        if not reader.reattach():
            return ["SAME"]
        return [f"REATTACHED generation={reader.generation} next={reader.position}"]

    def drain(self, ms: str) -> list[str]:
        """Read all there is, in bulk."""
        reader = self.reader
        deadline = time.monotonic() + int(ms) / 1000
        run = Run()
        lines: list[str] = []
        while True:
            for raw in self._bulk():
                lines += run.take(raw)
            answer = reader.answer
            if answer is Answer.RECORD:
                continue
            if answer is Answer.OVERRUN:
                lines += [*run.end(), self._said()]
            elif answer in {Answer.EMPTY, Answer.STALE}:
                if time.monotonic() >= deadline:
                    return [*lines, *run.end(), "TIMEOUT"]
                reader.wait(POLL_S)
            else:
                return [*lines, *run.end(), answer.name]

    def _bulk(self) -> Iterator[bytes]:
        """Give records by the bulk call, or after a join by the one that knows the board."""
        reader = self.reader
        if reader.picky:
            while (record := reader.next()) is not None:
                yield record.raw
            return
        buffer = bytearray(DRAIN * layout.RECORD_SIZE)
        count = reader._core.read_into(buffer, DRAIN)
        for at in range(0, count * layout.RECORD_SIZE, layout.RECORD_SIZE):
            yield bytes(buffer[at : at + layout.RECORD_SIZE])

    def poller(self, *paths: str) -> list[str]:
        """Open several feeds."""
        self.drop_poller()
        readers: list[Reader] = []
        try:
            readers += (attach(path=path) for path in paths)
        except AttachError:
            for reader in readers:
                reader.close()
            raise
        self._poller = Poller(readers)
        return [f"POLLER feeds={len(readers)}"]

    def poll(self, count: str) -> list[str]:
        """Give records of several feeds, merged."""
        if self._poller is None:
            return ["NO_POLLER"]
        lines = []
        for _ in range(int(count)):
            item = self._poller.next()
            if item is None:
                lines.append("EMPTY")
                break
            index, what = item
            if isinstance(what, Event):
                position = self._poller.readers[index].position
                said = self.answer_line(what.answer, what.lost, position)
            else:
                said = "RECORD " + record_line(what.raw)
            lines.append(f"FEED {index} {said}")
        return lines


COMMANDS: Final = {
    "hello", "open", "attach", "await", "register", "registered", "close", "segment", "next",
    "head", "until", "seek", "position", "lag", "stats", "filter", "join", "board", "book",
    "instruments", "find", "state", "connection", "counter", "fresh", "age", "reattach", "drain",
    "poller", "poll",
}  # fmt: skip


def reply(driver: Driver, words: list[str]) -> list[str]:
    """Give the lines of a command's reply."""
    name, *arguments = words
    if name not in COMMANDS:
        return ["UNSUPPORTED"]
    call: Callable[..., list[str]] = getattr(driver, "await_" if name == "await" else name)
    try:
        return call(*arguments)
    except NoReaderError:
        return ["NO_READER"]
    except AttachError as error:
        return [f"ERROR {ERROR_NAMES.get(error.code, error.code.name)}"]
    except OSError:
        return ["ERROR SYSTEM"]


def serve(commands: TextIO, log: TextIO) -> None:
    """Answer commands until the end of input or quit."""
    driver = Driver()
    for line in commands:
        words = line.split()
        if not words:
            continue
        if words[0] == "quit":
            break
        log.write("".join(f"{text}\n" for text in [*reply(driver, words), "."]))
        log.flush()
    driver.drop()
    driver.drop_poller()


def main() -> None:
    """Run, with the backend that was asked for."""
    wanted = {"--pure": "python", "--c": "c"}
    asked = [wanted[word] for word in sys.argv[1:] if word in wanted]
    if asked and os.environ.get("TICKRING_BACKEND") != asked[0]:
        os.environ["TICKRING_BACKEND"] = asked[0]
        os.execv(sys.executable, [sys.executable, "-m", "tickring.conformance", *sys.argv[1:]])
    serve(sys.stdin, sys.stdout)


if __name__ == "__main__":
    main()
