package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// output is one generated file, its path relative to the root of the module.
type output struct {
	Path string
	Data []byte
}

func main() {
	root := flag.String("root", "..", "root directory of the module")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintf(os.Stderr, "layoutgen: %v\n", err)
		os.Exit(1)
	}
}

func run(root string) error {
	outputs, err := generate(root)
	if err != nil {
		return err
	}
	for _, out := range outputs {
		path := filepath.Join(root, out.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make directory of %q: %w", path, err)
		}
		if err := os.WriteFile(path, out.Data, 0o644); err != nil {
			return fmt.Errorf("write %q: %w", path, err)
		}
	}
	return nil
}

// generate makes every output in memory from the sources below root.
func generate(root string) ([]output, error) {
	m, err := load(filepath.Join(root, "ring"))
	if err != nil {
		return nil, err
	}
	golang, err := emitGo(m)
	if err != nil {
		return nil, err
	}
	format, err := emitFormat(m)
	if err != nil {
		return nil, err
	}
	return []output{
		{"ring/names_gen.go", golang},
		{"cgo_reader/include/tickring_layout.h", emitC(m)},
		{"cgo_reader/src/tickring_names.c", emitCNames(m)},
		{"cgo_reader/rust/src/layout.rs", emitRust(m)},
		{"cgo_reader/python/tickring/_layout.py", emitPython(m)},
		{"cgo_reader/java/src/tickring/Layout.java", emitJava(m)},
		{"cgo_reader/node/lib/layout.js", emitNode(m)},
		{"cgo_reader/node/lib/layout.d.ts", emitNodeTypes(m)},
		{"docs/format.md", format},
	}, nil
}
