"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const test = require("node:test");
const { Worker } = require("node:worker_threads");

const tickring = require(process.env.TICKRING_NODE_PACKAGE ?? "..");
const { Writer } = require("./writer.js");

const { Answer, Poller, attach, attachPath, attachWait } = tickring;

function closing(t, closable) {
  t.after(() => closable.close());
  return closable;
}

// Until look gives something; fails after ten seconds.
async function eventually(look) {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = look();
    if (found) return found;
    assert.ok(performance.now() < deadline, "nothing came within ten seconds");
    await new Promise(setImmediate);
  }
}

test("a stream waits for records while the event loop goes on", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make()));
  const got = [];
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const reading = (async () => {
    for await (const record of reader.stream({ onEvent: () => {} })) {
      got.push(record.sequence);
      if (got.length === 30) return;
    }
  })();
  await writer.do("quotes 10");
  await eventually(() => got.length === 10);
  const before = turns;
  await eventually(() => turns > before + 3); // the stream has nothing to do, timers have
  await writer.do("quotes 20");
  await reading;
  clearInterval(timer);
  assert.deepEqual(got, Array.from({ length: 30 }, (_, i) => BigInt(i + 1)));
});

test("an event loop gets its turns while a stream has more to read", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make({ slots: 16384 })));
  await writer.do("run 10000");
  let [turns, count] = [0, 0];
  let over = false;
  const spin = () => {
    turns++;
    if (!over) setImmediate(spin);
  };
  spin();
  for await (const record of reader.stream({ onEvent: () => {} })) {
    count++;
    if (record.sequence === 10000n) break;
  }
  over = true;
  assert.equal(count, 10000);
  assert.ok(turns >= 10, `${turns} turns within 10,000 records`);
});

test("nothing is lost in silence under a flood", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make({ slots: 1024 })));
  let [lost, records] = [0n, 0n];
  const flood = writer.do("run 200000");
  for await (const record of reader.stream({ onEvent: (event) => { lost += event.lost ?? 0n; } })) {
    records++;
    if (record.sequence === 200000n) break;
  }
  await flood;
  assert.equal(records + lost, 200000n);
});

test("what is no record is thrown without a handler, and the stream is taken up again", async (t) => {
  const writer = new Writer(t);
  const reader = closing(t, attachPath(await writer.make({ slots: 64 })));
  await writer.do("quotes 200");
  await assert.rejects(async () => {
    for await (const record of reader) assert.fail(`${record.sequence} came before the loss was told`);
  }, (error) => error instanceof tickring.Overrun && error.lost === reader.position - 1n);
  const from = reader.position;
  await writer.do("close");
  let count = 0;
  for await (const record of reader) count += Number(record.sequence > 0n);
  assert.equal(reader.answer, Answer.CLOSED);
  assert.equal(BigInt(count), 201n - from);
});

test("a timeout ends a stream, closing and a signal do too", async (t) => {
  const writer = new Writer(t);
  const file = await writer.make();
  const onEvent = () => {};
  const reader = closing(t, attachPath(file));
  await writer.do("quotes 3");
  let count = 0;
  for await (const record of reader.stream({ timeout: 20, onEvent })) count += Number(record.sequence > 0n);
  assert.equal(count, 3);
  const abort = new AbortController();
  setImmediate(() => abort.abort());
  for await (const record of reader.stream({ signal: abort.signal, onEvent })) assert.fail(`${record.sequence}`);
  setImmediate(() => reader.close());
  for await (const record of reader.stream({ onEvent })) assert.fail(`${record.sequence}`);
  assert.throws(() => reader.next(), /closed/);
});

test("a stream follows its feed into the next generation", async (t) => {
  const [old, fresh] = [new Writer(t), new Writer(t)];
  fresh.directory = old.directory;
  await old.make({ generation: 1 });
  await old.do("quotes 2");
  const reader = closing(t, attach("feed", { directory: old.directory, follow: true }));
  const seen = [];
  const reading = (async () => {
    for await (const record of reader.stream({ onEvent: (event) => event instanceof tickring.Moved && seen.push(event.code) })) {
      seen.push(record.sequence);
      if (seen.length === 6) return;
    }
  })();
  await eventually(() => seen.length === 2);
  await fresh.make({ generation: 2 });
  await fresh.do("quotes 3");
  await old.do("supersede 2");
  await reading;
  assert.deepEqual(seen, [1n, 2n, "MOVED", 1n, 2n, 3n]);
  assert.equal(reader.generation, 2n);
  assert.equal(reader.stats.reattached, 1n);
});

test("a feed that does not exist yet is waited for", async (t) => {
  const writer = new Writer(t);
  const attaching = attachWait("later", { directory: writer.directory, timeout: 10_000 });
  await writer.make({ feed: "later" });
  const reader = closing(t, await attaching);
  assert.equal(reader.info.feed, "later");
  const abort = new AbortController();
  setImmediate(() => abort.abort());
  await assert.rejects(attachWait("never", { directory: writer.directory, signal: abort.signal }), { name: "AbortError" });
});

test("a reader is read in blocking turns too, for workers", async (t) => {
  const writer = new Writer(t);
  const file = await writer.make();
  await writer.do("quotes 5");
  const reader = closing(t, attachPath(file));
  assert.equal(Array.from(reader.records({ timeout: 0, onEvent: () => {} })).length, 5);
  for (let i = 0; i < 10; i++) assert.equal(await inWorker(file), 5);
});

// Reads a feed of five records in a worker that ends while its reader is waited for.
async function inWorker(file) {
  const worker = new Worker(`
    const { parentPort, workerData } = require("node:worker_threads");
    const reader = require(workerData.module).attachPath(workerData.file);
    (async () => {
      let count = 0;
      for await (const record of reader.stream({ onEvent: () => {} })) {
        if (++count === 5) break;
      }
      parentPort.postMessage(count);
      reader.wait(); // ends with its thread asleep
    })();`, { eval: true, workerData: { module: process.env.TICKRING_NODE_PACKAGE ?? path.join(__dirname, ".."), file } });
  const count = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  await worker.terminate();
  return count;
}

test("a poller merges feeds on one clock, and says whose state changes", async (t) => {
  const [left, right] = [new Writer(t), new Writer(t)];
  const files = [await left.make({ feed: "left" }), await right.make({ feed: "right" })];
  const poller = closing(t, new Poller(files.map((file) => attachPath(file))));
  for (let i = 0; i < 3; i++) {
    await left.do("quotes 1");
    await right.do("quotes 1");
  }
  const order = [];
  let last = 0n;
  for (let record = poller.next(); record !== null; record = poller.next()) {
    order.push(poller.feed);
    assert.ok(record.publishTimeNS >= last);
    last = record.publishTimeNS;
  }
  assert.deepEqual(order, [0, 1, 0, 1, 0, 1]);
  assert.throws(() => poller.readers[0].next(), /poller/);
  assert.equal(poller.readers[1].info.feed, "right");
  const [got, events] = [[], []];
  const onEvent = (event, feed) => event instanceof tickring.Stale || events.push(`${feed} ${event.code}`);
  const reading = (async () => {
    for await (const [feed, record] of poller.stream({ onEvent })) got.push(`${feed} ${record.sequence}`);
  })();
  await right.do("quotes 1");
  await eventually(() => got.length === 1);
  await left.do("close");
  await eventually(() => events.length === 1);
  await right.do("close");
  await reading; // all feeds have ended
  assert.deepEqual(got, ["1 4"]);
  assert.deepEqual(events, ["0 CLOSED", "1 CLOSED"]);
});

test("a poller's readers are its own", async (t) => {
  const writer = new Writer(t);
  const file = await writer.make();
  const reader = attachPath(file);
  assert.throws(() => new Poller([reader, reader]), /poller/);
  assert.ok(reader.closed); // it took the reader over before it failed
  const poller = new Poller([attachPath(file)]);
  poller.close();
  poller.close();
  assert.throws(() => poller.next(), /closed/);
});
