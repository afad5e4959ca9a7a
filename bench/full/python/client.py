"""A Python client of the bench's venue: client.py LIBRARY URL CA COUNT WARM.

LIBRARY is websockets or picows, the loop is uvloop's, messages are decoded with msgspec
into typed structs. CA is the certificate to trust, "-" without TLS. Behind WARM book
tickers it notes COUNT, then prints "samples N lost 0" and N quadruples of eight-byte
numbers, Unix ns: when the venue sent it, 0, 0, and when the handler had it.
"""

import asyncio
import ssl
import struct
import sys
import time

import msgspec
import uvloop

# As in venue.go: an update id is the time of sending less this.
SENT_BASE = 1_000_000_000_000_000_000
SUBSCRIBE = '{"time":1,"id":1,"channel":"spot.book_ticker","event":"subscribe","payload":["BTC_USDT"]}'


class Quote(msgspec.Struct):
    u: int = 0
    s: str = ""
    b: str = ""
    B: str = ""
    a: str = ""
    A: str = ""


class Message(msgspec.Struct):
    event: str
    result: Quote


class Handler:
    """Decodes messages and keeps what is to be printed."""

    def __init__(self, count: int, warm: int):
        self.decode = msgspec.json.Decoder(Message).decode
        self.wanted, self.warm = count + warm, warm
        self.seen = []

    def take(self, text) -> bool:
        """Notes a message; True when there are enough."""
        message = self.decode(text)
        now = time.time_ns()
        if message.event == "update":
            self.seen.append((message.result.u + SENT_BASE, 0, 0, now))
        return len(self.seen) >= self.wanted

    def print(self) -> None:
        kept = self.seen[self.warm :]
        out = sys.stdout.buffer
        out.write(b"samples %d lost 0\n" % len(kept))
        for quadruple in kept:
            out.write(struct.pack("<4q", *quadruple))


async def with_websockets(url: str, context, handler: Handler) -> None:
    from websockets.asyncio.client import connect

    async with connect(url, ssl=context, compression=None) as connection:
        await connection.send(SUBSCRIBE)
        async for text in connection:
            if handler.take(text):
                return


async def with_picows(url: str, context, handler: Handler) -> None:
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    class Listener(WSListener):
        def on_ws_connected(self, transport: WSTransport):
            transport.send(WSMsgType.TEXT, SUBSCRIBE.encode())

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame):
            if frame.msg_type == WSMsgType.TEXT and handler.take(frame.get_payload_as_memoryview()):
                transport.disconnect()

    transport, _ = await ws_connect(Listener, url, ssl_context=context)
    await transport.wait_disconnected()


def main() -> None:
    library, url, ca, count, warm = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca) if ca != "-" else None
    handler = Handler(int(count), int(warm))
    client = {"websockets": with_websockets, "picows": with_picows}[library]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(client(url, context, handler))
    handler.print()


main()
