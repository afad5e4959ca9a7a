"""Print all that a reader can say of segments, one by one; two backends must print alike."""

import sys

import tickring
from tickring import Kind
from tickring.conformance import Driver, reply

QUESTIONS = [
    "segment", "instruments", "find BTC/USDT", "next 40", "next 400", "stats", "lag", "position",
    "seek oldest", "head 20", "seek oldest", "drain 0", "seek latest", "next 2", "join", "stats",
    *(f"board {i} {slot.name}" for i in (0, 1, 7) for slot in tickring.BoardSlot),
    *(f"{what} {i}" for what in ("book", "state", "connection", "counter") for i in (0, 1, 9, 255)),
    "fresh 0 3600000000000", "age 0 3600000000000", "reattach", "filter TRADE,DEPTH *",
    "seek oldest", "next 400", "drain 0",
]  # fmt: skip


def objects(reader: tickring.Reader) -> list[str]:
    """What the objects say, not only their bytes."""
    lines = [repr(reader.info), repr(reader.instruments()), repr(reader.stats)]
    reader.filter()
    reader.from_oldest()
    while (record := reader.next()) is not None or reader.answer is tickring.Answer.OVERRUN:
        if record is not None:
            lines += [repr(record), repr(record.as_dict()), repr(record.as_dict(floats=True))]
    for i in range(reader.info.instrument_count):
        lines += [repr(reader.state(i)), repr(reader.fresh_within(i, 1e6))]
        lines += [repr(reader.board(i, kind)) for kind in (Kind.TRADE, Kind.STATUS)]
    return lines


def dump(path: str) -> list[str]:
    """All lines of one segment."""
    driver = Driver()
    driver._reader = None
    try:
        driver._reader = tickring.attach(path=path, ignore_boot_id=True)
    except tickring.AttachError as error:
        return [f"{error.code!r} {error}"]
    except OSError as error:
        return [f"OSError {error.errno}"]
    lines = []
    for question in QUESTIONS:
        lines += [f"> {question}", *reply(driver, question.split())]
    try:
        lines += objects(driver.reader)
    except tickring.TickringError as error:
        lines.append(repr(error))
    driver.drop()
    return lines


def main() -> None:
    """Read paths from standard input, answer each with its lines and a point."""
    print(tickring.backend, flush=True)
    for path in sys.stdin:
        print("\n".join([*dump(path.rstrip("\n")), "."]), flush=True)


main()
