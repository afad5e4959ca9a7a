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

// run reads shapes from in and writes their decoders to out.
func run(pkg, in, out string) error {
	return generateFrom(in, out, func(input string) ([]byte, error) {
		shapes, err := parseShapes(input)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", in, err)
		}
		return generate(pkg, filepath.Base(in), shapes)
	})
}

// runProtobuf is run for shapes of protobuf messages.
func runProtobuf(pkg, in, out string) error {
	return generateFrom(in, out, func(input string) ([]byte, error) {
		messages, err := parseMessages(input)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", in, err)
		}
		return generateProtobuf(pkg, filepath.Base(in), messages)
	})
}

func generateFrom(in, out string, build func(input string) ([]byte, error)) error {
	input, err := os.ReadFile(in)
	if err != nil {
		return fmt.Errorf("read shapes: %w", err)
	}
	text, err := build(string(input))
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		return fmt.Errorf("write decoder: %w", err)
	}
	return nil
}
