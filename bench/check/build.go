package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// cSource are the inputs of the C reader.
const cSource = "bench/check/c/reader.c"

// input is a line of the list.
type input struct {
	pkg, pattern string
	times        int
}

func readInputs(path string) ([]input, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the list of inputs: %w", err)
	}
	var list []input
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		times := 0
		if len(fields) == 3 {
			times, err = strconv.Atoi(fields[2])
		}
		if len(fields) != 3 || err != nil || times < 1 {
			return nil, fmt.Errorf("list of inputs: %q: want PACKAGE BENCHMARKS REPETITIONS", strings.TrimSpace(line))
		}
		list = append(list, input{fields[0], fields[1], times})
	}
	return list, nil
}

// side is one of the two trees.
type side struct {
	name, root, bin string
}

// program is what is run on both sides.
type program struct {
	label string
	input
	// Binaries; empty where a side has none.
	head, base string
	// Directories to run in: a package's own, where its test data lie.
	headDir, baseDir string
	c                bool
	same             bool
}

// programs builds the list on both sides.
func (c *check) programs(inputs []input, head, base *side) ([]program, error) {
	for _, s := range []*side{head, base} {
		if err := os.MkdirAll(s.bin, 0o750); err != nil {
			return nil, fmt.Errorf("make a directory for programs: %w", err)
		}
	}
	if _, err := exec.LookPath("valgrind"); err != nil {
		return nil, errors.New("valgrind is missing, which counts the instructions: apt-get install valgrind")
	}
	given := map[string]func() error{}
	for _, name := range shared(head.root, inputs) {
		undo, err := overlay(head.root, base.root, name)
		if err != nil {
			return nil, err
		}
		given[name] = undo
	}
	var list []program
	for _, in := range inputs {
		p := program{label: filepath.Base(in.pkg), input: in, headDir: filepath.Join(head.root, in.pkg), baseDir: filepath.Join(base.root, in.pkg)}
		undo := given[filepath.Join(in.pkg, "check_timing_test.go")]
		if err := c.build(&p, head, base, undo, (*side).test); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	undo, has := given[cSource]
	if !has {
		return list, nil
	}
	if _, err := exec.LookPath(compiler()); err != nil {
		c.say("check: skipped, no C compiler: the inputs of the C reader; install gcc or clang")
		return list, nil
	}
	p := program{label: "c", c: true, input: input{times: cTimes}, headDir: head.root, baseDir: base.root}
	if err := c.build(&p, head, base, undo, (*side).cReader); err != nil {
		return nil, err
	}
	return append(list, p), nil
}

// cTimes is N of the C reader's inputs.
const cTimes = 20_000

// build makes a program on both sides. A base that does not build with the head's
// inputs is built with its own; one that has none has no program.
func (c *check) build(p *program, head, base *side, undo func() error, how func(*side, *program) (string, error)) (err error) {
	if p.head, err = how(head, p); err != nil {
		return err
	}
	if p.base, err = how(base, p); err != nil && undo != nil {
		if errUndo := undo(); errUndo != nil {
			return errUndo
		}
		c.say("check %s: the base has its own inputs, it does not build with the head's", p.label)
		p.base, err = how(base, p)
	}
	if err != nil {
		c.say("check %s: not compared, the base does not build: %s", p.label, firstLine(err))
		p.base = ""
	}
	if p.head != "" && p.base != "" {
		p.same, err = sameBytes(p.head, p.base)
		return err
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// test builds a package's test binary; empty where the package is not there.
func (s *side) test(p *program) (string, error) {
	if _, err := os.Stat(filepath.Join(s.root, p.pkg)); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	out := filepath.Join(s.bin, p.label+".test")
	cmd := exec.Command("go", "test", "-c", "-trimpath", "-buildvcs=false", "-o", out, "./"+p.pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return s.made(p, cmd, out)
}

// cReader builds reader.c with the side's own library.
func (s *side) cReader(p *program) (string, error) {
	library, err := filepath.Glob(filepath.Join(s.root, "cgo_reader/src/*.c"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(s.root, cSource)); errors.Is(err, os.ErrNotExist) || len(library) == 0 {
		return "", nil
	}
	out := filepath.Join(s.bin, "reader")
	// Aligned, or a function that moves by 16 bytes takes a quarter longer.
	args := []string{"-std=c11", "-O2", "-falign-functions=64", "-falign-loops=64", "-Icgo_reader/include", "-Icgo_reader/src", "-Icgo_reader/tests", "-o", out, cSource, "cgo_reader/tests/segment.c"}
	for _, f := range library {
		args = append(args, filepath.Join("cgo_reader/src", filepath.Base(f)))
	}
	return s.made(p, exec.Command(compiler(), append(args, "-lm")...), out)
}

func (s *side) made(p *program, cmd *exec.Cmd, out string) (string, error) {
	cmd.Dir = s.root
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s of the %s: %w: %s", p.label, s.name, err, bytes.ReplaceAll(bytes.TrimSpace(said), []byte("\n"), []byte("; ")))
	}
	if _, err := os.Stat(out); err != nil {
		return "", nil // a package without tests
	}
	return out, nil
}

func compiler() string {
	if cc := os.Getenv("CC"); cc != "" {
		return cc
	}
	return "cc"
}
