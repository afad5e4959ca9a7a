// What the board covered at a late join, and so does not come again.
"use strict";

const { BoardSlot, Kind, RECORD_SIZE, STRUCTS } = require("./layout.js");

const at = (name) => STRUCTS.Record.fields.find((field) => field.name === name).offset;
const [KIND_AT, INSTRUMENT_AT] = [at("kind"), at("instrument")];

// Kinds that have a place on the board, in the order of the places.
const BOARD_KINDS = ["BOOK_TICKER", "TRADE", "TICKER", "STATUS"]
  .sort((a, b) => BoardSlot[a] - BoardSlot[b])
  .map((name) => Kind[name]);

class Cover {
  constructor() {
    this.leftOut = 0n;
    this.forget();
  }

  forget() {
    this.entries = new Map();
    this.to = 0n;
  }

  get active() {
    return this.entries.size > 0;
  }

  add(instrument, kind, sequence) {
    this.entries.set(instrument * 256 + kind, sequence);
    if (sequence > this.to) this.to = sequence;
  }

  // Whether the record in the view is one to leave out; counts it.
  omits(view, base) {
    const sequence = view.getBigUint64(base, true) >> 1n;
    if (sequence > this.to) {
      this.forget();
      return false;
    }
    const key = view.getUint16(base + INSTRUMENT_AT, true) * 256 + view.getUint8(base + KIND_AT);
    const covered = sequence <= (this.entries.get(key) ?? 0n);
    if (covered) this.leftOut++;
    return covered;
  }

  // Closes up count records of a batch from the first one on; how many are left.
  sift(batch, first, count) {
    let kept = first;
    for (let i = first; i < first + count; i++) {
      if (this.active && this.omits(batch.view, i * RECORD_SIZE)) continue;
      if (kept !== i) batch.bytes.copyWithin(kept * RECORD_SIZE, i * RECORD_SIZE, (i + 1) * RECORD_SIZE);
      kept++;
    }
    return kept - first;
  }
}

module.exports = { BOARD_KINDS, Cover };
