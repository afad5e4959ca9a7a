"""Real segments, written by a real Go process that the tests steer."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tickring

ROOT = Path(__file__).resolve().parents[3]


def required(what: str) -> None:
    """Skip with a printed line, or fail where everything is required."""
    if os.environ.get("TICKRING_REQUIRE_ALL") == "1":
        pytest.fail(f"required and missing: {what}")
    print(f"python: skipped, {what} is missing")
    pytest.skip(f"{what} is missing")


def build(package: str, out: Path) -> Path:
    if shutil.which("go") is None:
        required("go")
    subprocess.run(["go", "build", "-o", out, package], cwd=ROOT, check=True)
    return out


class Writer:
    """The writer process; each command is done when its call returns."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.directory = directory
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True, bufsize=1)

    def do(self, command: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n", command

    def ask(self, command: str) -> list[str]:
        self.send(command)
        assert self.process.stdout is not None
        ok, *words = self.process.stdout.readline().split()
        assert ok == "ok", command
        return words

    def send(self, command: str) -> None:
        """Without waiting for the end."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def make(self, feed: str = "feed", slots: int = 64, generation: int = 1) -> Path:
        path = self.directory / feed
        self.do(f"make {path} {feed} {slots} {generation}")
        return path

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture(scope="session")
def writer_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bin") / "writer"
    return build("./cgo_reader/python/tests/writer", out)


@pytest.fixture
def writers(writer_program: Path, tmp_path: Path) -> Iterator[Callable[[], Writer]]:
    started: list[Writer] = []

    def start() -> Writer:
        started.append(Writer(writer_program, tmp_path))
        return started[-1]

    yield start
    for writer in started:
        writer.end()


@pytest.fixture
def writer(writers: Callable[[], Writer]) -> Writer:
    return writers()


def pytest_report_header() -> str:
    return f"tickring backend: {tickring.backend} ({tickring.__file__})"
