"""Build the extension over the C library's sources; without a compiler, build without it.

TICKRING_REQUIRE_EXTENSION=1 makes a failure of that an error, so that no test passes by it.
"""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
BUNDLED = HERE / "csrc"
LINUX_64 = sys.platform == "linux" and sys.maxsize > 2**32


def library() -> Path:
    """Directory of the C library: the checkout's, or the copy in a source distribution."""
    return BUNDLED if BUNDLED.is_dir() else CHECKOUT


class BuildExtension(build_ext):
    """Copies the library's sources beside the objects, so that nothing lands outside build/."""

    def build_extension(self, ext: Extension) -> None:
        """Compile, and say what it means when that fails."""
        copy = Path(self.build_temp) / "library"
        shutil.rmtree(copy, ignore_errors=True)
        for part in ("src", "include"):
            shutil.copytree(library() / part, copy / part)
        sources = sorted(str(path) for path in (copy / "src").glob("*.c"))
        ext.sources = [*ext.sources, *sources]
        ext.include_dirs = [str(copy / "include"), str(copy / "src"), "native"]
        try:
            super().build_extension(ext)
        except Exception as error:
            print(f"tickring: built without the C library ({error}):", file=sys.stderr)
            print("tickring: tickring.backend will be 'python'", file=sys.stderr)
            raise


class SourceDistribution(sdist):
    """Takes the library's sources along."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Copy them to csrc/ of the release."""
        super().make_release_tree(base_dir, files)
        for part in ("src", "include"):
            shutil.copytree(library() / part, Path(base_dir) / "csrc" / part, dirs_exist_ok=True)
        shutil.copytree(HERE / "native", Path(base_dir) / "native", dirs_exist_ok=True)


EXTENSION = Extension(
    "tickring._native",
    sources=["native/core.c", "native/module.c", "native/record.c"],
    extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden"],
    py_limited_api=True,
    optional=os.environ.get("TICKRING_REQUIRE_EXTENSION") != "1",
)

setup(
    ext_modules=[EXTENSION] if LINUX_64 else [],
    cmdclass={"build_ext": BuildExtension, "sdist": SourceDistribution},
    # force: what an earlier build left in build/ may be of another day's sources.
    options={
        "bdist_wheel": {"py_limited_api": "cp311"},
        "build_py": {"force": True},
        "build_ext": {"force": True},
    },
)
