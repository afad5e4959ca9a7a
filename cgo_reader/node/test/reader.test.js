"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const test = require("node:test");

const tickring = require(process.env.TICKRING_NODE_PACKAGE ?? "..");
const { Writer } = require("./writer.js");

const { Answer, Kind, StateBit, attach, attachPath, attachWait } = tickring;

function closing(t, closable) {
  t.after(() => closable.close());
  return closable;
}

test("records of every kind come out as they were written", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make()));
  await writer.do("mix 1");
  const [quote, trade, ticker, perpetual, status, depth] = Array.from({ length: 6 }, () => reader.next());
  assert.equal(quote.sequence, 1n);
  assert.equal(quote.bidPrice, "0.01");
  assert.equal(quote.askQuantityMantissa, 3n);
  assert.equal(quote.askQuantityNumber, 3e-6);
  assert.equal(quote.eventTimeNS, 7n);
  assert.equal(trade.price, "1234.56");
  assert.equal(trade.quantity, "-0.000001");
  assert.equal(trade.tradeID, "1");
  assert.equal(ticker.bid, null);
  assert.ok(Number.isNaN(ticker.bidNumber));
  assert.equal(ticker.last, "1000");
  assert.equal(ticker.ask, "9223372036854775807000");
  assert.equal(ticker.baseVolume, "1.2345");
  assert.equal(ticker.quoteVolume, "500000000000000000000");
  assert.equal(ticker.eventTimeNS, null);
  assert.equal(perpetual.fundingRate, "-0.000125");
  assert.equal(perpetual.openInterest, null);
  assert.equal(perpetual.connection, null);
  assert.equal(status.text, "lücke");
  assert.equal(status.reasonName, "HTTP_429");
  assert.deepEqual(depth.bids.map((level) => level.price), ["100", "99"]);
  assert.deepEqual(depth.asks.map((level) => level.toJSON()), [["101", "0.000003"]]);
  assert.equal(JSON.parse(JSON.stringify(trade)).tradeID, "1");
  assert.equal(reader.next().sequence, 7n);
  assert.equal(reader.next(), null);
  assert.equal(reader.answer, Answer.EMPTY);
  assert.equal(quote.sequence, 1n, "a record keeps what it was");
});

test("decimals are exact at all edges", () => {
  const { ABSENT, decimalNumber, decimalText } = tickring;
  const cases = [
    [0n, -3, "0"], [5n, 0, "5"], [-5n, -1, "-0.5"], [1500n, -2, "15"], [1n, 3, "1000"], [-12n, -5, "-0.00012"],
    [9223372036854775807n, -18, "9.223372036854775807"], [-9223372036854775807n, 2, "-922337203685477580700"],
  ];
  for (const [mantissa, exponent, text] of cases) {
    assert.equal(decimalText(mantissa, exponent), text);
    assert.equal(decimalNumber(mantissa, exponent), Number(text));
  }
  assert.equal(decimalText(ABSENT, 0), null);
  assert.ok(Number.isNaN(decimalNumber(ABSENT, 0)));
});

test("a batch is filled again and again, and losses are told where they are", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make({ slots: 64 })));
  const batch = new tickring.Batch(8);
  await writer.do("quotes 20");
  assert.equal(reader.read(batch), Answer.RECORD);
  assert.deepEqual(Array.from(batch, (record) => record.sequence), [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
  const kept = batch.record(0).copy();
  assert.equal(reader.read(batch), Answer.RECORD);
  assert.equal(reader.read(batch), Answer.EMPTY);
  assert.equal(batch.length, 4);
  assert.equal(batch.kind(0), Kind.BOOK_TICKER);
  assert.equal(batch.word(0, 4), 17n);
  assert.equal(kept.sequence, 1n);
  await writer.do("quotes 200");
  assert.equal(reader.read(batch), Answer.OVERRUN);
  assert.equal(batch.length, 0);
  assert.equal(reader.lost, reader.position - 21n);
  const { lost, overruns, records } = reader.stats;
  assert.deepEqual([lost, overruns, records], [reader.lost, 1n, 20n]);
  assert.equal(reader.lag, 221n - reader.position);
});

test("filters hold by kind and symbol, also of symbols to come", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make()));
  reader.filter({ kinds: [Kind.BOOK_TICKER], instruments: ["ETH/USDT"] });
  await writer.do("mix 2");
  await writer.do("quotes 4");
  const got = [];
  for (let record = reader.next(); record !== null; record = reader.next()) got.push(record);
  assert.ok(got.length >= 2);
  assert.ok(got.every((record) => record.kind === Kind.BOOK_TICKER && record.instrument === reader.find("ETH/USDT")));
  reader.filter({ instruments: ["XRP/USDT"] });
  await writer.do("add XRP/USDT");
  await writer.do("quotes 2");
  assert.equal(reader.next(), null);
  reader.filter({ instruments: [0] });
  await writer.do("quotes 2");
  assert.equal(reader.next().instrument, 0);
  assert.throws(() => reader.filter({ kinds: [77] }), RangeError);
});

test("a late join has the board, and what it covers does not come again", async (t) => {
  const writer = new Writer(t);
  const file = await writer.make();
  await writer.do("quotes 10");
  const reader = closing(t, attachPath(file));
  const { watermark, records, unreadable } = reader.join();
  assert.equal(watermark, 10n);
  assert.deepEqual(records.map((record) => record.sequence), [10n, 9n]);
  assert.deepEqual(unreadable, []);
  reader.fromOldest();
  await writer.do("open 2"); // on the board, beyond the watermark
  const again = reader.join();
  assert.equal(again.watermark, 10n);
  assert.deepEqual(again.records.map((record) => record.sequence), [12n, 11n]);
  assert.equal(reader.next(), null);
  assert.equal(reader.stats.records, 0n);
  await writer.do("quotes 1");
  assert.equal(reader.next().sequence, 13n);
});

test("tables, board and book", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make()));
  assert.deepEqual(reader.instruments().map((row) => row.symbol), ["BTC/USDT", "ETH/USDT"]);
  assert.equal(reader.instrument("BTC_USDT").tick, "0.01");
  assert.equal(reader.board("BTC/USDT", Kind.TRADE), null);
  await writer.do("quotes 2");
  assert.equal(reader.board("BTC/USDT", Kind.BOOK_TICKER).sequence, 2n);
  assert.throws(() => reader.board(0, Kind.DEPTH), RangeError);
  assert.equal(reader.book("ETH/USDT"), null);
  await writer.do("book");
  const book = reader.book("BTC/USDT");
  assert.ok(book.valid);
  assert.deepEqual(JSON.parse(JSON.stringify([book.bids, book.asks])), [[["100", "1.5"], ["99.99", "0.000001"]], [["100.01", "0.000002"]]]);
  assert.equal(reader.connection(0).state, tickring.ConnectionState.UP);
  assert.throws(() => reader.connection(999), RangeError);
  assert.throws(() => reader.instrument("DOGE/USDT"), tickring.NoInstrumentError);
  assert.throws(() => reader.id(-1), tickring.NoInstrumentError);
  assert.equal(reader.find("a".repeat(100)), null);
  assert.equal(reader.info.feed, "feed");
  assert.equal(reader.counter(tickring.Counter.FRAMES), 0n);
});

test("fresh_within and the quote's age follow the publisher", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make()));
  const deadline = performance.now() + 10_000;
  do { // a beat holds for a second, which a busy machine may take
    assert.ok(performance.now() < deadline, "never fresh");
    await writer.do("beat");
  } while (!reader.freshWithin("BTC/USDT", 60_000));
  assert.ok(reader.quoteAge("BTC/USDT") >= 0);
  assert.equal(reader.quoteAge("ETH/USDT"), null);
  await writer.do(`state ${StateBit.SUBSCRIBED | StateBit.SUSPECT}`);
  await writer.do("beat");
  assert.equal(reader.freshWithin("BTC/USDT", 60_000), false);
  assert.equal(reader.state("BTC/USDT").bits, StateBit.SUBSCRIBED | StateBit.SUSPECT);
  assert.throws(() => reader.freshWithin("BTC/USDT", NaN), RangeError);
});

test("readers name themselves, and give their slots back", async (t) => {
  const writer = new Writer(t);
  const file = await writer.make();
  const alone = closing(t, attachPath(file, { register: "nobody" }));
  assert.equal(alone.registrationError.code, "NO_READERS");
  assert.equal(alone.registered, false);
  await writer.do(`readers ${file}.readers`);
  const reader = attachPath(file, { register: "strategy-1" });
  assert.equal(reader.registrationError, null);
  assert.ok(reader.registered);
  const listed = await writer.do(`listed ${file}.readers`);
  assert.equal(listed.length, 1);
  assert.ok(listed[0].startsWith(`${process.pid}:1:`) && listed[0].endsWith(":strategy-1"), listed[0]);
  reader.close();
  assert.deepEqual(await writer.do(`listed ${file}.readers`), []);
});

test("what cannot be attached says why", async (t) => {
  const writer = new Writer(t);
  const file = await writer.make();
  const code = (expected) => (error) => error instanceof tickring.AttachError && error.code === expected;
  assert.throws(() => attach("../x", { directory: writer.directory }), code("NAME"));
  assert.throws(() => attach("none", { directory: writer.directory }), code("NO_FEED"));
  fs.copyFileSync(file, path.join(writer.directory, "other"));
  assert.throws(() => attach("other", { directory: writer.directory }), code("OTHER_FEED"));
  fs.truncateSync(path.join(writer.directory, "other"), 100);
  assert.throws(() => attach("other", { directory: writer.directory }), code("TOO_SHORT"));
  await assert.rejects(attachWait("none", { directory: writer.directory, timeout: 30 }), code("NO_FEED"));
  await assert.rejects(attachWait("../x", { directory: writer.directory }), code("NAME"));
  const reader = attachPath(file);
  reader.close();
  reader.close();
  assert.throws(() => reader.next(), /closed/);
  assert.throws(() => new tickring.Batch(0), RangeError);
});
