// The addon, and how a reader's parts reach it. Nothing of this is exported by the package.
"use strict";

const path = require("node:path");

function load() {
  const file = path.join(__dirname, "..", "build", "tickring.node");
  try {
    return require(file);
  } catch (error) {
    const remedy = "run node build.js in the package's directory, or install it with scripts allowed";
    throw new Error(`tickring: the addon cannot be loaded (${error.message}): ${remedy}`);
  }
}

// Count and answer of a batch come as one number; native/args.c packs them.
const unpackBatch = (packed) => ({ count: packed >>> 3, answer: packed & 7 });

module.exports = {
  native: load(),
  unpackBatch,
  NAP_MS: 100, // death rings no bell: no wait is longer, as in the C library
  CORE: Symbol("core"),
  COVER: Symbol("cover"),
};
