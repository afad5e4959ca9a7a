package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// tools are the product's programs, built once.
var tools struct{ tickring, tailC string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tickring-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err := buildTools(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func buildTools(dir string) error {
	tools.tickring = filepath.Join(dir, "tickring")
	if out, err := exec.Command("go", "build", "-o", tools.tickring, "../../cmd/tickring").CombinedOutput(); err != nil {
		return fmt.Errorf("build tickring: %w\n%s", err, out)
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			return fmt.Errorf("no C compiler: install gcc or clang")
		}
		fmt.Println("conformance: no C compiler, the C reader is left out")
		return nil
	}
	if out, err := exec.Command("make", "-C", "../../cgo_reader", "all").CombinedOutput(); err != nil {
		return fmt.Errorf("build the C reader: %w\n%s", err, out)
	}
	// A copy, because whoever builds the reader meanwhile would replace it.
	program, err := os.ReadFile("../../cgo_reader/build/tickring-tail-c")
	if err != nil {
		return fmt.Errorf("find the C reader: %w", err)
	}
	tools.tailC = filepath.Join(dir, "tickring-tail-c")
	return os.WriteFile(tools.tailC, program, 0o700)
}
