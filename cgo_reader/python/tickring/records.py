"""Records with names: one class for each kind.

A number has three attributes: `price` is the exact Decimal (None when the venue did not
say it), `price_mantissa` the integer (ABSENT), `price_float` the nearest float (NaN).
Times are nanoseconds of the Unix epoch, ABSENT when the venue gave none.
"""

from decimal import Decimal
from typing import Final, Self, TypeVar, overload

from . import _layout as layout
from ._backend import Field, FloatField, RecordBase, set_classes
from ._layout import (
    ABSENT,
    BODY_OFFSET,
    NO_CONNECTION,
    NO_INSTRUMENT,
    Aggressor,
    Flags,
    IDFormat,
    Kind,
    Scope,
    StatusCode,
    Struct,
)
from .decimals import decimal, decimal_text

CODES: Final = {
    "u8": "B", "i8": "b", "u16": "H", "i16": "h",
    "u32": "I", "i32": "i", "u64": "Q", "i64": "q",
}  # fmt: skip

BODIES: Final[dict[Kind, Struct]] = {
    Kind.BOOK_TICKER: layout.BOOK_TICKER_STRUCT,
    Kind.TRADE: layout.TRADE_STRUCT,
    Kind.DEPTH: layout.DEPTH_STRUCT,
    Kind.TICKER: layout.TICKER_STRUCT,
    Kind.STATUS: layout.STATUS_STRUCT,
    Kind.PERPETUAL: layout.PERPETUAL_STRUCT,
}


def _at(table: Struct, name: str) -> tuple[int, str]:
    """Offset in the record and struct code of a field."""
    base = 0 if table is layout.RECORD_STRUCT else BODY_OFFSET
    field = next(field for field in table.fields if field.name == name)
    return base + field.offset, CODES[field.type]


def _integer(table: Struct, name: str) -> Field:
    return Field(*_at(table, name))


class Number:
    """Descriptor: an exact Decimal, or None when absent."""

    __slots__ = ("exponent", "mantissa", "offsets")

    def __init__(self, table: Struct, name: str, exponent: str) -> None:
        owner = table if exponent in {f.name for f in table.fields} else layout.RECORD_STRUCT
        at = (_at(table, name), _at(owner, exponent))
        self.mantissa = Field(*at[0])
        self.exponent = Field(*at[1])
        self.offsets = (at[0][0], at[1][0])

    @overload
    def __get__(self, record: None, owner: type[RecordBase]) -> Self: ...
    @overload
    def __get__(self, record: RecordBase, owner: type[RecordBase]) -> Decimal | None: ...
    def __get__(
        self, record: RecordBase | None, owner: type[RecordBase]
    ) -> "Self | Decimal | None":
        """Read the number of a record."""
        if record is None:
            return self
        return decimal(self.mantissa.__get__(record, owner), self.exponent.__get__(record, owner))

    def float(self) -> FloatField:
        """The same number as the nearest float."""
        return FloatField(*self.offsets)


def _price(table: Struct, name: str) -> Number:
    return Number(table, name, "price_exponent")


def _quantity(table: Struct, name: str) -> Number:
    return Number(table, name, "quantity_exponent")


E = TypeVar("E", bound=int)


def _named(owner: type[E], value: int) -> E | int:
    """The named value, or the number where it has no name."""
    try:
        return owner(value)
    except ValueError:
        return value


class Record(RecordBase):
    """What every record says. A private copy: it stays what it is."""

    __slots__ = ()

    _HEAD = layout.RECORD_STRUCT
    commit = _integer(_HEAD, "commit")
    kind = _integer(_HEAD, "kind")
    price_exponent = _integer(_HEAD, "price_exponent")
    quantity_exponent = _integer(_HEAD, "quantity_exponent")
    flags_value = _integer(_HEAD, "flags")
    instrument = _integer(_HEAD, "instrument")
    recv_time_ns = _integer(_HEAD, "recv_time_ns")
    venue_sequence = _integer(_HEAD, "venue_sequence")
    event_time_ns = _integer(_HEAD, "event_time_ns")
    publish_time_ns = _integer(_HEAD, "publish_time_ns")

    @property
    def sequence(self) -> int:
        """The ring's number of the record, from 1 in each generation."""
        return self.commit // 2

    @property
    def flags(self) -> Flags:
        """The set of flags."""
        return Flags(self.flags_value)

    def as_dict(self, *, floats: bool = False) -> dict[str, object]:
        """Fields by name; decimals exact, or with floats=True as floats. Absent is None."""
        out: dict[str, object] = {
            "sequence": self.sequence,
            "kind": Kind(self.kind).name if self.kind in BODIES else self.kind,
            "flags": [flag.name for flag in Flags if flag in self.flags],
            "instrument": None if self.instrument == NO_INSTRUMENT else self.instrument,
        }
        for name in ("recv_time_ns", "event_time_ns", "publish_time_ns", "venue_sequence"):
            value = getattr(self, name)
            out[name] = None if value == ABSENT else value
        for owner in type(self).__mro__[-4::-1]:
            for name, field in vars(owner).items():
                if isinstance(field, Number):
                    number = field.__get__(self, owner)
                    if floats and number is not None:
                        out[name] = field.float().__get__(self, owner)
                    else:
                        out[name] = number
        out.update(self._more(floats=floats))
        return out

    def _more(self, *, floats: bool) -> dict[str, object]:
        """What a kind adds to as_dict beyond its numbers."""
        del floats
        return {}

    def __eq__(self, other: object) -> bool:
        """Records are equal when all their bytes are."""
        if not isinstance(other, Record):
            return NotImplemented
        return self.raw == other.raw

    def __hash__(self) -> int:
        """By sequence."""
        return hash(self.commit)

    def __repr__(self) -> str:
        """Name, sequence and numbers."""
        parts = [f"sequence={self.sequence}", f"instrument={self.instrument}"]
        for name, field in vars(type(self)).items():
            if isinstance(field, Number):
                mantissa = field.mantissa.__get__(self, type(self))
                exponent = field.exponent.__get__(self, type(self))
                parts.append(f"{name}={decimal_text(mantissa, exponent) or None}")
        return f"{type(self).__name__}({', '.join(parts)})"


class _Sourced(Record):
    """What every known kind says of its origin, each at its own place."""

    __slots__ = ()

    book_epoch: Field
    connection_value: Field

    @property
    def connection(self) -> int | None:
        """Row of the connection table; None: it came from none."""
        row = self.connection_value
        return None if row == NO_CONNECTION else row

    def _more(self, *, floats: bool) -> dict[str, object]:
        """Epoch and connection."""
        del floats
        return {"book_epoch": self.book_epoch, "connection": self.connection}


class BookTicker(_Sourced):
    """Best bid and ask. A side that is empty has absent price and quantity."""

    __slots__ = ()

    _BODY = layout.BOOK_TICKER_STRUCT
    bid_price = _price(_BODY, "bid_price")
    bid_quantity = _quantity(_BODY, "bid_quantity")
    ask_price = _price(_BODY, "ask_price")
    ask_quantity = _quantity(_BODY, "ask_quantity")
    bid_price_mantissa = bid_price.mantissa
    bid_quantity_mantissa = bid_quantity.mantissa
    ask_price_mantissa = ask_price.mantissa
    ask_quantity_mantissa = ask_quantity.mantissa
    bid_price_float = bid_price.float()
    bid_quantity_float = bid_quantity.float()
    ask_price_float = ask_price.float()
    ask_quantity_float = ask_quantity.float()
    send_time_ns = _integer(_BODY, "send_time_ns")
    book_epoch = _integer(_BODY, "book_epoch")
    connection_value = _integer(_BODY, "connection")


class Trade(_Sourced):
    """One execution."""

    __slots__ = ()

    _BODY = layout.TRADE_STRUCT
    price = _price(_BODY, "price")
    quantity = _quantity(_BODY, "quantity")
    price_mantissa = price.mantissa
    quantity_mantissa = quantity.mantissa
    price_float = price.float()
    quantity_float = quantity.float()
    trade_id_value = _integer(_BODY, "trade_id")
    second_id = _integer(_BODY, "second_id")
    aggressor_value = _integer(_BODY, "aggressor")
    id_format = _integer(_BODY, "id_format")
    id_suffix1 = _integer(_BODY, "id_suffix1")
    id_suffix2 = _integer(_BODY, "id_suffix2")
    index = _integer(_BODY, "index")
    count = _integer(_BODY, "count")
    text_length = _integer(_BODY, "text_length")
    send_time_ns = _integer(_BODY, "send_time_ns")
    book_epoch = _integer(_BODY, "book_epoch")
    connection_value = _integer(_BODY, "connection")
    _TEXT = _at(_BODY, "text")[0]

    @property
    def aggressor(self) -> Aggressor:
        """Side of the taker."""
        value = _named(Aggressor, self.aggressor_value)
        return value if isinstance(value, Aggressor) else Aggressor.UNKNOWN

    @property
    def trade_id(self) -> str | None:
        """The venue's id as the venue spells it; None: it gives none."""
        match self.id_format:
            case IDFormat.UINT64:
                return str(self.trade_id_value)
            case IDFormat.MEXC_PAIR:
                first = f"{self.trade_id_value}X{self.id_suffix1}"
                return f"{first}_{self.second_id}X{self.id_suffix2}"
            case IDFormat.TEXT:
                text = self.raw[self._TEXT : self._TEXT + self.text_length]
                return text.decode("utf-8", "replace")
            case _:
                return None

    def _more(self, *, floats: bool) -> dict[str, object]:
        """Id and side."""
        side = self.aggressor.name.lower()
        return {"trade_id": self.trade_id, "aggressor": side, **super()._more(floats=floats)}


class Level:
    """One price level of a depth event or a book. Quantity 0 deletes it, in an event."""

    __slots__ = ("price_exponent", "price_mantissa", "quantity_exponent", "quantity_mantissa")

    def __init__(self, price: int, quantity: int, exponents: tuple[int, int]) -> None:
        self.price_mantissa = price
        self.quantity_mantissa = quantity
        self.price_exponent, self.quantity_exponent = exponents

    @property
    def price(self) -> Decimal | None:
        """The exact price."""
        return decimal(self.price_mantissa, self.price_exponent)

    @property
    def quantity(self) -> Decimal | None:
        """The exact quantity."""
        return decimal(self.quantity_mantissa, self.quantity_exponent)

    @property
    def price_float(self) -> float:
        """The nearest float."""
        return float("nan" if self.price is None else self.price)

    @property
    def quantity_float(self) -> float:
        """The nearest float."""
        return float("nan" if self.quantity is None else self.quantity)

    def __eq__(self, other: object) -> bool:
        """Equal when price and quantity are, as numbers."""
        if not isinstance(other, Level):
            return NotImplemented
        return (self.price, self.quantity) == (other.price, other.quantity)

    def __hash__(self) -> int:
        """By value."""
        return hash((self.price, self.quantity))

    def __repr__(self) -> str:
        """Price and quantity."""
        price = decimal_text(self.price_mantissa, self.price_exponent)
        quantity = decimal_text(self.quantity_mantissa, self.quantity_exponent)
        return f"Level({price}, {quantity})"


def levels(raw: bytes, first: int, count: int, exponents: tuple[int, int]) -> tuple[Level, ...]:
    """Levels that lie in raw one behind the other, from byte first on."""
    out = []
    for at in range(first, first + count * layout.LEVEL_SIZE, layout.LEVEL_SIZE):
        price = int.from_bytes(raw[at : at + 8], "little", signed=True)
        quantity = int.from_bytes(raw[at + 8 : at + 16], "little", signed=True)
        out.append(Level(price, quantity, exponents))
    return tuple(out)


class Depth(_Sourced):
    """Up to four levels of an event that spans the records from FIRST to LAST."""

    __slots__ = ()

    _BODY = layout.DEPTH_STRUCT
    first_sequence = _integer(_BODY, "first_sequence")
    book_epoch = _integer(_BODY, "book_epoch")
    connection_value = _integer(_BODY, "connection")
    bid_count = _integer(_BODY, "bids")
    ask_count = _integer(_BODY, "asks")

    def _levels(self, skip: int, count: int) -> tuple[Level, ...]:
        first = BODY_OFFSET + skip * layout.LEVEL_SIZE
        return levels(self.raw, first, count, (self.price_exponent, self.quantity_exponent))

    @property
    def bids(self) -> tuple[Level, ...]:
        """Bids of this record, in the venue's order."""
        return self._levels(0, self.bid_count)

    @property
    def asks(self) -> tuple[Level, ...]:
        """Asks of this record, in the venue's order."""
        return self._levels(self.bid_count, self.ask_count)

    def _more(self, *, floats: bool) -> dict[str, object]:
        """The levels."""
        out = super()._more(floats=floats)
        for name, side in (("bids", self.bids), ("asks", self.asks)):
            if floats:
                out[name] = [(level.price_float, level.quantity_float) for level in side]
            else:
                out[name] = [(level.price, level.quantity) for level in side]
        return out


class Ticker(_Sourced):
    """The venue's rolling statistics."""

    __slots__ = ()

    _BODY = layout.TICKER_STRUCT
    last = _price(_BODY, "last")
    bid = _price(_BODY, "bid")
    ask = _price(_BODY, "ask")
    open = _price(_BODY, "open")
    high = _price(_BODY, "high")
    low = _price(_BODY, "low")
    base_volume = Number(_BODY, "base_volume", "base_volume_exponent")
    quote_volume = Number(_BODY, "quote_volume", "quote_volume_exponent")
    last_mantissa = last.mantissa
    bid_mantissa = bid.mantissa
    ask_mantissa = ask.mantissa
    open_mantissa = open.mantissa
    high_mantissa = high.mantissa
    low_mantissa = low.mantissa
    base_volume_mantissa = base_volume.mantissa
    quote_volume_mantissa = quote_volume.mantissa
    last_float = last.float()
    bid_float = bid.float()
    ask_float = ask.float()
    open_float = open.float()
    high_float = high.float()
    low_float = low.float()
    base_volume_float = base_volume.float()
    quote_volume_float = quote_volume.float()
    window_end_ns = _integer(_BODY, "window_end_ns")
    book_epoch = _integer(_BODY, "book_epoch")
    connection_value = _integer(_BODY, "connection")


class Status(_Sourced):
    """The truth about the data, in the data."""

    __slots__ = ()

    _BODY = layout.STATUS_STRUCT
    code_value = _integer(_BODY, "code")
    scope_value = _integer(_BODY, "scope")
    reason_value = _integer(_BODY, "reason")
    book_epoch = _integer(_BODY, "book_epoch")
    connection_value = _integer(_BODY, "connection")
    text_length = _integer(_BODY, "text_length")
    first_missing = _integer(_BODY, "first_missing")
    last_missing = _integer(_BODY, "last_missing")
    since_ns = _integer(_BODY, "since_ns")
    _TEXT = _at(_BODY, "text")[0]

    @property
    def code(self) -> StatusCode | int:
        """What happened."""
        return _named(StatusCode, self.code_value)

    @property
    def scope(self) -> Scope | int:
        """What it speaks of."""
        return _named(Scope, self.scope_value)

    @property
    def reason(self) -> str:
        """Why, in the format's words: a reason, HTTP_429, CLOSE_1006."""
        value = self.reason_value
        if value >= layout.REASON_CLOSE_CODE_BASE:
            return f"CLOSE_{value - layout.REASON_CLOSE_CODE_BASE}"
        if layout.REASON_HTTP_BASE <= value < 2 * layout.REASON_HTTP_BASE:
            return f"HTTP_{value - layout.REASON_HTTP_BASE}"
        named = _named(layout.Reason, value)
        return named.name if isinstance(named, layout.Reason) else f"REASON_{value}"

    @property
    def text(self) -> str:
        """The venue's or the publisher's words."""
        return self.raw[self._TEXT : self._TEXT + self.text_length].decode("utf-8", "replace")

    def _more(self, *, floats: bool) -> dict[str, object]:
        """What happened, and why."""
        code = self.code
        return {
            "code": code.name if isinstance(code, StatusCode) else code,
            "reason": self.reason,
            "text": self.text,
            **super()._more(floats=floats),
        }


class Perpetual(_Sourced):
    """Mark, index, funding, open interest."""

    __slots__ = ()

    _BODY = layout.PERPETUAL_STRUCT
    mark_price = _price(_BODY, "mark_price")
    index_price = _price(_BODY, "index_price")
    funding_rate = Number(_BODY, "funding_rate", "funding_exponent")
    open_interest = Number(_BODY, "open_interest", "open_interest_exponent")
    mark_price_mantissa = mark_price.mantissa
    index_price_mantissa = index_price.mantissa
    funding_rate_mantissa = funding_rate.mantissa
    open_interest_mantissa = open_interest.mantissa
    mark_price_float = mark_price.float()
    index_price_float = index_price.float()
    funding_rate_float = funding_rate.float()
    open_interest_float = open_interest.float()
    funding_time_ns = _integer(_BODY, "funding_time_ns")
    send_time_ns = _integer(_BODY, "send_time_ns")
    book_epoch = _integer(_BODY, "book_epoch")
    connection_value = _integer(_BODY, "connection")


CLASSES: Final[tuple[type[Record], ...]] = (
    Record,
    BookTicker,
    Trade,
    Depth,
    Ticker,
    Status,
    Perpetual,
)

set_classes(CLASSES)
