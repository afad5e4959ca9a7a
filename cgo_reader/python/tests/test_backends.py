"""Both backends say the same, of whole segments and of damaged ones, and survive all."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, Writer, required

import tickring
from tickring import _layout as layout
from tickring.errors import TEXTS

HERE = Path(__file__).resolve().parent
COUNT = 10_000 if os.environ.get("TICKRING_FULL") == "1" else 300
INTERESTING = [0, 1, 2, 127, 255, 256, 1 << 16, 1 << 31, 1 << 32, 1 << 62, 1 << 63, (1 << 64) - 1]
RING_BYTES = 16 * layout.RECORD_SIZE


class Dumper:
    """dump.py with one backend."""

    def __init__(self, backend: str) -> None:
        environment = dict(os.environ, TICKRING_BACKEND=backend)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, HERE / "dump.py"], env=environment, stdin=pipe, stdout=pipe, text=True
        )
        assert self.process.stdout is not None
        self.backend = self.process.stdout.readline().strip()

    def send(self, path: Path) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()

    def receive(self) -> list[str]:
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            if line == ".\n":
                return lines
            lines.append(line.rstrip("\n"))
        message = f"{self.backend} died with {self.process.wait()}"
        raise AssertionError(message)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def both() -> Iterator[list[Dumper]]:
    if tickring.backend != "c":
        pytest.skip("the run with the C backend compares the two")
    dumpers = [Dumper("c"), Dumper("python")]
    assert [d.backend for d in dumpers] == ["c", "python"]
    yield dumpers
    for dumper in dumpers:
        dumper.end()


def compare(both: list[Dumper], path: Path) -> list[str]:
    for dumper in both:
        dumper.send(path)
    c, pure = (dumper.receive() for dumper in both)
    assert c == pure
    return c


@pytest.mark.parametrize(
    "name", ["ring/testdata/golden.segment", "cmd/tickring/testdata/records.segment"]
)
def test_both_say_the_same_of_the_golden_segments(both: list[Dumper], name: str) -> None:
    lines = compare(both, ROOT / name)
    assert sum(line.startswith("RECORD") for line in lines) > 10


def mutate(rng: random.Random, good: bytes) -> bytes:
    """Damage that goes for the words which matter more often than for others."""
    data = bytearray(good)
    ring = len(data) - RING_BYTES
    for _ in range(rng.randrange(1, 4)):
        word = rng.choice([*INTERESTING, rng.getrandbits(64)])
        places = [
            rng.randrange(0, 448, 8), rng.randrange(0, 448, 4), rng.randrange(1024, 2304, 8),
            layout.HEADER_SIZE + rng.randrange(0, ring - layout.HEADER_SIZE, 8),
            ring + rng.randrange(16) * layout.RECORD_SIZE, ring + rng.randrange(RING_BYTES),
        ]  # fmt: skip
        at = rng.choice(places)
        size = rng.choice([1, 4, 8])
        data[at : at + size] = word.to_bytes(8, "little")[:size]
    match rng.randrange(20):
        case 0:
            del data[rng.randrange(len(data)) :]
        case 1:
            data += bytes(rng.randrange(1, 8192))
    return bytes(data)


def test_damaged_segments_are_survived_and_read_alike(
    both: list[Dumper], writer: Writer, tmp_path: Path
) -> None:
    path = writer.make(slots=16)
    writer.do("mix 5")
    writer.do("book")
    writer.do("close")
    good = path.read_bytes()
    seed = int(os.environ.get("TICKRING_SEED") or random.randrange(1 << 32))
    damaged = tmp_path / "damaged"
    opened = 0
    for i in range(COUNT):
        damaged.unlink(missing_ok=True)
        damaged.write_bytes(mutate(random.Random(f"{seed} {i}"), good))
        try:
            opened += compare(both, damaged)[0].startswith("> ")
        except AssertionError:
            print(f"TICKRING_SEED={seed}, segment {i}")
            raise
    assert opened > COUNT // 4


def test_errors_of_attaching_are_the_same_word_for_word() -> None:
    native = pytest.importorskip("tickring._native")
    for code, text in TEXTS.items():
        assert native.error_text(code) == text, code


def test_what_is_no_segment_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x" * 100)
    (tmp_path / "zero").write_bytes(bytes(8192))
    (tmp_path / "noise").write_bytes(b"noise..." * 1024)
    (tmp_path / "link").symlink_to(tmp_path / "zero")
    os.mkfifo(tmp_path / "pipe")
    cases = {
        "absent": "NO_FEED", "short": "TOO_SHORT", "zero": "NOT_READY", "noise": "MAGIC",
        "link": "NOT_REGULAR", "pipe": "NOT_REGULAR", ".": "NOT_REGULAR", "short/below": "NO_FEED",
    }  # fmt: skip
    for name, code in cases.items():
        with pytest.raises(tickring.AttachError) as caught:
            tickring.attach(path=tmp_path / name)
        assert caught.value.code.name == code, name
        assert str(tmp_path) in str(caught.value)


def test_the_backend_is_what_was_asked_for() -> None:
    asked = os.environ.get("TICKRING_BACKEND")
    if asked:
        assert tickring.backend == asked
    elif os.environ.get("TICKRING_REQUIRE_ALL") == "1" and tickring.backend != "c":
        required("the C backend")
    program = "import tickring"
    wrong = dict(os.environ, TICKRING_BACKEND="fortran")
    failed = subprocess.run(
        [sys.executable, "-c", program], env=wrong, capture_output=True, text=True, check=False
    )
    assert "give c or python" in failed.stderr
