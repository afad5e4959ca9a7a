// Command layoutgen turns ring/layout.go and ring/enums.go into every other
// description of the format: the names of the Go package, the C header and its
// name tables, the Rust module, the Python module, the Java class and docs/format.md.
//
// It reads the two files with go/parser and go/types (sizes of gc on amd64, which
// are those of every 64-bit target because all fields are naturally aligned) and
// takes nothing else as a source. It runs in ring/ by go generate.
package main
