// Several feeds merged fairly, on one clock.
"use strict";

const { CORE, COVER, NAP_MS, native, unpackBatch } = require("./native.js");
const { Answer, RECORD_SIZE } = require("./layout.js");
const { Damaged, Ended, Moved, Overrun, Stale } = require("./errors.js");
const { Batch } = require("./records.js");
const { Waiting, turn, wait } = require("./waiting.js");

const SLAB = 256; // as a reader's
const ENDS = new Set([Answer.CLOSED, Answer.SUPERSEDED, Answer.DAMAGED]);

class Poller {
  #core = native.poller();
  #waiting = new Waiting();
  #slab = new Batch(SLAB);
  #feeds = new Uint8Array(SLAB);
  #used = 0;
  #generations;

  // The readers are the poller's from now on, but for calls that only look.
  constructor(readers) {
    this.readers = Object.freeze([...readers]);
    this.closed = false;
    this.answer = Answer.EMPTY;
    this.#generations = this.readers.map((reader) => reader.generation);
    try {
      for (const reader of this.readers) native.pollerAdd(this.#core, reader[CORE]);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  // Close all readers.
  close() {
    if (this.closed) return;
    native.pollerClose(this.#core);
    this.closed = true;
    for (const reader of this.readers) reader.closed = true;
    this.#waiting.end();
  }

  // Whose the last answer was, by the place in readers.
  get feed() {
    return native.pollerFeed(this.#core);
  }

  // How many records the last OVERRUN cost.
  get lost() {
    return native.pollerLost(this.#core);
  }

  #take(limit) {
    if (this.#used === SLAB) {
      this.#slab = new Batch(SLAB);
      this.#feeds = new Uint8Array(SLAB);
      this.#used = 0;
    }
    const first = this.#used;
    const read = native.pollerRead(this.#core, this.#slab.bytes, this.#feeds, first, limit);
    const { count, answer } = unpackBatch(read);
    this.answer = answer;
    this.#used += count;
    return { slab: this.#slab, feeds: this.#feeds, first, end: first + count };
  }

  // Whether a record is on the board that its reader joined at.
  #covered(slab, i, feed) {
    const cover = this.readers[feed][COVER];
    return cover.active && cover.omits(slab.view, i * RECORD_SIZE);
  }

  // The next record; null when there is none: answer, feed and lost say why.
  next() {
    for (;;) {
      const { slab, feeds, first, end } = this.#take(1);
      if (end === first) {
        this.#interruption(); // a move is seen, also by who does not iterate
        return null;
      }
      if (!this.#covered(slab, first, feeds[first])) return slab.record(first);
    }
  }

  // What the last answer means; null for nothing.
  #interruption() {
    switch (this.answer) {
      case Answer.RECORD:
      case Answer.EMPTY:
        return null;
      case Answer.OVERRUN:
        return new Overrun(this.lost);
      case Answer.STALE:
        return new Stale();
      case Answer.DAMAGED:
        return new Damaged();
      default: {
        const { feed } = this;
        const { generation } = this.readers[feed];
        if (generation === this.#generations[feed]) return new Ended(this.answer);
        this.#generations[feed] = generation;
        this.readers[feed][COVER].forget();
        return new Moved(generation);
      }
    }
  }

  #settle(onEvent, ended) {
    const event = this.#interruption();
    if (event === null) return;
    const { feed } = this;
    const follows = this.readers[feed].follow && event.answer !== Answer.DAMAGED;
    if (ENDS.has(event.answer) && !follows) ended.add(feed);
    if (onEvent !== undefined) onEvent(event, feed);
    else if (!(event instanceof Ended)) throw event;
  }

  // Pairs of a feed's place and its record, for the event loop. It ends when all feeds have,
  // or after timeout ms without a record.
  async *stream({ timeout = Infinity, onEvent, signal } = {}) {
    const ended = new Set();
    let deadline = performance.now() + timeout;
    while (!this.closed && !signal?.aborted && ended.size < this.readers.length) {
      const { slab, feeds, first, end } = this.#take(SLAB);
      for (let i = first; i < end; i++) {
        if (!this.#covered(slab, i, feeds[i])) yield [feeds[i], slab.record(i)];
      }
      if (this.closed || signal?.aborted) return;
      if (end > first) deadline = performance.now() + timeout;
      this.#settle(onEvent, ended);
      if (this.answer !== Answer.EMPTY) {
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

  // Wait in another thread until some feed may have something to say; at most ms, and 100 ms.
  wait(ms = NAP_MS) {
    return wait(this.#waiting, ms, (ns, done) => native.pollerWait(this.#core, ns, done));
  }
}

module.exports = { Poller };
