"""A writer at full speed, several feeds, asyncio, threads, registration."""

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Writer

import tickring
from tickring import Answer
from tickring._registration import FLOCK, _start_time
from tickring.reader import Event

np = pytest.importorskip("numpy")
arrays = pytest.importorskip("tickring.arrays")

FULL = os.environ.get("TICKRING_FULL") == "1"
RUN = 4_000_000 if FULL else 400_000


def check_whole(records: "np.ndarray") -> None:
    """Every word of a quote follows from its sequence."""
    n = arrays.sequences(records).astype(np.int64)
    quote = records["book_ticker"]
    assert (quote["bid_price"] == n).all()
    assert (quote["bid_quantity"] == 2 * n).all()
    assert (quote["ask_price"] == n + 1).all()
    assert (quote["ask_quantity"] == 3 * n).all()
    assert (quote["send_time_ns"] == 5 * n).all()
    assert (records["event_time_ns"] == 7 * n).all()
    assert (records["venue_sequence"] == n).all()
    assert (quote["book_epoch"] == n.astype(np.uint32)).all()


@pytest.mark.parametrize("slots", [8, 256])
def test_batches_under_fire_are_whole_and_every_loss_is_told(writer: Writer, slots: int) -> None:
    reader = tickring.attach(path=writer.make(slots=slots))
    out = arrays.empty(256)
    writer.send(f"run {RUN}")
    writer.send("close")
    expected, lost = 1, 0
    while True:
        batch = reader.read(out)
        sequences = arrays.sequences(batch.records)
        check_whole(batch.records)
        if len(sequences):
            assert sequences[0] == expected
            assert (np.diff(sequences.astype(np.int64)) == 1).all()
            expected = int(sequences[-1]) + 1
        if batch.answer is Answer.OVERRUN:
            lost += batch.lost
            expected += batch.lost
        elif batch.answer is Answer.CLOSED:
            break
    assert expected == RUN + 1
    assert reader.stats.records + lost == RUN
    assert reader.stats.lost == lost


def test_records_under_fire_are_whole(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make(slots=64))
    writer.send(f"run {RUN // 4}")
    writer.send("close")
    told: list[Event] = []
    seen = 0
    for record in reader.records(timeout=30, on_event=told.append):
        assert isinstance(record, tickring.BookTicker)
        n = record.sequence
        assert (record.bid_price_mantissa, record.ask_quantity_mantissa) == (n, 3 * n)
        assert (record.event_time_ns, record.send_time_ns) == (7 * n, 5 * n)
        seen += 1
    lost = sum(event.lost for event in told)
    assert seen + lost == RUN // 4


def test_two_feeds_come_out_on_one_clock(writers: Callable[[], Writer]) -> None:
    a, b = writers(), writers()
    readers = [tickring.attach(path=a.make("a")), tickring.attach(path=b.make("b"))]
    poller = tickring.Poller(readers)
    assert poller.next() is None
    for _ in range(5):
        a.do("quotes 2")
        b.do("quotes 1")
    a.do("close")
    b.do("close")
    told: list[tuple[int, Answer]] = []
    got = list(poller.records(on_event=lambda i, e: told.append((i, e.answer))))
    times = [record.publish_time_ns for _, record in got]
    assert times == sorted(times)
    assert [i for i, _ in got] == [0, 0, 1] * 5
    assert told == [(0, Answer.CLOSED), (1, Answer.CLOSED)]
    assert poller.next() is None


def test_no_feed_is_served_for_ever(writers: Callable[[], Writer]) -> None:
    a, b = writers(), writers()
    old = tickring.attach(path=a.make("a", slots=4096))
    a.do("run 4000")  # all of it is older than what the other one has
    new = tickring.attach(path=b.make("b"))
    b.do("quotes 3")
    poller = tickring.Poller([old, new])
    order = [poller.next() for _ in range(3100)]
    firsts = [i for i, item in enumerate(order) if item is not None and item[0] == 1]
    assert firsts == [1024, 2049, 3074]


def test_asyncio_goes_on_while_a_stream_waits(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    async def read() -> list[int]:
        ticking = asyncio.create_task(tick())
        got = []
        async for record in reader.stream(timeout=20):
            got.append(record.sequence)
            if len(got) % 3 == 0:
                await asyncio.sleep(0.03)
                await asyncio.to_thread(writer.do, "quotes 3" if len(got) < 9 else "close")
        ticking.cancel()
        return got

    timer = threading.Timer(0.1, writer.do, ["quotes 3"])
    timer.start()
    assert asyncio.run(read()) == list(range(1, 10))
    timer.join()
    assert ticks >= 5


def test_a_stream_that_is_cancelled_leaves_the_reader_whole(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())

    async def read() -> None:
        async for _ in reader.stream():
            pass

    async def main() -> None:
        task = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    writer.do("quotes 1")
    record = reader.next()
    assert record is not None
    assert record.sequence == 1


@pytest.mark.skipif(tickring.backend != "c", reason="the lock is always held in pure Python")
def test_two_threads_in_one_reader_are_refused(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    waiting = threading.Thread(target=reader.wait, args=[0.6])
    waiting.start()
    deadline = time.monotonic() + 5
    refused = False
    while not refused and waiting.is_alive() and time.monotonic() < deadline:
        try:
            reader.next()
        except RuntimeError:
            refused = True
    waiting.join()
    assert refused
    assert reader.next() is None


def test_other_threads_run_while_a_reader_waits(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    timer = threading.Timer(0.05, writer.do, ["quotes 1"])
    timer.start()
    assert next(reader.records(timeout=20)).sequence == 1
    timer.join()


def test_a_reader_without_a_file_of_readers_goes_on(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make(), register="me")
    assert reader.registration is not None
    assert not reader.registration.active
    assert reader.registration.refusal
    writer.do("quotes 1")
    assert reader.next() is not None


def test_segments_elsewhere_are_named_by_directory(writer: Writer, tmp_path: Path) -> None:
    writer.make("one")
    reader = tickring.attach("one", directory=str(tmp_path))
    assert reader.info.feed == "one"
    assert reader.path == str(tmp_path / "one")


def test_a_registered_reader_is_told_by_name_with_cursor_and_losses(
    writers: Callable[[], Writer],
) -> None:
    writer, other = writers(), writers()
    path = writer.make(slots=16)
    writer.do(f"readers {path}.readers")
    me = os.getpid()
    with tickring.attach(path=path, register="lücke", follow=True) as reader:
        assert reader.registration is not None
        assert reader.registration.active, reader.registration.refusal
        assert writer.ask(f"listed {path}.readers")[0].startswith(f"{me}:1:1:0:0:")
        second = tickring.attach(path=path, register="second")
        writer.do("quotes 17")
        list(reader.records(timeout=0.05, on_event=lambda _: None))
        listed = writer.ask(f"listed {path}.readers")
        assert listed[0].startswith(f"{me}:1:18:15:2:")
        assert listed[1] == f"{me}:1:1:0:0:second"
        second.close()
        assert len(writer.ask(f"listed {path}.readers")) == 1
        other.make(slots=16, generation=2)
        writer.do("supersede 2")
        other.do("quotes 3")
        list(reader.records(timeout=0.3, on_event=lambda _: None))
        assert writer.ask(f"listed {path}.readers")[0].startswith(f"{me}:2:4:3:0:")
    assert writer.ask(f"listed {path}.readers") == []


def test_a_file_of_readers_that_is_nonsense_harms_nobody(writer: Writer) -> None:
    path = writer.make()
    readers = Path(f"{path}.readers")
    writer.do(f"readers {readers}")
    good = readers.read_bytes()
    full = bytearray(good)
    for at in range(128, len(full), 128):  # claimed by this process, which lives
        full[at] = 1
        full[at + 8 : at + 12] = os.getpid().to_bytes(4, "little")
        full[at + 16 : at + 24] = _start_time(os.getpid()).to_bytes(8, "little")
        full[at + 24 : at + 32] = os.stat("/proc/self/ns/pid").st_ino.to_bytes(8, "little")
    for bad, why in (
        (b"", "bytes instead of"),
        (bytes(len(good)), "another format"),
        (b"x" * len(good), "another format"),
        (bytes(full), "256 slots"),
    ):
        readers.write_bytes(bad)
        reader = tickring.attach(path=path, register="me")
        assert reader.registration is not None
        assert why in reader.registration.refusal
        reader.close()
    readers.write_bytes(good)
    reader = tickring.attach(path=path, register="me")
    os.truncate(readers, 0)
    writer.do("quotes 2")
    assert [r.sequence for r in reader.records(timeout=0.03)] == [1, 2]
    assert reader.registration is not None
    assert not reader.registration.active


def test_a_lock_that_another_keeps_is_not_waited_for_for_ever(writer: Writer) -> None:
    path = writer.make()
    writer.do(f"readers {path}.readers")
    with Path(f"{path}.readers").open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
        reader = tickring.attach(path=path, register="me")
        assert reader.registration is not None
        assert "locked" in reader.registration.refusal
    assert tickring.attach(path=path, register="me").registration is not None
