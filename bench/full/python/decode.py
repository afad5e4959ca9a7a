"""msgspec on the bench's frames: decode.py FRAMES CPU MILLISECONDS.

Prints "decode CHANNEL BYTES msgspec - NS" for each line "CHANNEL TEXT" of FRAMES: CPU
time a frame, into typed structs, with prices and quantities left as texts.
"""

import os
import sys
import time

import msgspec

BATCH = 64


class BookTicker(msgspec.Struct):
    t: int
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class Trade(msgspec.Struct):
    id: int
    create_time_ms: str
    side: str
    currency_pair: str
    amount: str
    price: str
    range: str


class Ticker(msgspec.Struct):
    currency_pair: str
    last: str
    lowest_ask: str
    highest_bid: str
    change_percentage: str
    base_volume: str
    quote_volume: str
    high_24h: str
    low_24h: str


class Update(msgspec.Struct):
    t: int
    s: str
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    U: int = 0
    full: bool = False


class Book(msgspec.Struct):
    t: int
    lastUpdateId: int
    s: str
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


BODIES = {"book_ticker": BookTicker, "trade": Trade, "ticker": Ticker, "order_book": Book}


def decoder_of(channel: str) -> msgspec.json.Decoder:
    """The decoder of a channel's whole message."""
    body = BODIES.get(channel, Update)
    fields = [("channel", str), ("event", str), ("time_ms", int), ("result", body)]
    return msgspec.json.Decoder(msgspec.defstruct("Message", fields))


def ns_per_frame(decode, text: bytes, for_ns: int) -> float:
    """CPU time of one decode."""
    calls = 0
    began = time.thread_time_ns()
    while time.thread_time_ns() - began < for_ns:
        for _ in range(BATCH):
            decode(text)
        calls += BATCH
    return (time.thread_time_ns() - began) / calls


def main() -> None:
    path, cpu, milliseconds = sys.argv[1:]
    os.sched_setaffinity(0, {int(cpu)})
    with open(path, "rb") as frames:
        for line in frames:
            channel, text = line.rstrip(b"\n").split(b" ", 1)
            ns = ns_per_frame(decoder_of(channel.decode()).decode, text, int(milliseconds) * 1_000_000)
            print(f"decode {channel.decode()} {len(text)} msgspec - {ns:.2f}")


main()
