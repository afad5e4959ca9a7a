"""Board, books, tables, freshness; numbers."""

import math
import random
import time
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from conftest import Writer

import tickring
from tickring import Kind, StateBit

np = pytest.importorskip("numpy")
arrays = pytest.importorskip("tickring.arrays")


def test_the_board_is_read_as_records_as_an_array_and_as_a_view(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    assert reader.board("BTC/USDT", Kind.TRADE) is None
    view = reader.board_view()
    assert not view.flags.writeable
    assert view.shape == (8, 4)
    writer.do("mix 1")
    trade = reader.board("BTC/USDT", Kind.TRADE)
    assert isinstance(trade, tickring.Trade)
    copied = reader.board_array()
    assert copied.shape == (2, 4)
    slot = tickring.BoardSlot.TRADE
    assert copied[0, slot].tobytes() == trade.raw
    assert view[0, slot].tobytes() == trade.raw
    assert copied["commit"][1, tickring.BoardSlot.TRADE] == 0
    writer.do("mix 1")
    assert view[0, slot]["commit"] > copied[0, slot]["commit"]  # it is the memory itself
    reader.close()
    assert view[0, slot]["commit"] > 0  # and outlives the reader
    with pytest.raises(ValueError, match="DEPTH"):
        tickring.attach(path=writer.directory / "feed").board(0, Kind.DEPTH)


def test_a_book_has_levels_best_first(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    assert reader.book(0) is None
    writer.do("book")
    book = reader.book("BTC/USDT")
    assert book is not None
    assert book.valid
    assert [(level.price, level.quantity) for level in book.bids] == [
        (Decimal(100), Decimal("1.5")),
        (Decimal("99.99"), Decimal("0.000001")),
    ]
    assert len(book.asks) == 1


def test_instruments_are_found_by_either_spelling(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    assert [i.symbol for i in reader.instruments()] == ["BTC/USDT", "ETH/USDT"]
    assert reader.find("ETH/USDT") == reader.find("ETH_USDT") == 1
    assert reader.find("XRP/USDT") is None
    writer.do("add XRP/USDT")
    assert reader.instrument("XRP_USDT").tick == Decimal("0.01")
    with pytest.raises(tickring.NoInstrumentError):
        reader.instrument(7)
    assert reader.connection(0).state is tickring.ConnectionState.UP
    with pytest.raises(LookupError):
        reader.connection(1 << 20)
    assert reader.counter(tickring.Counter.RECORDS) == 0


def test_freshness_needs_every_condition(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    writer.do("beat")
    assert reader.fresh_within("BTC/USDT", 60)
    assert not reader.fresh_within("BTC/USDT", -1)
    assert not reader.fresh_within(5, 60)
    age = reader.quote_age("BTC/USDT")
    assert age is not None
    assert 0 <= age < 60
    assert reader.quote_age("ETH/USDT") is None
    for bit in (StateBit.STALE, StateBit.SUSPECT, StateBit.RESYNCING, StateBit.REFUSED,
                StateBit.HALTED):  # fmt: skip
        writer.do(f"state {StateBit.SUBSCRIBED | bit}")
        assert reader.state("BTC/USDT").bits == StateBit.SUBSCRIBED | bit
        assert not reader.fresh_within("BTC/USDT", 60), bit
    writer.do("state 0")
    assert not reader.fresh_within("BTC/USDT", 60)
    writer.do("state 1")
    writer.do("beat")
    assert reader.fresh_within("BTC/USDT", 60)
    time.sleep(1.1)  # the bound of the heartbeat is the format's
    assert not reader.fresh_within("BTC/USDT", 60)
    writer.do("beat")
    writer.do("close")
    assert not reader.fresh_within("BTC/USDT", 60)


def test_a_batch_has_the_bytes_of_the_records(writer: Writer) -> None:
    path = writer.make(slots=256)
    writer.do("mix 20")
    one, many = tickring.attach(path=path), tickring.attach(path=path)
    records = []
    while (record := one.next()) is not None:
        records.append(record)
    out = arrays.empty(50)
    raw = b""
    answers = []
    while True:
        batch = many.read(out)
        raw += batch.records.tobytes()
        answers.append(batch.answer)
        if batch.answer is not tickring.Answer.RECORD:
            break
    assert raw == b"".join(r.raw for r in records)
    assert answers == [tickring.Answer.RECORD] * 2 + [tickring.Answer.EMPTY]
    assert one.stats == many.stats


def test_a_batch_tells_what_is_missing_behind_it(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make(slots=16))
    writer.do("quotes 10")
    assert len(reader.batch(5).records) == 5
    writer.do("quotes 20")
    batch = reader.batch(64)
    assert (len(batch.records), batch.answer, batch.lost) == (0, tickring.Answer.OVERRUN, 10)
    batch = reader.batch(64)
    assert arrays.sequences(batch.records).tolist() == list(range(16, 31))


def test_filters_hold_for_batches(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    reader.filter(kinds=[Kind.TRADE])
    writer.do("mix 5")
    batch = reader.batch(64)
    assert set(batch.records["kind"].tolist()) == {Kind.TRADE}
    assert len(batch.records) == 5
    trades = arrays.of_kind(batch.records, Kind.TRADE)
    assert trades["price"].tolist() == [123456] * 5
    assert arrays.floats(trades["price"], trades["price_exponent"]).tolist() == [1234.56] * 5
    assert batch.records["trade"]["price"].base is not None  # a view, not a copy


def test_floats_of_arrays_are_the_nearest(writer: Writer) -> None:
    del writer
    rng = random.Random(7)
    mantissas = [0, 1, -1, 2**53 + 1, -(2**63) + 1, 2**63 - 1, tickring.ABSENT]
    mantissas += [rng.randrange(-(2**63) + 1, 2**63) >> rng.randrange(63) for _ in range(500)]
    exponents = [rng.randrange(-128, 128) if i % 3 else -rng.randrange(13) for i in range(507)]
    got = arrays.floats(np.array(mantissas), np.array(exponents, np.int8))
    for m, e, value in zip(mantissas, exponents, got.tolist(), strict=True):
        exact = tickring.decimal(m, e)
        assert math.isnan(value) if exact is None else value == float(exact), (m, e)


def test_a_record_of_bytes_is_read_like_any(writer: Writer) -> None:
    reader = tickring.attach(path=writer.make())
    writer.do("quotes 1")
    record = reader.next()
    assert record is not None
    again = type(record)(record.raw)
    assert again == record
    assert hash(again) == hash(record)
    assert repr(again).startswith("BookTicker(sequence=1")
    with pytest.raises(ValueError, match="128"):
        tickring.Record(b"short")


def test_decimals_are_exact_whatever_the_context() -> None:
    with localcontext(prec=3):
        assert str(tickring.decimal(123456789, -4)) == "12345.6789"
    cases = {(0, -5): "0", (-5, -1): "-0.5", (100, -2): "1", (12340, -3): "12.34", (7, 3): "7000",
             (1, -8): "0.00000001", (tickring.ABSENT, 0): ""}  # fmt: skip
    for (mantissa, exponent), text in cases.items():
        assert tickring.decimal_text(mantissa, exponent) == text


def test_fields_refuse_what_is_no_record(writer: Writer) -> None:
    del writer
    field = vars(tickring.Record)["commit"]
    with pytest.raises((TypeError, AttributeError)):
        field.__get__(object(), object)


def test_a_segment_of_another_boot_is_refused_unless_asked_for() -> None:
    golden = Path(__file__).resolve().parents[3] / "ring/testdata/golden.segment"
    with pytest.raises(tickring.AttachError) as caught:
        tickring.attach(path=golden)
    assert caught.value.code is tickring.ErrorCode.OTHER_BOOT
    assert tickring.attach(path=golden, ignore_boot_id=True).generation == 3
