"""The cursor: records, losses, filters, late join, ends, moves, waiting."""

import math
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from conftest import Writer

import tickring
from tickring import Answer, Kind
from tickring.reader import Event


def drain(reader: tickring.Reader) -> list[tickring.Record]:
    out = []
    while (record := reader.next()) is not None:
        out.append(record)
    return out


def test_every_kind_says_what_was_written(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    writer.do("mix 4")
    quote, trade, ticker, perpetual, status, first, last, *others = drain(reader)
    assert isinstance(quote, tickring.BookTicker)
    assert (quote.sequence, quote.instrument, quote.venue_sequence) == (1, 1, 1)
    assert (quote.bid_price, quote.ask_price) == (Decimal("0.01"), Decimal("0.02"))
    assert (quote.bid_price_mantissa, quote.price_exponent) == (1, -2)
    assert quote.ask_price_float == 0.02
    assert quote.flags == tickring.Flags.FIRST | tickring.Flags.LAST
    assert isinstance(trade, tickring.Trade)
    assert trade.aggressor is tickring.Aggressor.SELL
    assert (trade.price, trade.quantity) == (Decimal("1234.56"), Decimal("-0.000001"))
    ids = [r.trade_id for r in (trade, *others) if isinstance(r, tickring.Trade)]
    assert ids == ["1", None, "abc", "22X1_23X0"]
    assert isinstance(ticker, tickring.Ticker)
    assert (ticker.last, ticker.bid) == (Decimal(1000), None)
    assert math.isnan(ticker.bid_float)
    assert ticker.ask == Decimal((1 << 63) - 1) * 1000
    assert (ticker.base_volume, ticker.quote_volume) == (Decimal("1.2345"), Decimal("5e20"))
    assert ticker.event_time_ns == tickring.ABSENT
    assert isinstance(perpetual, tickring.Perpetual)
    assert (perpetual.funding_rate, perpetual.open_interest) == (Decimal("-0.000125"), None)
    assert perpetual.connection is None
    assert isinstance(status, tickring.Status)
    assert (status.code, status.reason, status.text) == (
        tickring.StatusCode.GAP,
        "HTTP_429",
        "lücke",
    )
    assert isinstance(first, tickring.Depth)
    assert isinstance(last, tickring.Depth)
    assert [level.price for level in first.bids] == [Decimal(100), Decimal(99)]
    assert [level.quantity for level in last.asks] == [Decimal("0.000003")]


def test_a_record_as_dict_is_exact_or_in_floats(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    writer.do("mix 1")
    quote, _, ticker, *_ = drain(reader)
    exact, floats = quote.as_dict(), quote.as_dict(floats=True)
    assert exact["bid_price"] == Decimal("0.01")
    assert isinstance(exact["bid_price"], Decimal)
    assert floats["bid_price"] == 0.01
    assert isinstance(floats["bid_price"], float)
    assert exact["kind"] == "BOOK_TICKER"
    assert ticker.as_dict(floats=True)["bid"] is None


def test_an_overrun_says_how_much_and_the_reader_goes_on(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make(slots=16))
    writer.do("quotes 17")
    assert reader.next() is None
    assert (reader.answer, reader.lost, reader.position) == (Answer.OVERRUN, 2, 3)
    assert [r.sequence for r in drain(reader)] == list(range(3, 18))
    assert (reader.stats.lost, reader.stats.overruns, reader.stats.records) == (2, 1, 15)
    writer.do("quotes 30")
    records = reader.records(timeout=0)
    with pytest.raises(tickring.Overrun) as caught:
        next(records)
    assert caught.value.lost == reader.lost
    told: list[Event] = []
    writer.do("quotes 40")
    got = list(reader.records(timeout=0, on_event=told.append))
    assert [event.answer for event in told] == [Answer.OVERRUN]
    assert got[-1].sequence == 87
    assert reader.stats.records + reader.stats.lost == 87


def test_after_an_overrun_a_broken_depth_event_is_left_out(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make(slots=16))
    writer.do("depth 20")
    writer.do("depth 2")
    assert reader.next() is None
    rest = drain(reader)
    assert [r.sequence for r in rest] == [21, 22]
    assert reader.stats.skipped_depth > 0


def test_filters_by_kind_and_instrument(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    reader.filter(kinds=[Kind.BOOK_TICKER, Kind.STATUS], instruments=["ETH/USDT"])
    writer.do("quotes 6")
    writer.do("mix 1")
    writer.do("status")
    got = drain(reader)
    assert [r.kind for r in got] == [Kind.BOOK_TICKER] * 4 + [Kind.STATUS] * 2
    assert {r.instrument for r in got} == {1, 0xFFFF}
    assert reader.stats.records == 6
    reader.filter()
    reader.from_oldest()
    assert len(drain(reader)) == 14
    reader.filter(instruments=[0, "ETH_USDT"])
    with pytest.raises(tickring.NoInstrumentError, match="XRP"):
        reader.filter(instruments=["XRP/USDT"])


def test_line_one_alone_has_the_numbers(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    writer.do("quotes 1")
    head = reader.next_head()
    assert isinstance(head, tickring.BookTicker)
    assert (head.bid_price, head.ask_price) == (Decimal("0.01"), Decimal("0.02"))
    assert head.raw[64:] == bytes(64)
    assert reader.next_head() is None


def test_positions_and_lag(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make(slots=16))
    writer.do("quotes 10")
    assert (reader.position, reader.lag) == (1, 10)
    reader.from_latest()
    assert (reader.position, reader.lag) == (11, 0)
    reader.from_oldest()
    assert reader.position == 1


def test_a_late_join_is_complete_and_says_nothing_twice(writer: Writer) -> None:
    path = writer.make()
    writer.do("quotes 5")
    writer.do("mix 1")
    writer.do("open 3")  # on the board already, not below the watermark yet
    reader = tickring.attach(path=path)
    joined = reader.join()
    assert joined.watermark == 12
    assert joined.unreadable == []
    assert {(r.instrument, r.kind): r.sequence for r in joined.records} == {
        (0, Kind.BOOK_TICKER): 14, (0, Kind.TRADE): 7, (0, Kind.TICKER): 8,
        (1, Kind.BOOK_TICKER): 15, (1, Kind.STATUS): 10,
    }  # fmt: skip
    assert reader.next() is None
    writer.do("quotes 2")
    assert [r.sequence for r in drain(reader)] == [16, 17]
    assert reader.stats.records == 2


def test_a_late_join_leaves_the_same_out_of_a_batch(writer: Writer) -> None:
    pytest.importorskip("numpy")
    path = writer.make()
    writer.do("mix 1")
    writer.do("open 3")
    reader = tickring.attach(path=path)
    reader.join()
    writer.do("quotes 2")
    assert (reader.batch(64).records["commit"] // 2).tolist() == [11, 12]


def test_a_closed_feed_is_drained_and_ends_the_loop(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    writer.do("quotes 3")
    writer.do("close")
    assert [r.sequence for r in reader] == [1, 2, 3]
    assert reader.answer is Answer.CLOSED
    assert reader.next() is None
    assert reader.info.state is tickring.State.CLOSED


def test_a_reader_that_follows_moves_and_finds_symbols_again(
    writers: Callable[[], Writer],
) -> None:
    old, new = writers(), writers()
    path = old.make()
    reader = tickring.attach("feed", directory=path.parent, follow=True)
    reader.filter(instruments=["ETH/USDT"])
    old.do("quotes 3")
    assert [r.sequence for r in drain(reader)] == [1, 3]
    new.make(generation=2)
    old.do("quotes 2")
    old.do("supersede 2")
    new.do("quotes 4")
    told: list[Event] = []
    got = list(islice(reader.records(timeout=10, on_event=told.append), 3))
    assert [r.sequence for r in got] == [5, 1, 3]
    assert [(e.answer, e.generation) for e in told] == [(Answer.SUPERSEDED, 2)]
    assert reader.generation == 2
    assert reader.stats.reattached == 1
    new.do("close")
    with pytest.raises(tickring.AttachError):
        tickring.attach("feed", directory=path.parent / "none")


def test_a_symbol_that_comes_later_in_the_next_generation_is_waited_for(
    writers: Callable[[], Writer],
) -> None:
    old, new = writers(), writers()
    path = old.make()
    old.do("add XRP/USDT")
    reader = tickring.attach(path=path, follow=True)
    reader.filter(instruments=["XRP/USDT"])
    new.make(generation=2)
    old.do("supersede 2")
    new.do("quotes 4")
    assert list(reader.records(timeout=0.3, on_event=lambda _: None)) == []
    assert reader.generation == 2
    assert reader.find("XRP/USDT") is None
    new.do("status")  # of no instrument: passes
    assert [r.sequence for r in reader.records(timeout=0)] == [5]
    assert reader.stats.records == 1


def test_superseded_without_following_ends_the_loop(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    writer.do("quotes 1")
    writer.do("supersede 2")
    assert len(list(reader)) == 1
    assert reader.answer is Answer.SUPERSEDED
    assert not reader.reattach()


def test_a_publisher_that_stands_still_is_stale_and_may_come_back(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    with pytest.raises(tickring.Stale):
        next(reader.records(timeout=20))
    assert reader.next() is None
    assert reader.answer is Answer.STALE
    writer.do("beat")
    writer.do("quotes 1")
    assert next(reader.records(timeout=5)).sequence == 1
    assert reader.next() is None
    assert reader.answer is Answer.EMPTY


def test_a_feed_that_does_not_exist_yet_is_waited_for(
    writers: Callable[[], Writer], tmp_path: Path
) -> None:
    with pytest.raises(tickring.AttachError) as caught:
        tickring.attach("later", directory=tmp_path, timeout=0.05)
    assert caught.value.code is tickring.ErrorCode.NO_FEED
    assert "start its publisher" in str(caught.value)
    writer = writers()
    starter = threading.Timer(0.2, writer.make, ["later"])
    starter.start()
    reader = tickring.attach("later", directory=tmp_path, timeout=30)
    starter.join()
    assert reader.info.feed == "later"
    with pytest.raises(tickring.AttachError) as caught:
        tickring.attach("a/b", directory=tmp_path, timeout=30)
    assert caught.value.code is tickring.ErrorCode.NAME


def test_waiting_ends_with_a_record_and_with_the_time(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    assert reader.wait(0.01) is Answer.EMPTY
    timer = threading.Timer(0.1, writer.do, ["quotes 1"])
    timer.start()
    assert reader.wait(30) is Answer.RECORD
    timer.join()
    assert reader.next() is not None


def test_a_file_that_is_cut_short_while_it_is_mapped_is_damaged(writer: Writer) -> None:
    path = writer.make()
    reader = tickring.attach(path=path)
    with path.open("r+b") as file:
        file.truncate(8192)
    deadline = time.monotonic() + 10
    while reader.answer is not Answer.DAMAGED and time.monotonic() < deadline:
        reader.wait(0.2)
    assert reader.answer is Answer.DAMAGED
    with pytest.raises(tickring.Damaged):
        next(reader.records(timeout=1))


def test_a_closed_reader_refuses_by_name(writer: Writer) -> None:
    path = writer.make()
    with tickring.attach(path=path) as reader:
        writer.do("quotes 1")
    with pytest.raises(ValueError, match="closed"):
        reader.next()
    with pytest.raises(ValueError, match="closed"):
        reader.info  # noqa: B018
    reader.close()
    with pytest.raises(TypeError):
        tickring.attach("feed", path=path)
