"""Read tickring segments: market data of crypto venues in shared memory.

    import tickring

    with tickring.attach("gateio") as reader:
        reader.filter(kinds=[tickring.Kind.BOOK_TICKER], instruments=["BTC/USDT"])
        for quote in reader:
            print(quote.bid_price, quote.ask_price)

`tickring.backend` is "c" where the extension over the C library was built, else "python":
the same answers, at a lower rate. `tickring.arrays` has what needs numpy.
"""

from ._backend import backend
from ._layout import (
    ABSENT,
    FORMAT_HASH,
    Aggressor,
    Answer,
    BoardSlot,
    BookFlag,
    Channel,
    ConnectionState,
    Counter,
    Flags,
    IDFormat,
    Kind,
    Reason,
    Scope,
    Source,
    State,
    StateBit,
    StatusCode,
)
from .decimals import decimal, decimal_text
from .errors import (
    AttachError,
    Busy,
    Damaged,
    ErrorCode,
    Interruption,
    Moved,
    NoInstrumentError,
    Overrun,
    Stale,
    TickringError,
)
from .poller import Poller
from .reader import Batch, Event, Joined, Reader, attach
from .records import BookTicker, Depth, Level, Perpetual, Record, Status, Ticker, Trade
from .tables import Book, Connection, Instrument, InstrumentState, SegmentInfo, Stats

__all__ = [
    "ABSENT", "FORMAT_HASH", "Aggressor", "Answer", "AttachError", "Batch", "BoardSlot", "Book",
    "BookFlag", "BookTicker", "Busy", "Channel", "Connection", "ConnectionState", "Counter",
    "Damaged", "Depth", "ErrorCode", "Event", "Flags", "IDFormat", "Instrument",
    "InstrumentState", "Interruption", "Joined", "Kind", "Level", "Moved", "NoInstrumentError",
    "Overrun", "Perpetual", "Poller", "Reader", "Reason", "Record", "Scope", "SegmentInfo",
    "Source", "Stale", "State", "StateBit", "Stats", "Status", "StatusCode", "Ticker",
    "TickringError", "Trade", "attach", "backend", "decimal", "decimal_text",
]  # fmt: skip
