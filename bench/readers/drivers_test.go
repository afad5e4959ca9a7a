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
}

const cFlags = "-std=c11 -O2 -g -Wall -Wextra -Wpedantic -Werror -Icgo_reader/include -Icgo_reader/src -Icgo_reader/tools"

// sanitize: the C and C++ drivers run under the sanitizers, so that a read beyond what
// was checked is a failure and not luck.
const sanitize = "-fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined"

// candidates: the first is the reference. A new reader adds its line here.
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
		build: "cc " + cFlags + " " + sanitize + " cgo_reader/tools/conform.c cgo_reader/tools/canonical.c cgo_reader/src/*.c -lm -o $OUT/conform-c",
		run:   "exec $OUT/conform-c",
	},
}
