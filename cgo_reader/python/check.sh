#!/usr/bin/env bash
# The python step of .ci/test: installs the package into an environment of its own, then
# linter, types, compiler warnings and tests, those once with each backend.
set -euo pipefail
cd "$(dirname "$0")"
env=../../build/python
absent() {
  if [ "${TICKRING_REQUIRE_ALL:-}" = 1 ]; then
    echo "python: $1" >&2
    exit 1
  fi
  echo "python: skipped, $1"
  exit 0
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || absent "Python 3.11 or later is needed"
[ -x $env/bin/pip ] || python3 -m venv $env >/dev/null || absent "python3-venv is missing"
pip="$env/bin/pip -q --disable-pip-version-check"
$env/bin/python -c 'import mypy, numpy, pytest' 2>/dev/null && [ -x $env/bin/ruff ] ||
  $pip install numpy pytest mypy ruff || absent "the package registry cannot be reached"
TICKRING_REQUIRE_EXTENSION=$(command -v "${CC:-cc}" >/dev/null 2>&1 && echo 1 || true) \
  $pip install --force-reinstall --no-deps . || absent "the package cannot be built: is the registry reachable?"

$env/bin/ruff check --no-cache .
$env/bin/ruff format --no-cache --check .
$env/bin/mypy --cache-dir ../../build/mypy
backends=python
if command -v "${CC:-cc}" >/dev/null 2>&1; then
  backends="c python"
  include=$($env/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
  for source in native/*.c; do
    "${CC:-cc}" -std=c11 -O2 -fsyntax-only -Wall -Wextra -Wshadow -Wconversion -Werror \
      -I../include -I../src -Inative -isystem "$include" "$source"
  done
else
  absent "no C compiler: the C backend is not tested"
fi
[ "$(uname -m)" = x86_64 ] || backends=${backends/python/}
for backend in $backends; do
  TICKRING_BACKEND=$backend $env/bin/python -P -m pytest -q -p no:cacheprovider tests
done
