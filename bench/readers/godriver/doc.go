// Command godriver is the Go reader under test of docs/conformance.md: it takes
// commands on standard input and prints the canonical log. It is the reference of
// the kit, so it stays plain.
package main
