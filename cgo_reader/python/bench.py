"""Records a second of this package beside the C library's, over one full ring.

    python bench.py [ROUNDS]

The C reader, the numpy batch, the loop over records and pure Python take turns over the
same segment, so that what disturbs one of them disturbs all; the best of each one's turns
is printed, and its ratio to C. Needs Go (the writer), a C compiler and numpy.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIBRARY = ROOT / "cgo_reader"
SLOTS = 1 << 16


def run(*command: str | Path) -> None:
    """Run a build."""
    subprocess.run(command, cwd=ROOT, check=True)


class Child:
    """A process that does a turn for each line it gets, and prints records and ns."""

    def __init__(self, *command: str | Path, **environment: str) -> None:
        pipe = subprocess.PIPE
        env = dict(os.environ, **environment)
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)

    def say(self, line: str) -> str:
        """Give a line, wait for the answer."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the child has no pipes")
        stdin.write(line + "\n")
        stdin.flush()
        return stdout.readline()

    def turn(self) -> float:
        """Nanoseconds a record."""
        records, ns, _ = self.say("turn").split()
        return int(ns) / int(records)

    def end(self) -> None:
        """End it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def turns(path: str, how: str) -> None:
    """Be a Python child: drain in one way for each line of standard input."""
    import tickring  # noqa: PLC0415 - the backend is this process's
    from tickring import arrays  # noqa: PLC0415

    reader = tickring.attach(path=path)
    out = arrays.empty(8192)

    def batch() -> tuple[int, int]:
        records = check = 0
        while len(got := reader.read(out).records):
            records += len(got)
            check += int(got["book_ticker"]["bid_price"][0])
        return records, check

    def loop() -> tuple[int, int]:
        records = check = 0
        for record in reader.records(timeout=0, on_event=lambda _: None):
            check += record.sequence
            records += 1
        return records, check

    def bare() -> tuple[int, int]:
        records = 0
        for _ in reader.records(timeout=0, on_event=lambda _: None):
            records += 1
        return records, 0

    ways: dict[str, Callable[[], tuple[int, int]]] = {"batch": batch, "loop": loop, "bare": bare}
    for _ in sys.stdin:
        reader.from_oldest()
        start = time.perf_counter_ns()
        records, check = ways[how]()
        print(records, time.perf_counter_ns() - start, check, flush=True)


def children(directory: Path) -> dict[str, Child]:
    """Build and start all of them over one full segment."""
    path = directory / "bench"
    run("go", "build", "-o", directory / "writer", "./cgo_reader/python/tests/writer")
    sources = sorted((LIBRARY / "src").glob("*.c"))
    include = ["-O2", "-std=c11", f"-I{LIBRARY / 'include'}", f"-I{LIBRARY / 'src'}"]
    run("cc", *include, HERE / "bench_reader.c", *sources, "-lm", "-o", directory / "reader")
    writer = Child(directory / "writer")
    for command in (f"make {path} bench {SLOTS} 1", f"run {SLOTS - 1}"):
        if writer.say(command) != "ok\n":
            raise RuntimeError(command)
    this = (sys.executable, Path(__file__).resolve(), "turns", path)
    return {
        "C library, tickring_next": Child(directory / "reader", path),
        "Python over C, numpy batch": Child(*this, "batch", TICKRING_BACKEND="c"),
        "Python over C, a record a turn": Child(*this, "bare", TICKRING_BACKEND="c"),
        "  the same, sequence read": Child(*this, "loop", TICKRING_BACKEND="c"),
        "pure Python, numpy batch": Child(*this, "batch", TICKRING_BACKEND="python"),
        "pure Python, a record a turn": Child(*this, "bare", TICKRING_BACKEND="python"),
        "writer": writer,
    }


def main() -> None:
    """Take turns and print the best of each."""
    if sys.argv[1:2] == ["turns"]:
        turns(sys.argv[2], sys.argv[3])
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as directory:
        all_ = children(Path(directory))
        best = dict.fromkeys(all_, float("inf"))
        del best["writer"]
        for _ in range(rounds):
            for name in best:
                best[name] = min(best[name], all_[name].turn())
        for child in all_.values():
            child.end()
    first = next(iter(best.values()))
    day, version = time.strftime("%Y-%m-%d"), platform.python_version()
    print(f"{day}, Python {version}, {os.cpu_count()} CPUs, {SLOTS} slots,")
    print(f"best of {rounds} interleaved turns, not pinned")
    for name, ns in best.items():
        print(f"{name:32} {1e3 / ns:8.2f} M records/s {ns:9.1f} ns  {ns / first:7.2f} x C")


if __name__ == "__main__":
    main()
