// Segments written by a real Go process that the tests steer: cgo_reader/python/tests/writer.
"use strict";

const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");

const root = path.join(__dirname, "..", "..", "..");
let program;

function built() {
  if (program === undefined) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "tickring-writer-"));
    process.on("exit", () => fs.rmSync(directory, { recursive: true, force: true }));
    program = path.join(directory, "writer");
    execFileSync("go", ["build", "-o", program, "./cgo_reader/python/tests/writer"], { cwd: root, stdio: "inherit" });
  }
  return program;
}

class Writer {
  constructor(t) {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), "tickring-node-"));
    this.process = spawn(built(), { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    t.after(() => this.end());
  }

  // The words behind "ok" once the command is done.
  async do(command) {
    this.process.stdin.write(`${command}\n`);
    const { value } = await this.lines.next();
    if (value === undefined || !value.startsWith("ok")) throw new Error(`writer: ${command}: ${value}`);
    return value.split(" ").slice(1);
  }

  // A new segment; its path.
  async make({ feed = "feed", slots = 64, generation = 1 } = {}) {
    const file = path.join(this.directory, feed);
    await this.do(`make ${file} ${feed} ${slots} ${generation}`);
    return file;
  }

  end() {
    this.process.kill("SIGKILL");
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

module.exports = { Writer };
