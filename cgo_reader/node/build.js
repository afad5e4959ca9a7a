// Compiles the addon with the C library's sources: node build.js, as npm install does.
// node build.js bundle copies those sources to csrc/, for a package away from the checkout.
// CC and CFLAGS in the environment are used; NODE_INCLUDE says where node_api.h is.
"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const here = __dirname;
const out = path.join(here, "build", "tickring.node");

// The checkout's library comes first: a bundle may be of another day.
function library() {
  const places = [path.join(here, ".."), path.join(here, "csrc")];
  const place = places.find((p) => fs.existsSync(path.join(p, "include", "tickring.h")));
  if (place === undefined) {
    throw new Error("the C library's sources are missing: install from a checkout, or from what npm pack makes");
  }
  return place;
}

function headers() {
  const places = [
    process.env.NODE_INCLUDE,
    path.join(path.dirname(process.execPath), "..", "include", "node"),
    "/usr/include/node",
    "/usr/include/nodejs/src",
  ];
  try {
    places.push(require("node-api-headers").include_dir);
  } catch {
    // Not installed; it is the last resort anyway.
  }
  const place = places.find((p) => p && fs.existsSync(path.join(p, "node_api.h")));
  if (place === undefined) {
    throw new Error("node_api.h is missing: install libnode-dev or the npm package node-api-headers, or set NODE_INCLUDE");
  }
  return place;
}

function sources(directory) {
  const names = fs.readdirSync(directory).filter((name) => name.endsWith(".c"));
  return names.sort().map((name) => path.join(directory, name));
}

function bundle() {
  if (library() !== path.join(here, "..")) return; // it is one
  for (const part of ["src", "include"]) {
    fs.cpSync(path.join(here, "..", part), path.join(here, "csrc", part), { recursive: true });
  }
}

function compile() {
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
    throw new Error(`segments are read on 64-bit Linux only, not on ${process.platform} ${process.arch}`);
  }
  const [compiler, ...words] = (process.env.CC || "cc").split(" ");
  const from = library();
  fs.mkdirSync(path.dirname(out), { recursive: true });
  const fresh = `${out}.${process.pid}`; // whole or not there, also for another install at the same time
  const run = spawnSync(compiler, [
    ...words, "-std=c11", "-O2", "-fPIC", "-shared", "-pthread", "-fvisibility=hidden", "-Wl,-z,nodelete", // a sleeping thread may outlive a worker
    ...(process.env.CFLAGS || "").split(" ").filter(Boolean),
    `-I${path.join(from, "include")}`, `-I${path.join(from, "src")}`, "-isystem", headers(),
    ...sources(path.join(here, "native")), ...sources(path.join(from, "src")), "-lm", "-o", fresh,
  ], { stdio: "inherit" });
  if (run.error !== undefined || run.status !== 0) {
    throw new Error(`${compiler} failed${run.error ? ` (${run.error.code})` : ""}: install gcc or clang, or name one in CC`);
  }
  fs.renameSync(fresh, out);
}

try {
  if (process.argv[2] === "bundle") bundle();
  else compile();
} catch (error) {
  console.error(`tickring: ${error.message}`);
  process.exitCode = 1;
}
