"""The Python side of make bench-readers, through the package as it is.

    python bench.py drain WAY PATH    a full ring again and again, see bench/languages/doc.go
    python bench.py spin PATH WARM    as bench/reader.c, by the monotonic clock

TICKRING_BACKEND chooses what is measured; batches need numpy.
"""

import struct
import sys
import time
from collections.abc import Callable

import tickring
from tickring import arrays

# The sum that a drain takes so that what is read is used, and the number of records.
Drained = tuple[int, int]


def ways(reader: tickring.Reader) -> dict[str, Callable[[], Drained]]:
    """Each drains what is there."""

    def batch() -> Drained:
        records = check = 0
        while len(got := reader.read(out).records):
            records += len(got)
            check += int(got["book_ticker"]["bid_price"].sum())
        return records, check

    def sequence() -> Drained:
        records = check = 0
        for record in reader.records(timeout=0, on_event=lambda _: None):
            check += record.sequence
            records += 1
        return records, check

    def record() -> Drained:
        records = 0
        for _ in reader.records(timeout=0, on_event=lambda _: None):
            records += 1
        return records, 0

    out = arrays.empty(8192)
    return {"batch": batch, "sequence": sequence, "record": record}


def turns(way: str, path: str) -> None:
    """Drain as often as each line of standard input says."""
    reader = tickring.attach(path=path)
    drain = ways(reader)[way]
    for line in sys.stdin:
        records = check = 0
        start = time.thread_time_ns()
        for _ in range(int(line.split()[1])):
            reader.from_oldest()
            count, part = drain()
            records += count
            check += part
        print(records, time.thread_time_ns() - start, check, flush=True)


def spin(path: str, warm: int) -> None:
    """Note when each record came."""
    samples: list[tuple[int, int, int]] = []
    reader = tickring.attach(path=path)
    reader.from_latest()
    print("ready", flush=True)
    seen = lost = 0
    while True:
        record = reader.next()
        if record is not None:
            now = time.monotonic_ns()
            seen += 1
            if seen > warm:
                samples.append((record.recv_time_ns or 0, record.venue_sequence, now))
        elif reader.answer == tickring.Answer.OVERRUN:
            lost += reader.lost
        elif reader.answer >= tickring.Answer.CLOSED:
            break
    print("samples", len(samples), "lost", lost, flush=True)
    for sample in samples:
        sys.stdout.buffer.write(struct.pack("<3q", *sample))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    if sys.argv[1] == "spin":
        spin(sys.argv[2], int(sys.argv[3]))
    else:
        turns(sys.argv[2], sys.argv[3])
