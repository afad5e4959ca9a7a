package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What TestMain builds.
var (
	binary   string // tickring
	cChecker string // testdata/checker.c; "" without a C compiler
)

// full says that the full counts are wanted.
func full() bool { return os.Getenv("TICKRING_FULL") == "1" }

// counted is few, or many when the full counts are wanted.
func counted(few, many int) int {
	if full() {
		return many
	}
	return few
}

func TestMain(m *testing.M) {
	if os.Getenv(envReaderFeed) != "" {
		os.Exit(followMain())
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tickring-faults-")
	if err == nil {
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	go spawner()
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	return code
}

// build makes the binary as it is shipped, and the C reader where that can be.
func build(dir string) error {
	binary = filepath.Join(dir, "tickring")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/tickring/tickring/cmd/tickring")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build tickring: %w\n%s", err, out)
	}
	cc, err := compiler()
	if err != nil || cc == "" {
		return err
	}
	library := filepath.Join(dir, "libtickring.a")
	if out, err := exec.Command("make", "-s", "-C", "../../cgo_reader", "CC="+cc, "BUILD="+dir, library).CombinedOutput(); err != nil {
		return fmt.Errorf("build the C library: %w\n%s", err, out)
	}
	cChecker = filepath.Join(dir, "checker")
	out, err := exec.Command(cc, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-I../../cgo_reader/include",
		"testdata/checker.c", library, "-o", cChecker).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build testdata/checker.c: %w\n%s", err, out)
	}
	return nil
}

// compiler is the C compiler; "" where there is none and none is required.
func compiler() (string, error) {
	name := os.Getenv("CC")
	if name == "" {
		name = "cc"
	}
	for _, tool := range []string{name, "make"} {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			return "", errors.New(tool + " is required and missing; install gcc or clang, and make")
		}
		fmt.Printf("faults: C reader skipped, %s is missing; install gcc or clang, and make\n", tool)
		return "", nil
	}
	return name, nil
}
