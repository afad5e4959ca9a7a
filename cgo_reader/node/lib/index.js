// Readers of tickring segments. index.d.ts has the types and what each call means.
"use strict";

const layout = require("./layout.js");
const { decimalNumber, decimalText } = require("./decimals.js");
const errors = require("./errors.js");
const { Poller } = require("./poller.js");
const { Reader, attach, attachPath, attachWait } = require("./reader.js");
const records = require("./records.js");

module.exports = {
  ABSENT: layout.ABSENT,
  Aggressor: layout.Aggressor,
  Answer: layout.Answer,
  AttachError: errors.AttachError,
  Batch: records.Batch,
  BookFlag: layout.BookFlag,
  BookTicker: records.BookTicker,
  Busy: errors.Busy,
  Channel: layout.Channel,
  ConnectionState: layout.ConnectionState,
  Counter: layout.Counter,
  Damaged: errors.Damaged,
  Depth: records.Depth,
  Ended: errors.Ended,
  FORMAT_HASH: layout.FORMAT_HASH,
  Flags: layout.Flags,
  IDFormat: layout.IDFormat,
  Interruption: errors.Interruption,
  Kind: layout.Kind,
  Level: records.Level,
  Moved: errors.Moved,
  NO_INSTRUMENT: layout.NO_INSTRUMENT,
  NoInstrumentError: errors.NoInstrumentError,
  Overrun: errors.Overrun,
  Perpetual: records.Perpetual,
  Poller,
  Reader,
  Reason: layout.Reason,
  Record: records.Record,
  Scope: layout.Scope,
  Source: layout.Source,
  Stale: errors.Stale,
  State: layout.State,
  StateBit: layout.StateBit,
  Status: records.Status,
  StatusCode: layout.StatusCode,
  Ticker: records.Ticker,
  TickringError: errors.TickringError,
  Trade: records.Trade,
  attach,
  attachPath,
  attachWait,
  decimalNumber,
  decimalText,
};
