// Waiting without blocking the event loop.
"use strict";

const { NAP_MS } = require("./native.js");

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The event loop's other work comes first.
const turn = () => new Promise((resolve) => setImmediate(resolve));

// The wait of a reader that is under way.
class Waiting {
  constructor() {
    this.promise = null;
    this.resolve = null;
  }

  // Ends it: it is over, or nobody will ring.
  end() {
    const { resolve } = this;
    this.promise = this.resolve = null;
    resolve?.();
  }
}

// start(ns, done) is the addon's: true when done will be called. One wait is enough for all
// who ask meanwhile: a nap is short.
function wait(waiting, ms, start) {
  if (waiting.promise !== null) return waiting.promise;
  const nap = BigInt(Math.max(0, Math.round(Math.min(ms, NAP_MS) * 1e6)));
  const promise = new Promise((resolve) => {
    waiting.resolve = resolve;
  });
  waiting.promise = promise;
  try {
    if (!start(nap, () => waiting.end())) waiting.end();
  } catch (error) {
    waiting.end();
    throw error;
  }
  return promise;
}

module.exports = { Waiting, sleep, turn, wait };
