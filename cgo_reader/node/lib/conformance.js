#!/usr/bin/env node
// Driver of the conformance kit: node lib/conformance.js. docs/conformance.md has the commands
// it takes and the log it prints.
"use strict";

const readline = require("node:readline");

const layout = require("./layout.js");
const { CORE, native } = require("./native.js");
const { AttachError } = require("./errors.js");
const { Poller } = require("./poller.js");
const { attach, attachPath, attachWait } = require("./reader.js");
const { Batch, READ } = require("./records.js");
const { padded, unpack } = require("./tables.js");

const { Answer, BODY_OFFSET, BoardSlot, Kind, LEVEL_SIZE, RECORD_SIZE, STRUCTS } = layout;
const POLL_MS = 1;
const DRAIN = 1024; // records a batch

const name = (owner, value) => Object.keys(owner).find((key) => owner[key] === value);
const ENUMS = { kind: layout.Kind, aggressor: layout.Aggressor, id_format: layout.IDFormat, code: layout.StatusCode,
  scope: layout.Scope, reason: layout.Reason };
const SETS = { channels: layout.Channel, stale: layout.Channel, acknowledged: layout.Channel, refused: layout.Channel };
// State and header size have codes of their own here and one name in the protocol.
const ERROR_NAMES = { STATE: "HEADER" };

const number = (value) => (value === layout.ABSENT ? "absent" : String(value));
const row = (value) => (value === layout.NO_CONNECTION ? "none" : String(value));
const named = (owner, value) => name(owner, value) ?? String(value);

function bits(owner, value) {
  const out = [];
  for (let bit = 0; bit < 32; bit++) {
    if (value >>> bit & 1) out.push(name(owner, 2 ** bit) ?? `BIT_${bit}`);
  }
  return out.join("|") || "-";
}

function quoted(bytes) {
  let out = "";
  for (const c of bytes) {
    const plain = c >= 0x20 && c <= 0x7e && c !== 0x22 && c !== 0x5c;
    out += plain ? String.fromCharCode(c) : `\\x${c.toString(16).padStart(2, "0")}`;
  }
  return `"${out}"`;
}

function levels(view, first, count) {
  const out = [];
  for (let at = first; out.length < count; at += LEVEL_SIZE) {
    out.push(`${number(view.getBigInt64(at, true))}:${number(view.getBigInt64(at + 8, true))}`);
  }
  return `[${out.join(",")}]`;
}

// FNV over 64-bit words, in two halves: the prime is 2^40 + 435.
class Hash {
  constructor() {
    this.high = 0xcbf29ce4;
    this.low = 0x84222325;
  }

  take(view, base) {
    for (let at = base; at < base + RECORD_SIZE; at += 8) {
      const low = (this.low ^ view.getUint32(at, true)) >>> 0;
      const high = (this.high ^ view.getUint32(at + 4, true)) >>> 0;
      const product = low * 435;
      this.low = product >>> 0;
      this.high = (high * 435 + Math.floor(product / 2 ** 32) + (low << 8 >>> 0)) % 2 ** 32;
    }
    return this;
  }

  toString() {
    return this.high.toString(16).padStart(8, "0") + this.low.toString(16).padStart(8, "0");
  }
}

function valueOf(field, value) {
  if (field in ENUMS) return named(ENUMS[field], value);
  if (field in SETS) return bits(SETS[field], value);
  return field === "connection" || field === "instrument" ? row(value) : number(value);
}

// What RECORD and HEAD have in common.
function front({ view, base }) {
  return `sequence=${view.getBigUint64(base, true) >> 1n} kind=${named(Kind, view.getUint8(base + 8))} ` +
    `flags=${bits(layout.Flags, view.getUint16(base + 12, true))} instrument=${row(view.getUint16(base + 14, true))} ` +
    `price_exponent=${view.getInt8(base + 9)} quantity_exponent=${view.getInt8(base + 10)} ` +
    `recv_time_ns=${number(view.getBigInt64(base + 16, true))} venue_sequence=${view.getBigUint64(base + 24, true)}`;
}

const BODIES = { [Kind.BOOK_TICKER]: STRUCTS.BookTicker, [Kind.TRADE]: STRUCTS.Trade, [Kind.DEPTH]: STRUCTS.Depth,
  [Kind.TICKER]: STRUCTS.Ticker, [Kind.STATUS]: STRUCTS.Status, [Kind.PERPETUAL]: STRUCTS.Perpetual };

function body({ view, base, bytes }) {
  const { fields } = BODIES[view.getUint8(base + 8)];
  const at = (field) => BODY_OFFSET + fields.find((f) => f.name === field).offset;
  const out = [];
  for (const field of fields) {
    const first = BODY_OFFSET + field.offset;
    if (field.name.startsWith("reserved") || field.name === "text_length") continue;
    if (field.name === "levels") {
      out.push(`levels=${levels(view, base + first, bytes[at("bids")] + bytes[at("asks")])}`);
    } else if (field.name === "text") {
      // At most 40, so one byte of the length has all.
      out.push(`text=${quoted(bytes.subarray(first, first + bytes[at("text_length")]))}`);
    } else {
      out.push(`${field.name}=${valueOf(field.name, READ[field.type](view, base + first))}`);
    }
  }
  return out.join(" ");
}

function recordLine(record) {
  const { view, base } = record;
  return `${front(record)} event_time_ns=${number(view.getBigInt64(base + 112, true))} ` +
    `publish_time_ns=${number(view.getBigInt64(base + 120, true))} ${body(record)} hash=${new Hash().take(view, base)}`;
}

function headLine(record) {
  const words = [32, 40, 48, 56].map((at) => number(record.view.getBigInt64(record.base + at, true)));
  return `HEAD ${front(record)} words=[${words.join(",")}]`;
}

// The fields of a row, without reserved ones.
function tableLine(values, skip) {
  return Object.entries(values)
    .filter(([field]) => !field.startsWith("reserved") && !skip.includes(field))
    .map(([field, value]) => `${field}=${Buffer.isBuffer(value) ? quoted(padded(value)) : valueOf(field, value)}`)
    .join(" ");
}

// A stretch of records without a hole.
class Run {
  constructor() {
    this.records = 0;
  }

  // Its line, if there is one; it begins anew.
  end() {
    if (this.records === 0) return [];
    const line = `RUN first=${this.first} last=${this.last} records=${this.records} hash=${this.hash}`;
    this.records = 0;
    return [line];
  }

  take(view, base) {
    const sequence = view.getBigUint64(base, true) >> 1n;
    const lines = this.records > 0 && sequence !== this.last + 1n ? this.end() : [];
    if (this.records === 0) [this.first, this.hash] = [sequence, new Hash()];
    this.last = sequence;
    this.records++;
    this.hash.take(view, base);
    return lines;
  }
}

class NoReader extends Error {}

function answerLine(answer, reader, lost) {
  const said = named(Answer, answer);
  return answer === Answer.OVERRUN ? `${said} lost=${lost()} next=${reader.position}` : said;
}

// What the commands act on; each gives the lines of its reply.
class Driver {
  #reader = null;
  #poller = null;

  get reader() {
    if (this.#reader === null) throw new NoReader();
    return this.#reader;
  }

  #said() {
    return answerLine(this.reader.answer, this.reader, () => this.reader.lost);
  }

  #drop() {
    this.#reader?.close();
    this.#reader = null;
  }

  hello() {
    return [`READER name=node format_hash=0x${layout.FORMAT_HASH.toString(16).padStart(16, "0")}`];
  }

  #opened(reader) {
    this.#reader = reader;
    return [`OPENED generation=${reader.generation} next=${reader.position}`];
  }

  open(path) {
    this.#drop();
    return this.#opened(attachPath(path));
  }

  attach(directory, feed) {
    this.#drop();
    return this.#opened(attach(feed, { directory }));
  }

  async await(directory, feed, ms) {
    this.#drop();
    return this.#opened(await attachWait(feed, { directory, timeout: Number(ms) }));
  }

  register(directory, feed, register) {
    this.#drop();
    return this.#opened(attach(feed, { directory, register }));
  }

  registered() {
    return [`REGISTERED ${Number(this.reader.registered)}`];
  }

  close() {
    void this.reader;
    this.#drop();
    return ["DETACHED"];
  }

  segment() {
    const core = this.reader[CORE];
    const i = this.reader.info;
    return [`SEGMENT feed=${quoted(native.feed(core))} venue=${quoted(native.venue(core))} generation=${i.generation} ` +
      `source=${named(layout.Source, i.source)} state=${named(layout.State, i.state)} slots=${i.slots} ` +
      `book_depth=${i.bookDepth} instrument_count=${i.instrumentCount} watermark=${i.watermark} last_sequence=${i.lastSequence}`];
  }

  #each(count, call, line) {
    const lines = [];
    for (let i = 0; i < Number(count); i++) {
      const record = call();
      lines.push(record === null ? this.#said() : line(record));
      if (record === null && this.reader.answer !== Answer.OVERRUN) break;
    }
    return lines;
  }

  next(count) {
    const { reader } = this;
    return this.#each(count, () => reader.next(), (record) => `RECORD ${recordLine(record)}`);
  }

  head(count) {
    const { reader } = this;
    return this.#each(count, () => reader.nextHead(), headLine);
  }

  async until(answer, ms) {
    const { reader } = this;
    const deadline = performance.now() + Number(ms);
    for (;;) {
      const record = reader.next();
      if (record !== null) return [`RECORD ${recordLine(record)}`];
      const waits = reader.answer === Answer.EMPTY || reader.answer === Answer.STALE;
      if (Answer[answer] === reader.answer || !waits) return [this.#said()];
      if (performance.now() >= deadline) return ["TIMEOUT"];
      await reader.wait(POLL_MS);
    }
  }

  seek(where) {
    if (where === "latest") this.reader.fromLatest();
    else this.reader.fromOldest();
    return this.position();
  }

  position() {
    return [`POSITION next=${this.reader.position}`];
  }

  lag() {
    return [`LAG records=${this.reader.lag}`];
  }

  stats() {
    const s = this.reader.stats;
    return [`STATS records=${s.records} lost=${s.lost} overruns=${s.overruns} skipped_depth=${s.skippedDepth}`];
  }

  filter(kinds, symbols) {
    const { reader } = this;
    const values = kinds === "*" ? [] : kinds.split(",").map((kind) => Kind[kind]).sort((a, b) => a - b);
    const names = symbols === "*" ? [] : symbols.split(",");
    const ids = names.map((symbol) => reader.find(symbol));
    if (ids.includes(null)) return ["ERROR NO_INSTRUMENT"];
    reader.filter({ kinds: values, instruments: names });
    const unique = (list) => [...new Set(list)];
    const shown = kinds === "*" ? "*" : unique(values).map((kind) => named(Kind, kind)).join(",");
    const rows = symbols === "*" ? "*" : unique(ids.sort((a, b) => a - b)).join(",");
    return [`FILTER kinds=${shown} instruments=${rows}`];
  }

  join() {
    const { reader } = this;
    const lines = [`JOINED watermark=${reader.join().watermark}`, ...this.#boardLines()];
    for (let record = reader.next(); record !== null; record = reader.next()) lines.push(`RECORD ${recordLine(record)}`);
    return [...lines, this.#said()];
  }

  #entry(instrument, slot) {
    const batch = new Batch(1);
    const answer = native.board(this.reader[CORE], instrument, batch.bytes, slot);
    return { answer, said: answer === Answer.RECORD ? recordLine(batch.record(0)) : named(Answer, answer) };
  }

  #boardLines() {
    const lines = [];
    const count = this.reader.info.instrumentCount;
    for (let i = 0; i < count; i++) {
      for (const [slot, place] of Object.entries(BoardSlot)) {
        const { answer, said } = this.#entry(i, place);
        if (answer !== Answer.EMPTY) lines.push(`BOARD instrument=${i} slot=${slot} ${said}`);
      }
    }
    return lines;
  }

  board(instrument, slot) {
    const { answer, said } = this.#entry(Number(instrument), BoardSlot[slot]);
    return [answer === Answer.RECORD ? `BOARD slot=${slot} ${said}` : said];
  }

  book(instrument) {
    const { reader } = this;
    const depth = reader.info.bookDepth;
    const header = new Uint8Array(layout.BOOK_HEADER_SIZE);
    const sides = new Uint8Array(2 * depth * LEVEL_SIZE);
    const answer = native.book(reader[CORE], Number(instrument), header, sides);
    if (answer !== Answer.RECORD) return [named(Answer, answer)];
    const v = unpack(STRUCTS.BookHeader, header);
    const view = new DataView(sides.buffer);
    return [`BOOK instrument=${instrument} ${tableLine(v, ["flags", "publish_time_ns"])} ` +
      `flags=${bits(layout.BookFlag, v.flags)} publish_time_ns=${number(v.publish_time_ns)} ` +
      `bids=${levels(view, 0, v.bid_count)} asks=${levels(view, depth * LEVEL_SIZE, v.ask_count)}`];
  }

  #row(size, call, index) {
    const bytes = new Uint8Array(size);
    return call(this.reader[CORE], Number(index), bytes) === 0 ? bytes : null;
  }

  instruments() {
    const lines = [];
    const count = this.reader.info.instrumentCount;
    for (let i = 0; i < count; i++) {
      const bytes = this.#row(layout.INSTRUMENT_SIZE, native.instrument, i);
      if (bytes === null) break;
      const v = unpack(STRUCTS.Instrument, bytes);
      const [base, quote] = [padded(v.base), padded(v.quote)];
      const symbol = quote.length > 0 ? Buffer.concat([base, Buffer.from("/"), quote]) : base;
      const numbers = ["tick", "lot", "tick_exponent", "lot_exponent", "price_exponent", "quantity_exponent",
        "multiplier_exponent", "multiplier", "added_time_ns"].map((field) => `${field}=${number(v[field])}`);
      lines.push(`INSTRUMENT id=${i} symbol=${quoted(symbol)} channels=${bits(layout.Channel, v.channels)} ` +
        `venue_symbol=${quoted(padded(v.venue_symbol))} base=${quoted(base)} quote=${quoted(quote)} ${numbers.join(" ")}`);
    }
    return lines;
  }

  find(symbol) {
    const id = this.reader.find(symbol);
    return [id === null ? "ERROR NO_INSTRUMENT" : `FOUND id=${id}`];
  }

  state(instrument) {
    const bytes = this.#row(layout.INSTRUMENT_STATE_SIZE, native.instrumentState, instrument);
    if (bytes === null) return ["ERROR NO_INSTRUMENT"];
    const v = unpack(STRUCTS.InstrumentState, bytes);
    return [`STATE instrument=${instrument} bits=${bits(layout.StateBit, Number(v.word & 0xffffffffn))} ` +
      `book_epoch=${v.word >> 32n} ${tableLine(v, ["word"])}`];
  }

  connection(index) {
    const bytes = this.#row(layout.CONNECTION_SIZE, native.connection, index);
    if (bytes === null) return ["ERROR ARGUMENT"];
    const v = unpack(STRUCTS.Connection, bytes);
    return [`CONNECTION row=${index} state=${named(layout.ConnectionState, v.state)} ${tableLine(v, ["state"])}`];
  }

  counter(index) {
    return [`COUNTER index=${index} value=${this.reader.counter(Number(index))}`];
  }

  fresh(instrument, ns) {
    return [`FRESH ${Number(native.freshWithin(this.reader[CORE], Number(instrument), BigInt(ns)))}`];
  }

  age(instrument, ns) {
    const age = native.quoteAge(this.reader[CORE], Number(instrument));
    if (age < 0n) return ["AGE none"];
    return [age <= BigInt(ns) ? "AGE within" : "AGE beyond"];
  }

  reattach() {
    const { reader } = this;
    if (!reader.reattach()) return ["SAME"];
    return [`REATTACHED generation=${reader.generation} next=${reader.position}`];
  }

  drain(ms) {
    const { reader } = this;
    const deadline = performance.now() + Number(ms);
    const [run, batch, lines] = [new Run(), new Batch(DRAIN), []];
    for (;;) {
      const answer = reader.read(batch);
      for (let i = 0; i < batch.length; i++) lines.push(...run.take(batch.view, i * RECORD_SIZE));
      if (answer === Answer.RECORD) continue;
      if (answer === Answer.OVERRUN) {
        lines.push(...run.end(), this.#said());
      } else if (answer === Answer.EMPTY || answer === Answer.STALE) {
        if (performance.now() >= deadline) return [...lines, ...run.end(), "TIMEOUT"];
        reader.waitSync(POLL_MS);
      } else {
        return [...lines, ...run.end(), named(Answer, answer)];
      }
    }
  }

  poller(...paths) {
    this.#poller?.close();
    this.#poller = null;
    const readers = [];
    try {
      for (const path of paths) readers.push(attachPath(path));
    } catch (error) {
      for (const reader of readers) reader.close();
      throw error;
    }
    this.#poller = new Poller(readers);
    return [`POLLER feeds=${readers.length}`];
  }

  poll(count) {
    const poller = this.#poller;
    if (poller === null) return ["NO_POLLER"];
    const lines = [];
    for (let i = 0; i < Number(count); i++) {
      const record = poller.next();
      if (record === null && poller.answer === Answer.EMPTY) return [...lines, "EMPTY"];
      const reader = poller.readers[poller.feed];
      const said = record === null ? answerLine(poller.answer, reader, () => poller.lost) : `RECORD ${recordLine(record)}`;
      lines.push(`FEED ${poller.feed} ${said}`);
    }
    return lines;
  }
}

const COMMANDS = new Set(["hello", "open", "attach", "await", "register", "registered", "close", "segment", "next",
  "head", "until", "seek", "position", "lag", "stats", "filter", "join", "board", "book", "instruments", "find", "state",
  "connection", "counter", "fresh", "age", "reattach", "drain", "poller", "poll"]);

async function reply(driver, [command, ...words]) {
  if (!COMMANDS.has(command)) return ["UNSUPPORTED"];
  try {
    return await driver[command](...words);
  } catch (error) {
    if (error instanceof NoReader) return ["NO_READER"];
    if (error instanceof AttachError) return [`ERROR ${ERROR_NAMES[error.code] ?? error.code}`];
    throw error;
  }
}

async function serve() {
  const driver = new Driver();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const words = line.split(" ").filter(Boolean);
    if (words[0] === "quit") break;
    const lines = await reply(driver, words);
    process.stdout.write([...lines, ".", ""].join("\n"));
  }
  process.exit(0);
}

serve();
