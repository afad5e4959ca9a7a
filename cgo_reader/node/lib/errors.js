// Errors of attaching, and what may come up between records.
"use strict";

const { native } = require("./native.js");
const { Answer } = require("./layout.js");

// The C library's numbers by name.
const CODES = [
  "", "ARGUMENT", "NAME", "NO_FEED", "PERMISSION", "NOT_REGULAR", "OWNER", "TOO_SHORT", "NOT_READY", "MAGIC",
  "BYTE_ORDER", "VERSION", "HEADER", "TRUNCATED", "SIZE", "FORMAT_HASH", "STATE", "DIRECTORY", "OTHER_BOOT",
  "OTHER_FEED", "MEMORY", "SYSTEM", "SAME_GENERATION", "NO_INSTRUMENT", "NO_READERS", "READERS", "READERS_FULL",
  "READERS_BUSY",
];

class TickringError extends Error {
  constructor(text, code) {
    super(text);
    this.name = new.target.name;
    this.code = code;
  }
}

// A call of the library failed; the text says what is wrong and what to do.
class AttachError extends TickringError {
  constructor(number, place) {
    super(`${place}: ${native.errorText(number)}`, CODES[-number] ?? "SYSTEM");
    this.place = place;
  }
}

class NoInstrumentError extends TickringError {
  constructor(instrument) {
    super(`no instrument ${instrument}: see reader.instruments()`, "NO_INSTRUMENT");
  }
}

// Something other than a record came up; the reader may be read on afterwards.
class Interruption extends TickringError {
  constructor(answer, code, text) {
    super(text, code);
    this.answer = answer;
  }
}

class Overrun extends Interruption {
  constructor(lost) {
    super(Answer.OVERRUN, "OVERRUN", `${lost} records were overwritten before they were read`);
    this.lost = lost;
  }
}

class Stale extends Interruption {
  constructor() {
    super(Answer.STALE, "STALE", "the publisher stands still; it may come back");
  }
}

class Moved extends Interruption {
  constructor(generation) {
    super(Answer.SUPERSEDED, "MOVED", `the feed goes on in generation ${generation}: find ids again`);
    this.generation = generation;
  }
}

class Ended extends Interruption {
  constructor(answer) {
    const superseded = answer === Answer.SUPERSEDED;
    const text = superseded ? "a newer segment has the name: attach again" : "the publisher has ended";
    super(answer, superseded ? "SUPERSEDED" : "CLOSED", text);
  }
}

class Damaged extends Interruption {
  constructor() {
    super(Answer.DAMAGED, "DAMAGED", "the segment holds bytes that no writer leaves, or was cut short");
  }
}

class Busy extends Interruption {
  constructor() {
    super(Answer.BUSY, "BUSY", "no whole copy of the entry in 1,000 tries: its writer may have died");
  }
}

module.exports = { AttachError, Busy, Damaged, Ended, Interruption, Moved, NoInstrumentError, Overrun, Stale, TickringError };
