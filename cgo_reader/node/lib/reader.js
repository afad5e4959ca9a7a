// The reader of a feed: attach, read, look at board, books and tables.
"use strict";

const { CORE, COVER, NAP_MS, native, unpackBatch } = require("./native.js");
const { Answer, BOOK_HEADER_SIZE, CONNECTION_SIZE, INSTRUMENT_SIZE, INSTRUMENT_STATE_SIZE, Kind, LEVEL_SIZE,
  MAX_INSTRUMENTS, RECORD_SIZE } = require("./layout.js");
const { BOARD_KINDS, Cover } = require("./cover.js");
const { AttachError, Busy, Damaged, Moved, NoInstrumentError, Overrun, Stale } = require("./errors.js");
const { Batch } = require("./records.js");
const { sleep, turn, wait, Waiting } = require("./waiting.js");
const tables = require("./tables.js");

const RETRY_MS = 10; // between two tries of a name, as in the C library
// Records that share a piece of memory, and come before the event loop gets a turn: with 64 a
// record costs a fifth more, with 1,024 a kept one would hold 128 KiB.
const SLAB = 256;
// Errors that no waiting mends.
const LASTING = new Set(["ARGUMENT", "NAME", "MEMORY"]);
const [OLDEST, LATEST, JOIN] = [0, 1, 2];

// Words of native.look, in its order.
const LOOK = ["generation", "source", "state", "slots", "bookDepth", "instrumentCount", "watermark", "lastSequence",
  "position", "lag", "records", "lost", "overruns", "tornRejected", "skippedDepth", "reattached", "filtered"];
const GENERATION = LOOK.indexOf("generation");
const words = new BigUint64Array(LOOK.length);
const wordBytes = new Uint8Array(words.buffer);

function make(feed, path, options) {
  const { directory, follow = false, ignoreBootID = false, register } = options;
  const core = native.attach(directory ?? null, feed, path, Number(follow), Number(ignoreBootID));
  if (typeof core === "number") throw new AttachError(core, path ?? feed);
  const reader = new Reader(core, path ?? feed, follow);
  if (register !== undefined) {
    try {
      reader.register(register);
    } catch (error) {
      if (!(error instanceof AttachError)) throw error;
      reader.registrationError = error; // nobody needs it to read
    }
  }
  return reader;
}

// Attach to a feed by name and stand at its oldest record.
function attach(feed, options = {}) {
  if (typeof feed !== "string") throw new TypeError("tickring: give a feed's name");
  return make(feed, null, options);
}

// The same by the path of its file.
function attachPath(path, options = {}) {
  if (typeof path !== "string") throw new TypeError("tickring: give a path");
  return make(null, path, options);
}

// As attach, for a feed that may not be there yet: a promise.
async function attachWait(feed, options = {}) {
  const { timeout = Infinity, signal } = options;
  const deadline = performance.now() + timeout;
  for (;;) {
    try {
      return attach(feed, options);
    } catch (error) {
      const left = deadline - performance.now();
      if (!(error instanceof AttachError) || LASTING.has(error.code) || left <= 0) throw error;
      await sleep(Math.min(left, RETRY_MS));
      if (signal?.aborted) throw signal.reason ?? error;
    }
  }
}

class Reader {
  #waiting = new Waiting();
  #slab = new Batch(SLAB);
  #used = 0;
  #wasStale = false;
  #generation;

  constructor(core, place, follow) {
    this[CORE] = core;
    this[COVER] = new Cover();
    this.place = place;
    this.follow = follow;
    this.closed = false;
    this.answer = Answer.EMPTY;
    this.registrationError = null;
    this.#generation = this.generation;
  }

  // Unmap, and give the slot among the readers back. What iterates ends.
  close() {
    if (this.closed) return;
    native.close(this[CORE]);
    this.closed = true;
    this.#waiting.end();
  }

  // Reading.

  // How many records the last OVERRUN cost.
  get lost() {
    return native.lost(this[CORE]);
  }

  #fill(batch, first, limit) {
    const { count, answer } = unpackBatch(native.read(this[CORE], batch.bytes, first, limit));
    this.answer = answer;
    return this[COVER].active ? this[COVER].sift(batch, first, count) : count;
  }

  // Fill a batch; what followed its last record, RECORD when it is full.
  read(batch) {
    batch.length = this.#fill(batch, 0, batch.capacity);
    return this.answer;
  }

  // At most limit records with memory of their own.
  #take(limit) {
    if (this.#used === SLAB) {
      this.#slab = new Batch(SLAB);
      this.#used = 0;
    }
    const first = this.#used;
    this.#used += this.#fill(this.#slab, first, Math.min(limit, SLAB - first));
    return { slab: this.#slab, first, end: this.#used };
  }

  // The next record; null when there is none: answer and lost say why.
  next() {
    for (;;) {
      const { slab, first, end } = this.#take(1);
      if (end > first) return slab.record(first);
      if (this.answer !== Answer.RECORD) return null;
    }
  }

  // As next, from the first 64 bytes alone; the other half is zero.
  nextHead() {
    const batch = new Batch(1);
    do {
      this.answer = native.nextHead(this[CORE], batch.bytes);
      if (this.answer !== Answer.RECORD) return null;
    } while (this[COVER].active && this[COVER].omits(batch.view, 0));
    return batch.record(0);
  }

  // What the last answer means to an iteration: an interruption, null for nothing, or true
  // for the end.
  #settle() {
    switch (this.answer) {
      case Answer.RECORD:
        return null;
      case Answer.EMPTY:
        this.#wasStale = false;
        return null;
      case Answer.OVERRUN:
        return new Overrun(this.lost);
      case Answer.STALE: {
        const began = !this.#wasStale;
        this.#wasStale = true;
        return began ? new Stale() : null;
      }
      case Answer.DAMAGED:
        throw new Damaged();
      default:
        return this.#movedOn() ?? !this.follow;
    }
  }

  #movedOn() {
    const generation = this.generation;
    if (generation === this.#generation) return null;
    this.#afterMove(generation);
    return new Moved(generation);
  }

  #afterMove(generation) {
    this.#generation = generation;
    this.#wasStale = false;
    this[COVER].forget();
  }

  // Records as they come, blocking the thread: for scripts and workers.
  *records({ timeout = Infinity, onEvent } = {}) {
    let deadline = performance.now() + timeout;
    while (!this.closed) {
      const { slab, first, end } = this.#take(SLAB);
      for (let i = first; i < end; i++) yield slab.record(i);
      if (this.closed) return;
      if (end > first) deadline = performance.now() + timeout;
      if (this.#tell(onEvent)) return;
      if (this.answer === Answer.RECORD || this.answer === Answer.OVERRUN) continue;
      const left = Math.min(NAP_MS, deadline - performance.now());
      if (left <= 0) return;
      this.waitSync(left);
    }
  }

  // The same for the event loop, which goes on while this waits.
  async *stream({ timeout = Infinity, onEvent, signal } = {}) {
    let deadline = performance.now() + timeout;
    while (!this.closed && !signal?.aborted) {
      const { slab, first, end } = this.#take(SLAB);
      for (let i = first; i < end; i++) yield slab.record(i);
      if (this.closed || signal?.aborted) return;
      if (end > first) deadline = performance.now() + timeout;
      if (this.#tell(onEvent)) return;
      if (this.answer === Answer.RECORD || this.answer === Answer.OVERRUN) {
        await turn();
        continue;
      }
      const left = Math.min(NAP_MS, deadline - performance.now());
      if (left <= 0) return;
      await this.wait(left);
    }
  }

  [Symbol.asyncIterator]() {
    return this.stream();
  }

  // Tells or throws what came up; true: it is the end.
  #tell(onEvent) {
    const what = this.#settle();
    if (what === null || what === true || what === false) return what === true;
    if (onEvent === undefined) throw what;
    onEvent(what);
    return false;
  }

  // Wait in another thread until next may have something to say; at most ms, and 100 ms.
  wait(ms = NAP_MS) {
    return wait(this.#waiting, ms, (ns, done) => native.wait(this[CORE], ns, done));
  }

  // Block until next has something to say, at most ms; what it would answer.
  waitSync(ms = Infinity) {
    return native.waitSync(this[CORE], ms === Infinity ? -1n : nanoseconds(ms));
  }

  // What is handed out, and from where on.

  // Hand out these kinds and instruments only; without an argument all of them.
  filter({ kinds = [], instruments = [] } = {}) {
    const symbols = Array.from(instruments, (i) => (typeof i === "number" ? this.instrument(i).venueSymbol : i));
    let set = 0;
    for (const kind of kinds) {
      if (!Object.values(Kind).includes(kind)) throw new RangeError(`tickring: no kind ${kind}`);
      set |= 1 << kind;
    }
    this.#check(native.filter(this[CORE], set, symbols));
  }

  fromOldest() {
    this[COVER].forget();
    native.move(this[CORE], OLDEST);
  }

  fromLatest() {
    this[COVER].forget();
    native.move(this[CORE], LATEST);
  }

  // Join late: the board as it is; records that it covers do not come again.
  join() {
    const watermark = native.move(this[CORE], JOIN);
    const [records, unreadable] = [[], []];
    this[COVER].forget();
    const count = this.info.instrumentCount;
    for (let id = 0; id < count; id++) {
      for (const kind of BOARD_KINDS) {
        const { answer, record } = this.#entry(id, BOARD_KINDS.indexOf(kind));
        if (record !== null) {
          records.push(record);
          this[COVER].add(id, kind, record.sequence);
        } else if (answer !== Answer.EMPTY) {
          unreadable.push({ instrument: id, kind, answer });
        }
      }
    }
    return { watermark, records, unreadable };
  }

  // Try the name; true when it leads to another generation, where the reader is now.
  reattach() {
    const err = native.reattach(this[CORE]);
    if (err !== 0) {
      const error = new AttachError(err, this.place);
      if (error.code === "SAME_GENERATION" || error.code === "NO_FEED") return false;
      throw error;
    }
    this.#afterMove(this.generation);
    return true;
  }

  // Name the reader for `tickring stat`; it reads on without, too.
  register(name) {
    if (typeof name !== "string") throw new TypeError("tickring: give a name");
    this.#check(native.register(this[CORE], name));
  }

  unregister() {
    native.register(this[CORE], null);
  }

  get registered() {
    return native.registered(this[CORE]);
  }

  #check(err) {
    if (err !== 0) throw new AttachError(err, this.place);
  }

  // Facts and tables.

  #look() {
    native.look(this[CORE], wordBytes);
    return words;
  }

  // Which segment of the feed this is.
  get generation() {
    return this.#look()[GENERATION];
  }

  // Sequence that is expected next.
  get position() {
    return this.#look()[LOOK.indexOf("position")];
  }

  // Records of whole frames that are there and not read yet.
  get lag() {
    return this.#look()[LOOK.indexOf("lag")];
  }

  // Totals since attach; they go on over a move.
  get stats() {
    const all = this.#look();
    const out = Object.fromEntries(LOOK.slice(LOOK.indexOf("records")).map((name) => [name, all[LOOK.indexOf(name)]]));
    out.records -= this[COVER].leftOut;
    return out;
  }

  // Facts of the segment, as they are now.
  get info() {
    const [generation, source, state, slots, bookDepth, instrumentCount, watermark, lastSequence] = this.#look();
    return {
      feed: native.feed(this[CORE]).toString("utf8"),
      venue: native.venue(this[CORE]).toString("utf8"),
      generation,
      source: Number(source),
      state: Number(state),
      slots: Number(slots),
      bookDepth: Number(bookDepth),
      instrumentCount: Number(instrumentCount),
      watermark,
      lastSequence,
    };
  }

  #row(size, call, row) {
    const bytes = new Uint8Array(size);
    return call(this[CORE], row, bytes) === 0 ? bytes : null;
  }

  instruments() {
    const out = [];
    const count = this.info.instrumentCount;
    for (let id = 0; id < count; id++) {
      const bytes = this.#row(INSTRUMENT_SIZE, native.instrument, id);
      if (bytes !== null) out.push(tables.instrument(id, bytes));
    }
    return out;
  }

  // Id of "BTC/USDT" or of the venue's own spelling; null when there is none.
  find(symbol) {
    const id = native.find(this[CORE], symbol);
    return id < 0 ? null : id;
  }

  // Id of an instrument given by id or symbol.
  id(instrument) {
    const id = typeof instrument === "number" ? instrument : this.find(instrument);
    if (id === null || !Number.isInteger(id) || id < 0 || id > MAX_INSTRUMENTS) throw new NoInstrumentError(instrument);
    return id;
  }

  instrument(instrument) {
    const id = this.id(instrument);
    const bytes = this.#row(INSTRUMENT_SIZE, native.instrument, id);
    if (bytes === null) throw new NoInstrumentError(instrument);
    return tables.instrument(id, bytes);
  }

  // Whether the instrument's data are to be trusted.
  state(instrument) {
    const bytes = this.#row(INSTRUMENT_STATE_SIZE, native.instrumentState, this.id(instrument));
    if (bytes === null) throw new NoInstrumentError(instrument);
    return tables.instrumentState(bytes);
  }

  connection(row) {
    const bytes = this.#row(CONNECTION_SIZE, native.connection, row);
    if (bytes === null) throw new RangeError(`tickring: no connection ${row}`);
    return tables.connection(row, bytes);
  }

  // One of the publisher's totals.
  counter(counter) {
    return native.counter(this[CORE], counter);
  }

  // Board, books, freshness.

  #entry(id, slot) {
    const batch = new Batch(1);
    const answer = native.board(this[CORE], id, batch.bytes, slot);
    return { answer, record: answer === Answer.RECORD ? batch.record(0) : null };
  }

  // The newest record of an instrument and kind; null: there is none yet.
  board(instrument, kind) {
    const slot = BOARD_KINDS.indexOf(kind);
    if (slot < 0) throw new RangeError(`tickring: kind ${kind} has no place on the board`);
    const { answer, record } = this.#entry(this.id(instrument), slot);
    throwFor(answer);
    return record;
  }

  // The top of an instrument's book; null: there is none yet.
  book(instrument) {
    const id = this.id(instrument);
    const depth = this.info.bookDepth;
    const header = new Uint8Array(BOOK_HEADER_SIZE);
    const sides = new Uint8Array(2 * depth * LEVEL_SIZE);
    const answer = native.book(this[CORE], id, header, sides);
    throwFor(answer);
    return answer === Answer.RECORD ? tables.book(id, header, sides, depth) : null;
  }

  // Whether the instrument's data are live, verified, and heard of within so many ms.
  freshWithin(instrument, ms) {
    return native.freshWithin(this[CORE], this.id(instrument), nanoseconds(ms));
  }

  // Milliseconds since the newest book ticker was received; null: there was none.
  quoteAge(instrument) {
    const ns = native.quoteAge(this[CORE], this.id(instrument));
    return ns < 0n ? null : Number(ns) / 1e6;
  }
}

function nanoseconds(ms) {
  if (!(ms >= 0 && ms <= Number.MAX_SAFE_INTEGER / 1e6)) throw new RangeError(`tickring: ${ms} is no number of milliseconds`);
  return BigInt(Math.round(ms * 1e6));
}

function throwFor(answer) {
  if (answer === Answer.BUSY) throw new Busy();
  if (answer === Answer.DAMAGED) throw new Damaged();
}

module.exports = { Reader, attach, attachPath, attachWait };
