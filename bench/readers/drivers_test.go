package readers

// candidate is a reader under test. Commands run in the repository's root through the
// shell with OUT set to a directory for what is built, which is not the repository.
type candidate struct {
	name  string
	needs []string // programs without which it is absent
	build string   // "" builds nothing; exit status 77 means absent, its output says why
	run   string   // ends up as the driver: begin it with exec
	env   []string
	// lacks has the commands that this reader answers with UNSUPPORTED, and why.
	lacks map[string]string
	// nameless says why its registration is not judged.
	nameless string
}

// pythonInstall makes a wheel of a copy, because pip leaves what it builds beside the
// sources. Both candidates share what it installs.
const pythonInstall = "test -d $OUT/venv || { mkdir -p $OUT/tree/python && cp -r cgo_reader/src cgo_reader/include $OUT/tree && " +
	"(cd cgo_reader/python && cp -r native tickring pyproject.toml setup.py README.md $OUT/tree/python) && " +
	"python3 -m venv $OUT/venv && $OUT/venv/bin/pip install -q --disable-pip-version-check $OUT/tree/python; } || " +
	"{ echo 'pip cannot install it: needs python3-venv and Python 3.11, and the package registry for setuptools'; exit 77; }"

// nodeBuild compiles the addon in a copy, so that the package's own build stays as it is.
const nodeBuild = "mkdir -p $OUT/tree/node && cp -r cgo_reader/src cgo_reader/include $OUT/tree && " +
	"(cd cgo_reader/node && cp -r native lib build.js package.json $OUT/tree/node) && node $OUT/tree/node/build.js"

// rustBuild makes one program with both readers of the crate, in the crate's own ignored
// target directory, where the other steps have built its parts already.
const rustBuild = "cd cgo_reader/rust && cargo build -q --locked --features c-library --example conformance && " +
	"cp target/debug/examples/conformance $OUT/conformance-rust"

// candidates: C and C++ run under the sanitizers, so that a read beyond what was checked is a
// failure and not luck. The first is the reference. A new reader adds its line here.
var candidates = []candidate{
	{
		name:  "go",
		needs: []string{"go"},
		build: "CGO_ENABLED=0 go build -o $OUT/godriver ./bench/readers/godriver",
		run:   "exec $OUT/godriver",
	},
	{
		name:  "c",
		needs: []string{"cc"},
		build: "make -s -C cgo_reader BUILD=$OUT/cgo $OUT/cgo/conform-c",
		run:   "exec $OUT/cgo/conform-c",
	},
	{
		name:  "cpp",
		needs: []string{"cc", "c++"},
		build: "make -s -C cgo_reader BUILD=$OUT/cgo $OUT/cgo/conform-cpp",
		run:   "exec $OUT/cgo/conform-cpp",
	},
	{
		name:  "python",
		needs: []string{"python3", "cc"},
		build: pythonInstall,
		run:   "exec $OUT/venv/bin/python -m tickring.conformance --c",
	},
	{
		name:  "python-pure",
		needs: []string{"python3", "cc"},
		build: "test $(uname -m) = x86_64 || { echo 'pure Python reads on x86-64 only'; exit 77; }; " + pythonInstall,
		run:   "exec $OUT/venv/bin/python -m tickring.conformance --pure",
	},
	{
		name:  "rust",
		needs: []string{"cargo", "cc"},
		build: rustBuild,
		run:   "exec $OUT/conformance-rust rust",
	},
	{
		name:  "rust-c",
		needs: []string{"cargo", "cc"},
		build: rustBuild,
		run:   "exec $OUT/conformance-rust rust-c",
	},
	{
		name:  "java",
		needs: []string{"javac", "make"},
		build: "make -s -C cgo_reader/java conformance BUILD=$OUT/java",
		run: "exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp $OUT/java/tickring.jar:$OUT/java/conformance " +
			"tickring.Conformance",
	},
	{
		name:  "node",
		needs: []string{"node", "cc"},
		build: nodeBuild,
		run:   "exec node $OUT/tree/node/lib/conformance.js",
	},
}

// inEmulator: qemu makes a process's own start time up, so that others take it for dead.
const inEmulator = "the emulator answers for /proc/self/stat"

// emulated are readers compiled for arm64, without the sanitizers, which need the machine.
// They run instead of the others with envEmulate. What the host's memory keeps in order, its
// emulator does too: see barriers_test.go for that.
var emulated = []candidate{
	{
		name:     "go-arm64",
		needs:    []string{"go", "qemu-aarch64"},
		build:    "CGO_ENABLED=0 GOARCH=arm64 go build -o $OUT/godriver-arm64 ./bench/readers/godriver",
		run:      "exec qemu-aarch64 $OUT/godriver-arm64",
		nameless: inEmulator,
	},
	{
		name:     "c-arm64",
		needs:    []string{"aarch64-linux-gnu-gcc", "qemu-aarch64"},
		build:    "make -s -C cgo_reader CC=aarch64-linux-gnu-gcc SANITIZE='-O2 -static' BUILD=$OUT/arm64 $OUT/arm64/conform-c",
		run:      "exec qemu-aarch64 $OUT/arm64/conform-c",
		nameless: inEmulator,
	},
}
