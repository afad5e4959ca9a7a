package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	pkg := flag.String("package", "", "package of the generated file")
	in := flag.String("in", "templates.txt", "shapes of the messages")
	out := flag.String("out", "fast_gen.go", "generated file")
	protobuf := flag.Bool("protobuf", false, "the shapes are those of protobuf messages")
	flag.Parse()
	do := run
	if *protobuf {
		do = runProtobuf
	}
	if err := do(*pkg, *in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "tmplgen:", err)
		os.Exit(1)
	}
}

func run(pkg, in, out string) error {
	input, err := os.ReadFile(in)
	if err != nil {
		return fmt.Errorf("read shapes: %w", err)
	}
	shapes, err := parseShapes(string(input))
	if err != nil {
		return fmt.Errorf("parse %s: %w", in, err)
	}
	text, err := generate(pkg, filepath.Base(in), shapes)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		return fmt.Errorf("write decoder: %w", err)
	}
	return nil
}
