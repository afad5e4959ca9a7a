#!/usr/bin/env bash
# The node step of .ci/test: compiler warnings, tests as it is shipped and under the sanitizers,
# and the types.
set -euo pipefail
cd "$(dirname "$0")"
tools=../../build/node
absent() {
  if [ "${TICKRING_REQUIRE_ALL:-}" = 1 ]; then
    echo "node: $1" >&2
    exit 1
  fi
  echo "node: skipped, $1"
}
tests="test/reader.test.js test/stream.test.js"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

node -e 'process.exit(Number(parseInt(process.versions.node) < 18))' || { absent "Node 18 or later is needed"; exit 0; }
command -v "${CC:-cc}" >/dev/null 2>&1 || { absent "a C compiler is needed: install gcc or clang"; exit 0; }
warnings="-Wall -Wextra -Wshadow -Wconversion -Werror"
CFLAGS=$warnings node build.js
# shellcheck disable=SC2086 # a list of words
node --test $tests >"$tree/log" 2>&1 || { cat "$tree/log"; exit 1; }

# In a copy, so that the package's own build stays as it is shipped. Node itself is not built
# with the sanitizers, so their library comes first, and leaks are its own business.
runtime=$("${CC:-cc}" -print-file-name=libasan.so)
if [ -e "$runtime" ]; then
  mkdir -p "$tree/package"
  cp -r build.js lib native package.json "$tree/package"
  cp -r ../src ../include "$tree"
  CFLAGS="$warnings -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" node "$tree/package/build.js"
  # shellcheck disable=SC2086
  TICKRING_NODE_PACKAGE=$tree/package LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0 \
    node --test $tests >"$tree/log" 2>&1 || { cat "$tree/log"; exit 1; }
else
  absent "libasan is needed for the tests under the sanitizers"
fi

[ -x $tools/node_modules/.bin/tsc ] || npm install --silent --no-audit --no-fund --prefix $tools typescript ||
  { absent "the package registry cannot be reached, the types are not checked"; exit 0; }
$tools/node_modules/.bin/tsc -p test
