// Rows of the tables beside the ring, as private copies with names.
"use strict";

const { ABSENT, BookFlag, LEVEL_SIZE, NO_CONNECTION, STRUCTS } = require("./layout.js");
const { decimalText } = require("./decimals.js");
const { READ, levels } = require("./records.js");

// Values of a row by name; arrays of bytes are Buffers.
function unpack(table, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out = {};
  for (const field of table.fields) {
    out[field.name] = field.length > 0
      ? Buffer.from(bytes.subarray(field.offset, field.offset + field.length))
      : READ[field.type](view, field.offset);
  }
  return out;
}

// Bytes of a padded text.
function padded(buffer) {
  const end = buffer.indexOf(0);
  return end < 0 ? buffer : buffer.subarray(0, end);
}

const text = (buffer) => padded(buffer).toString("utf8");
const time = (value) => (value === ABSENT ? null : value);
const row = (value) => (value === NO_CONNECTION ? null : value);

function instrument(id, bytes) {
  const v = unpack(STRUCTS.Instrument, bytes);
  const [base, quote] = [text(v.base), text(v.quote)];
  return Object.freeze({
    id,
    symbol: quote === "" ? base : `${base}/${quote}`,
    venueSymbol: text(v.venue_symbol),
    base,
    quote,
    channels: v.channels,
    tick: decimalText(v.tick, v.tick_exponent),
    lot: decimalText(v.lot, v.lot_exponent),
    multiplier: decimalText(v.multiplier, v.multiplier_exponent),
    priceExponent: v.price_exponent,
    quantityExponent: v.quantity_exponent,
    addedTimeNS: time(v.added_time_ns),
  });
}

function instrumentState(bytes) {
  const v = unpack(STRUCTS.InstrumentState, bytes);
  return Object.freeze({
    bits: Number(v.word & 0xffffffffn),
    bookEpoch: Number(v.word >> 32n),
    lastSeenNS: v.last_seen_ns,
    bookTickerLastSeenNS: v.book_ticker_last_seen_ns,
    tradeLastSeenNS: v.trade_last_seen_ns,
    depthLastSeenNS: v.depth_last_seen_ns,
    tickerLastSeenNS: v.ticker_last_seen_ns,
    connection: row(v.connection),
    stale: v.stale,
    acknowledged: v.acknowledged,
    refused: v.refused,
  });
}

function connection(index, bytes) {
  const v = unpack(STRUCTS.Connection, bytes);
  return Object.freeze({
    row: index,
    state: v.state,
    endpoint: text(v.endpoint),
    lastReceiveNS: v.last_receive_ns,
    connectedSinceNS: v.connected_since_ns,
    reconnects: v.reconnects,
    frames: v.frames,
    byteCount: v.bytes,
    decodeErrors: v.decode_errors,
    roundTripNS: time(v.round_trip_ns),
  });
}

// Levels lie as the addon gives them: room for depth bids, then the asks.
function book(id, header, sides, depth) {
  const v = unpack(STRUCTS.BookHeader, header);
  const view = new DataView(sides.buffer, sides.byteOffset, sides.length);
  const side = (first, count) => levels(view, first * LEVEL_SIZE, Math.min(count, depth), v.price_exponent, v.quantity_exponent);
  return Object.freeze({
    instrument: id,
    valid: (v.flags & BookFlag.VALID) !== 0,
    flags: v.flags,
    asOf: v.as_of,
    eventTimeNS: time(v.event_time_ns),
    recvTimeNS: time(v.recv_time_ns),
    publishTimeNS: time(v.publish_time_ns),
    venueSequence: v.venue_sequence,
    bookEpoch: v.book_epoch,
    bids: side(0, v.bid_count),
    asks: side(depth, v.ask_count),
  });
}

module.exports = { book, connection, instrument, instrumentState, padded, unpack };
