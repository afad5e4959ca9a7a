// The Node side of make bench-readers, through the package as it is.
//
//     node bench.js drain WAY PATH    a full ring again and again, see bench/languages/doc.go
//     node bench.js spin PATH WARM    as bench/reader.c, by the monotonic clock
"use strict";

const readline = require("node:readline");
const tickring = require(".");

// What a spinning reader keeps at most; what is beyond is read and not kept.
const CAPACITY = 1 << 18;

// Each drains what is there, uses something of each record, and gives the number of them.
const WAYS = {
  batch(reader, batch) {
    let [count, check] = [0, 0n];
    while (reader.read(batch) !== -1 && batch.length > 0) {
      count += batch.length;
      check += batch.word(0, 4);
    }
    return [count, check];
  },
  words(reader, batch) {
    let [count, check] = [0, 0n];
    while (reader.read(batch) !== -1 && batch.length > 0) {
      for (let i = 0; i < batch.length; i++) check += batch.word(i, 4);
      count += batch.length;
    }
    return [count, check];
  },
  next(reader) {
    let [count, check] = [0, 0n];
    for (let record = reader.next(); record !== null; record = reader.next()) {
      count++;
      check += record.bidPriceMantissa;
    }
    return [count, check];
  },
  records(reader) {
    let [count, check] = [0, 0n];
    for (const record of reader.records({ timeout: 0, onEvent: () => {} })) {
      count++;
      check += record.bidPriceMantissa;
    }
    return [count, check];
  },
  async stream(reader) {
    let [count, check] = [0, 0n];
    for await (const record of reader.stream({ timeout: 0, onEvent: () => {} })) {
      count++;
      check += record.bidPriceMantissa;
    }
    return [count, check];
  },
};

// Processor time: of this thread where Node tells it (22.19 and later), else of the process.
function cpuNS() {
  const used = process.threadCpuUsage ? process.threadCpuUsage() : process.cpuUsage();
  return (used.user + used.system) * 1000;
}

async function turns(way, path) {
  const reader = tickring.attachPath(path);
  const batch = new tickring.Batch(1024);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const drains = Number(line.split(" ")[1]);
    let [records, check] = [0, 0n];
    const start = cpuNS();
    for (let i = 0; i < drains; i++) {
      reader.fromOldest();
      const [count, sum] = await WAYS[way](reader, batch);
      records += count;
      check += sum;
    }
    console.log(`${records} ${cpuNS() - start} ${check}`);
  }
}

function spin(path, warm) {
  const { Answer } = tickring;
  const samples = new BigInt64Array(3 * CAPACITY).fill(1n); // no page fault later
  const reader = tickring.attachPath(path);
  reader.fromLatest();
  require("node:fs").writeSync(1, "ready\n");
  let [seen, lost] = [0, 0n];
  for (;;) {
    const record = reader.next();
    if (record !== null) {
      const now = process.hrtime.bigint();
      // No branch that is first taken when it counts: the compiler would start anew there.
      const at = 3 * Math.min(Math.max(seen++ - warm, 0), CAPACITY - 1);
      samples[at] = record.recvTimeNS;
      samples[at + 1] = record.venueSequence;
      samples[at + 2] = now;
    } else if (reader.answer === Answer.OVERRUN) {
      lost += BigInt(reader.lost);
    } else if (reader.answer >= Answer.CLOSED) {
      break;
    }
  }
  const kept = Math.min(Math.max(seen - warm, 0), CAPACITY);
  process.stdout.write(`samples ${kept} lost ${lost}\n`);
  process.stdout.write(Buffer.from(samples.buffer, 0, kept * 24));
}

const [command, first, second] = process.argv.slice(2);
if (command === "spin") spin(first, Number(second));
else turns(first, second);
