// Cost of a record beside the C library's, over one full ring: node bench.js [ROUNDS]
//
// The C reader and the ways of this package take turns over the same segment, so that what
// disturbs one of them disturbs all; the best of each one's turns is printed, and its ratio to
// C. Needs Go (the writer) and a C compiler.
"use strict";

const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");

const root = path.join(__dirname, "..", "..");
const library = path.join(root, "cgo_reader");
const SLOTS = 1 << 16;
const DRAINS = 4; // a turn, as the C side does

// A process that does a turn for each line it gets.
class Child {
  constructor(program, args) {
    this.process = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async say(line) {
    this.process.stdin.write(`${line}\n`);
    const { value } = await this.lines.next();
    if (value === undefined) throw new Error(`bench: no answer to ${line}`);
    return value;
  }

  // Nanoseconds a record.
  async turn() {
    const [records, ns] = (await this.say("turn")).split(" ");
    return Number(ns) / Number(records);
  }
}

// Each drains what is there, uses something of each record, and gives the number of them.
const WAYS = {
  async batch(reader, batch) {
    let [count, check] = [0, 0n];
    while (reader.read(batch) !== -1 && batch.length > 0) {
      count += batch.length;
      check += batch.word(0, 4);
    }
    return [count, check];
  },
  async words(reader, batch) {
    let [count, check] = [0, 0n];
    while (reader.read(batch) !== -1 && batch.length > 0) {
      for (let i = 0; i < batch.length; i++) check += batch.word(i, 4);
      count += batch.length;
    }
    return [count, check];
  },
  async next(reader) {
    let [count, check] = [0, 0n];
    for (let record = reader.next(); record !== null; record = reader.next()) {
      count++;
      check += record.bidPriceMantissa;
    }
    return [count, check];
  },
  async records(reader) {
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
  async text(reader) {
    let [count, check] = [0, 0];
    for (const record of reader.records({ timeout: 0, onEvent: () => {} })) {
      count++;
      check += record.bidPrice.length;
    }
    return [count, check];
  },
};

async function child(file, way) {
  const tickring = require(".");
  const reader = tickring.attachPath(file);
  const batch = new tickring.Batch(1024);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line !== "turn") break;
    let [records, check] = [0, ""];
    const start = process.hrtime.bigint();
    for (let i = 0; i < DRAINS; i++) {
      reader.fromOldest();
      const [count, sum] = await WAYS[way](reader, batch);
      records += count;
      check = String(sum);
    }
    console.log(`${records} ${process.hrtime.bigint() - start} ${check}`);
  }
}

async function main() {
  const rounds = Number(process.argv[2] || 7);
  const directory = fs.mkdtempSync(path.join(fs.existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir(), "tickring-bench-"));
  try {
    const [file, writerProgram, program] = ["bench", "writer", "reader"].map((name) => path.join(directory, name));
    execFileSync("go", ["build", "-o", writerProgram, "./cgo_reader/python/tests/writer"], { cwd: root, stdio: "inherit" });
    const sources = fs.readdirSync(path.join(library, "src")).filter((name) => name.endsWith(".c"));
    execFileSync("cc", ["-O2", "-std=c11", `-I${library}/include`, `-I${library}/src`, `${library}/python/bench_reader.c`,
      ...sources.map((name) => `${library}/src/${name}`), "-lm", "-o", program], { stdio: "inherit" });
    const writer = new Child(writerProgram, []);
    for (const command of [`make ${file} bench ${SLOTS} 1`, `run ${SLOTS - 1}`]) {
      if (await writer.say(command) !== "ok") throw new Error(`bench: ${command}`);
    }
    const ours = (way) => new Child(process.execPath, [__filename, "child", file, way]);
    const rows = [
      ["C library, tickring_next", new Child(program, [file])],
      ["batch into a reused buffer", ours("batch")],
      ["  and one BigInt of each record", ours("words")],
      ["records(), one BigInt of each", ours("records")],
      ["  and an exact decimal instead", ours("text")],
      ["stream(), one BigInt of each", ours("stream")],
      ["next(), one BigInt of each", ours("next")],
    ].map(([name, process]) => ({ name, process, best: Infinity }));
    for (let round = 0; round < rounds; round++) {
      for (const row of rows) row.best = Math.min(row.best, await row.process.turn());
    }
    for (const { process } of [...rows, { process: writer }]) process.process.stdin.end();
    console.log(`${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${os.cpus().length} CPUs, ${SLOTS} slots,`);
    console.log(`best of ${rounds} interleaved turns, not pinned`);
    for (const { name, best } of rows) {
      console.log(`${name.padEnd(34)} ${best.toFixed(1).padStart(8)} ns a record ${(best / rows[0].best).toFixed(2).padStart(7)} x C`);
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[2] === "child") child(process.argv[3], process.argv[4]);
else main();
