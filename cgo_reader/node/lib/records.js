// Records as views of 128 bytes, one class for each kind, and batches of them.
"use strict";

const layout = require("./layout.js");
const { decimalNumber, decimalText } = require("./decimals.js");
const { ABSENT, BODY_OFFSET, IDFormat, Kind, LEVEL_SIZE, NO_CONNECTION, RECORD_SIZE, STRUCTS } = layout;

// recv_time_ns is recvTimeNS, trade_id is tradeID.
function camel(name) {
  const capitals = { ns: "NS", id: "ID" };
  return name.replace(/_([a-z0-9]+)/g, (_, word) => capitals[word] ?? word[0].toUpperCase() + word.slice(1));
}

const READ = {
  u8: (view, at) => view.getUint8(at),
  i8: (view, at) => view.getInt8(at),
  u16: (view, at) => view.getUint16(at, true),
  i16: (view, at) => view.getInt16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  i32: (view, at) => view.getInt32(at, true),
  u64: (view, at) => view.getBigUint64(at, true),
  i64: (view, at) => view.getBigInt64(at, true),
};

function getter(owner, name, get) {
  Object.defineProperty(owner.prototype, name, { get, enumerable: false, configurable: true });
}

// A number of three names: price is the exact text, priceMantissa the integer, priceNumber the
// nearest double.
function defineDecimal(owner, name, at, exponentAt) {
  getter(owner, name, function () {
    return decimalText(this.view.getBigInt64(this.base + at, true), this.view.getInt8(this.base + exponentAt));
  });
  getter(owner, `${name}Mantissa`, function () {
    return this.view.getBigInt64(this.base + at, true);
  });
  getter(owner, `${name}Number`, function () {
    return decimalNumber(this.view.getBigInt64(this.base + at, true), this.view.getInt8(this.base + exponentAt));
  });
}

function definePlain(owner, field, name, at) {
  const read = READ[field.type];
  if (field.type === "i64" && field.name.endsWith("_ns")) {
    getter(owner, name, function () {
      const value = this.view.getBigInt64(this.base + at, true);
      return value === ABSENT ? null : value;
    });
  } else if (field.name === "connection") {
    getter(owner, name, function () {
      const row = this.view.getUint16(this.base + at, true);
      return row === NO_CONNECTION ? null : row;
    });
  } else {
    getter(owner, name, function () {
      return read(this.view, this.base + at);
    });
  }
}

// Accessors for the fields of a table. scaled says which are decimals, and the field with each
// one's exponent; renamed has other names, null for none.
function define(owner, table, base, scaled, renamed) {
  const names = [];
  const record = STRUCTS.Record.fields.find.bind(STRUCTS.Record.fields);
  for (const field of table.fields) {
    const name = renamed[field.name] === undefined ? camel(field.name) : renamed[field.name];
    if (name === null || field.length > 0 || field.name.startsWith("reserved")) continue;
    const exponent = scaled[field.name];
    if (exponent === undefined) {
      definePlain(owner, field, name, base + field.offset);
    } else {
      const own = table.fields.find((f) => f.name === exponent);
      const at = own === undefined ? record((f) => f.name === exponent).offset : base + own.offset;
      defineDecimal(owner, name, base + field.offset, at);
    }
    names.push(name);
  }
  owner.fields = [...(Object.getPrototypeOf(owner).fields ?? []), ...names];
}

function each(exponent, ...names) {
  return Object.fromEntries(names.map((name) => [name, exponent]));
}

// What JSON cannot hold becomes its text.
function plain(value) {
  if (typeof value === "bigint") return value.toString();
  return Array.isArray(value) ? value.map(plain) : value;
}

// What every record says. It looks into bytes that are its own or a batch's.
class Record {
  constructor(view, base) {
    this.view = view;
    this.base = base;
  }

  // The ring's number of the record, from 1 in each generation.
  get sequence() {
    return this.view.getBigUint64(this.base, true) >> 1n;
  }

  // The 128 bytes.
  get bytes() {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.base, RECORD_SIZE);
  }

  // A record with bytes of its own, to keep what a batch will overwrite.
  copy() {
    const bytes = new Uint8Array(RECORD_SIZE);
    bytes.set(this.bytes);
    return new this.constructor(new DataView(bytes.buffer), 0);
  }

  toJSON() {
    const out = { sequence: plain(this.sequence) };
    for (const name of this.constructor.fields) out[name] = plain(this[name]);
    return out;
  }
}
define(Record, STRUCTS.Record, 0, {}, { commit: null, body: null, reserved: null });

class BookTicker extends Record {}
define(BookTicker, STRUCTS.BookTicker, BODY_OFFSET, {
  ...each("price_exponent", "bid_price", "ask_price"),
  ...each("quantity_exponent", "bid_quantity", "ask_quantity"),
}, {});

function textAt(record, at, length) {
  return Buffer.from(record.bytes.subarray(at, at + length)).toString("utf8");
}

function offsetIn(table, name) {
  return BODY_OFFSET + table.fields.find((field) => field.name === name).offset;
}

const TRADE_TEXT = offsetIn(STRUCTS.Trade, "text");

class Trade extends Record {
  // The venue's id as the venue spells it; null: it gives none.
  get tradeID() {
    switch (this.idFormat) {
      case IDFormat.UINT64:
        return this.tradeIDValue.toString();
      case IDFormat.MEXC_PAIR:
        return `${this.tradeIDValue}X${this.idSuffix1}_${this.secondID}X${this.idSuffix2}`;
      case IDFormat.TEXT:
        return textAt(this, TRADE_TEXT, this.textLength);
      default:
        return null;
    }
  }
}
define(Trade, STRUCTS.Trade, BODY_OFFSET, { price: "price_exponent", quantity: "quantity_exponent" }, { trade_id: "tradeIDValue" });
Trade.fields.push("tradeID");

// One price level of a depth event or a book. Quantity 0 deletes it, in an event.
class Level {
  constructor(priceMantissa, priceExponent, quantityMantissa, quantityExponent) {
    this.priceMantissa = priceMantissa;
    this.priceExponent = priceExponent;
    this.quantityMantissa = quantityMantissa;
    this.quantityExponent = quantityExponent;
  }

  get price() {
    return decimalText(this.priceMantissa, this.priceExponent);
  }

  get quantity() {
    return decimalText(this.quantityMantissa, this.quantityExponent);
  }

  get priceNumber() {
    return decimalNumber(this.priceMantissa, this.priceExponent);
  }

  get quantityNumber() {
    return decimalNumber(this.quantityMantissa, this.quantityExponent);
  }

  toJSON() {
    return [this.price, this.quantity];
  }
}

// Levels that lie one behind the other, from byte first on.
function levels(view, first, count, priceExponent, quantityExponent) {
  const out = [];
  for (let at = first; out.length < count; at += LEVEL_SIZE) {
    out.push(new Level(view.getBigInt64(at, true), priceExponent, view.getBigInt64(at + 8, true), quantityExponent));
  }
  return out;
}

class Depth extends Record {
  // Bids of this record, in the venue's order.
  get bids() {
    return levels(this.view, this.base + BODY_OFFSET, this.bidCount, this.priceExponent, this.quantityExponent);
  }

  // Asks of this record, in the venue's order.
  get asks() {
    const first = this.base + BODY_OFFSET + this.bidCount * LEVEL_SIZE;
    return levels(this.view, first, this.askCount, this.priceExponent, this.quantityExponent);
  }
}
define(Depth, STRUCTS.Depth, BODY_OFFSET, {}, { bids: "bidCount", asks: "askCount" });
Depth.fields.push("bids", "asks");

class Ticker extends Record {}
define(Ticker, STRUCTS.Ticker, BODY_OFFSET, {
  ...each("price_exponent", "last", "bid", "ask", "open", "high", "low"),
  base_volume: "base_volume_exponent",
  quote_volume: "quote_volume_exponent",
}, {});

const STATUS_TEXT = offsetIn(STRUCTS.Status, "text");

const REASON_NAMES = new Map(Object.entries(layout.Reason).map(([name, value]) => [value, name]));

class Status extends Record {
  // Why, in the format's words: a reason, HTTP_429, CLOSE_1006.
  get reasonName() {
    const value = this.reason;
    if (value >= layout.REASON_CLOSE_CODE_BASE) return `CLOSE_${value - layout.REASON_CLOSE_CODE_BASE}`;
    if (value >= layout.REASON_HTTP_BASE && value < 2 * layout.REASON_HTTP_BASE) return `HTTP_${value - layout.REASON_HTTP_BASE}`;
    return REASON_NAMES.get(value) ?? `REASON_${value}`;
  }

  // The venue's or the publisher's words.
  get text() {
    return textAt(this, STATUS_TEXT, this.textLength);
  }
}
define(Status, STRUCTS.Status, BODY_OFFSET, {}, {});
Status.fields.push("reasonName", "text");

class Perpetual extends Record {}
define(Perpetual, STRUCTS.Perpetual, BODY_OFFSET, {
  ...each("price_exponent", "mark_price", "index_price"),
  funding_rate: "funding_exponent",
  open_interest: "open_interest_exponent",
}, {});

const CLASSES = [];
CLASSES[Kind.BOOK_TICKER] = BookTicker;
CLASSES[Kind.TRADE] = Trade;
CLASSES[Kind.DEPTH] = Depth;
CLASSES[Kind.TICKER] = Ticker;
CLASSES[Kind.STATUS] = Status;
CLASSES[Kind.PERPETUAL] = Perpetual;
CLASSES[0] = Record; // no reader hands such a one out

const KIND_AT = STRUCTS.Record.fields.find((field) => field.name === "kind").offset;
const WORDS = RECORD_SIZE / 8;

// Room for records that is used again: what looks into it changes with the next read.
class Batch {
  constructor(capacity = 1024) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > Batch.MAX) {
      throw new RangeError(`tickring: a batch holds 1 to ${Batch.MAX} records, not ${capacity}`);
    }
    const buffer = new ArrayBuffer(capacity * RECORD_SIZE);
    this.capacity = capacity;
    this.length = 0;
    this.bytes = new Uint8Array(buffer);
    this.words = new BigInt64Array(buffer);
    this.view = new DataView(buffer);
  }

  kind(i) {
    return this.bytes[i * RECORD_SIZE + KIND_AT];
  }

  // Word w (bytes 8w to 8w + 7) of record i.
  word(i, w) {
    return this.words[i * WORDS + w];
  }

  record(i) {
    const base = i * RECORD_SIZE;
    return new CLASSES[this.bytes[base + KIND_AT]](this.view, base);
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this.length; i++) yield this.record(i);
  }
}
Batch.MAX = 1 << 20; // 128 MiB

module.exports = { Batch, BookTicker, Depth, Level, Perpetual, READ, Record, Status, Ticker, Trade, levels };
