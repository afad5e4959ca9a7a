package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// errWorse: the report says what is.
var errWorse = errors.New("worse than the base: mend it, or say why in a commit between base and head, on a line of its own: Bench: NAME why")

func main() {
	var c check
	flag.StringVar(&c.base, "base", "", "commit to compare with; empty: the merge base with origin/main")
	flag.StringVar(&c.root, "root", ".", "the working tree, which is the head")
	flag.StringVar(&c.list, "inputs", "bench/check/inputs.txt", "the list of inputs, below the root")
	flag.BoolVar(&c.countOnly, "count-only", false, "instructions alone, no ratios")
	flag.Parse()
	c.out = os.Stdout
	if err := c.run(); err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	}
}

// check is one comparison.
type check struct {
	root, base, list string
	countOnly        bool
	out              io.Writer
}

func (c *check) run() (err error) {
	commit, why, err := baseOf(c.root, c.base)
	if err != nil {
		return err
	}
	if commit == "" {
		c.say("check: passed without a comparison, there is no base: %s", why)
		return nil
	}
	inputs, err := readInputs(filepath.Join(c.root, c.list))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tickring-check-")
	if err != nil {
		return fmt.Errorf("make a directory for the base: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	head, base := side{name: "head", root: c.root, bin: filepath.Join(dir, "head-bin")}, side{name: "base", root: filepath.Join(dir, "base"), bin: filepath.Join(dir, "base-bin")}
	if err := extract(c.root, commit, base.root); err != nil {
		return err
	}
	c.say("check: the working tree against %s", commit)
	list, err := c.programs(inputs, &head, &base)
	if err != nil {
		return err
	}
	excuses, err := excusesOf(c.root, commit)
	if err != nil {
		return err
	}
	return c.compare(list, excuses, dir)
}

// compare counts and times every program and reports.
func (c *check) compare(list []program, excuses []excuse, dir string) error {
	differ := list[:0:0]
	for _, p := range list {
		if p.same {
			c.say("check %s/* the same program on both sides ok", p.label)
			continue
		}
		differ = append(differ, p)
	}
	rows, err := countAll(differ, dir)
	if err != nil {
		return err
	}
	if !c.countOnly {
		if err := timeAll(differ, rows); err != nil {
			return err
		}
	}
	failed := false
	for _, r := range rows {
		line, worse := r.verdict(excuses)
		c.say("%s", line)
		failed = failed || worse
	}
	if failed {
		return errWorse
	}
	return nil
}

func (c *check) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// sameBytes says whether two files are equal.
func sameBytes(a, b string) (bool, error) {
	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)
	return bytes.Equal(x, y), errors.Join(errX, errY)
}
