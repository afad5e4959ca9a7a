"""Rows of the tables beside the ring, as private copies with names."""

import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from . import _layout as layout
from ._layout import BookFlag, Channel, ConnectionState, Source, State, StateBit, Struct
from .decimals import decimal
from .records import CODES, Level, levels


def codec(table: Struct) -> struct.Struct:
    """Packs and unpacks a struct of the format; arrays of bytes are one value."""
    parts = [f"{f.length}s" if f.length else CODES[f.type] for f in table.fields]
    return struct.Struct("<" + "".join(parts))


_CODECS: Final = {
    table.name: codec(table)
    for table in (
        layout.INSTRUMENT_STRUCT,
        layout.INSTRUMENT_STATE_STRUCT,
        layout.CONNECTION_STRUCT,
        layout.BOOK_HEADER_STRUCT,
    )
}


def unpack(table: Struct, raw: bytes) -> dict[str, int | bytes]:
    """Values by name; padded fields as they are."""
    values = _CODECS[table.name].unpack(raw)
    return {field.name: value for field, value in zip(table.fields, values, strict=True)}


class Row:
    """Typed access to the values of a row."""

    def __init__(self, table: Struct, raw: bytes) -> None:
        self._values = unpack(table, raw)

    def number(self, name: str) -> int:
        """An integer."""
        value = self._values[name]
        return value if isinstance(value, int) else 0

    def text(self, name: str) -> str:
        """A padded field."""
        value = self._values[name]
        raw = value if isinstance(value, bytes) else b""
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of the instrument table; ids hold within one generation."""

    id: int
    symbol: str
    venue_symbol: str
    base: str
    quote: str
    channels: Channel
    tick: Decimal | None
    lot: Decimal | None
    multiplier: Decimal | None
    price_exponent: int
    quantity_exponent: int
    added_time_ns: int

    @classmethod
    def of(cls, id_: int, raw: bytes) -> "Instrument":
        """Read a row."""
        row = Row(layout.INSTRUMENT_STRUCT, raw)
        base, quote = row.text("base"), row.text("quote")
        return cls(
            id=id_,
            symbol=f"{base}/{quote}" if quote else base,
            venue_symbol=row.text("venue_symbol"),
            base=base,
            quote=quote,
            channels=Channel(row.number("channels")),
            tick=decimal(row.number("tick"), row.number("tick_exponent")),
            lot=decimal(row.number("lot"), row.number("lot_exponent")),
            multiplier=decimal(row.number("multiplier"), row.number("multiplier_exponent")),
            price_exponent=row.number("price_exponent"),
            quantity_exponent=row.number("quantity_exponent"),
            added_time_ns=row.number("added_time_ns"),
        )


@dataclass(frozen=True, slots=True)
class InstrumentState:
    """Whether an instrument's data are to be trusted, and when they were last heard of."""

    bits: StateBit
    book_epoch: int
    last_seen_ns: int
    book_ticker_last_seen_ns: int
    trade_last_seen_ns: int
    depth_last_seen_ns: int
    ticker_last_seen_ns: int
    connection: int | None
    stale: Channel
    acknowledged: Channel
    refused: Channel

    @classmethod
    def of(cls, raw: bytes) -> "InstrumentState":
        """Read a row."""
        row = Row(layout.INSTRUMENT_STATE_STRUCT, raw)
        word = row.number("word")
        connection = row.number("connection")
        return cls(
            bits=StateBit(word & 0xFFFFFFFF),
            book_epoch=word >> 32,
            last_seen_ns=row.number("last_seen_ns"),
            book_ticker_last_seen_ns=row.number("book_ticker_last_seen_ns"),
            trade_last_seen_ns=row.number("trade_last_seen_ns"),
            depth_last_seen_ns=row.number("depth_last_seen_ns"),
            ticker_last_seen_ns=row.number("ticker_last_seen_ns"),
            connection=None if connection == layout.NO_CONNECTION else connection,
            stale=Channel(row.number("stale")),
            acknowledged=Channel(row.number("acknowledged")),
            refused=Channel(row.number("refused")),
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """One row of the connection table."""

    row: int
    state: ConnectionState | int
    endpoint: str
    last_receive_ns: int
    connected_since_ns: int
    reconnects: int
    frames: int
    byte_count: int
    decode_errors: int
    round_trip_ns: int

    @classmethod
    def of(cls, index: int, raw: bytes) -> "Connection":
        """Read a row."""
        row = Row(layout.CONNECTION_STRUCT, raw)
        state = row.number("state")
        known = state in ConnectionState.__members__.values()
        return cls(
            row=index,
            state=ConnectionState(state) if known else state,
            endpoint=row.text("endpoint"),
            last_receive_ns=row.number("last_receive_ns"),
            connected_since_ns=row.number("connected_since_ns"),
            reconnects=row.number("reconnects"),
            frames=row.number("frames"),
            byte_count=row.number("bytes"),
            decode_errors=row.number("decode_errors"),
            round_trip_ns=row.number("round_trip_ns"),
        )


@dataclass(frozen=True, slots=True)
class Book:
    """The top of an instrument's book, best level first. Trade on it only when valid."""

    instrument: int
    valid: bool
    flags: BookFlag
    as_of: int
    event_time_ns: int
    recv_time_ns: int
    publish_time_ns: int
    venue_sequence: int
    book_epoch: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @classmethod
    def of(cls, instrument: int, header: bytes, bids: bytes, asks: bytes) -> "Book":
        """Read an entry."""
        row = Row(layout.BOOK_HEADER_STRUCT, header)
        exponents = (row.number("price_exponent"), row.number("quantity_exponent"))
        flags = BookFlag(row.number("flags"))
        return cls(
            instrument=instrument,
            valid=BookFlag.VALID in flags,
            flags=flags,
            as_of=row.number("as_of"),
            event_time_ns=row.number("event_time_ns"),
            recv_time_ns=row.number("recv_time_ns"),
            publish_time_ns=row.number("publish_time_ns"),
            venue_sequence=row.number("venue_sequence"),
            book_epoch=row.number("book_epoch"),
            bids=levels(bids, 0, len(bids) // layout.LEVEL_SIZE, exponents),
            asks=levels(asks, 0, len(asks) // layout.LEVEL_SIZE, exponents),
        )


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """Facts of the segment, as they are now."""

    feed: str
    venue: str
    generation: int
    source: Source | int
    state: State | int
    slots: int
    book_depth: int
    instrument_count: int
    watermark: int
    last_sequence: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals of one reader since it was attached; they go on over a move."""

    records: int
    lost: int
    overruns: int
    torn_rejected: int
    skipped_depth: int
    reattached: int
