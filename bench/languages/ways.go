package main

import (
	"github.com/tickring/tickring/bench/internal/kit"
)

// language is what the readers of one language have in common.
type language struct {
	name    string
	program string // among the tools; "" is this program
	// monotonic is that spin stamps with the monotonic clock.
	monotonic bool
	// warm is how many records spin reads before those that count: a compiler at run time
	// needs them.
	warm    int
	latency goal
	key     string // of its figures
}

// goal is a bound on what a language's ratio to C may be; 0 is none.
type goal float64

// languages in the order of the tables. C is the measure of the others.
var languages = []language{
	{name: "C", program: "c", key: "c", warm: 1_000},
	{name: "C++", program: "cpp", key: "cpp", warm: 1_000, latency: 1.10},
	{name: "Rust", program: "rust", key: "rust", warm: 1_000, latency: 1.10},
	{name: "Go", key: "go", warm: 1_000, latency: 1.10},
	{name: "Java", program: "java", key: "java", monotonic: true, warm: 150_000, latency: 1.5},
	{name: "Node", program: "node", key: "node", monotonic: true, warm: 20_000},
	{name: "Python, fast path", program: "python", key: "python", monotonic: true, warm: 1_000},
}

// way is one way to read a record.
type way struct {
	program, way, name string
	key                string
	most               goal
	// rate is the goal in records a second, for what is not held to C.
	rate float64
	// warm is how many drains come before those that count.
	warm int
	// rounds is how many rounds it takes part in; 0 is all.
	rounds int
	// sums is that it takes the bid of each record.
	sums bool
}

// head is that the way reads the first cache line alone, and is held to C's that does.
func (w way) head() bool { return w.way == "head" }

const (
	compiled = 4   // drains that fill caches
	jit      = 120 // drains until a compiler at run time is done
)

var ways = []way{
	{program: "c", way: "next", name: "C, tickring_next", key: "c_next", warm: compiled, sums: true},
	{program: "c", way: "head", name: "C, tickring_next_head", key: "c_head", warm: compiled, sums: true},
	{program: "cpp", way: "next", name: "C++, next", key: "cpp_next", most: 1.10, warm: compiled, sums: true},
	{program: "cpp", way: "range", name: "C++, for over records()", key: "cpp_range", most: 1.10, warm: compiled, sums: true},
	{program: "cpp", way: "head", name: "C++, next_head", key: "cpp_head", most: 1.10, warm: compiled, sums: true},
	{program: "rust", way: "next", name: "Rust, next", key: "rust_next", most: 1.10, warm: compiled, sums: true},
	{program: "rust", way: "next_into", name: "Rust, next_into", key: "rust_next_into", most: 1.10, warm: compiled, sums: true},
	{program: "rust", way: "drain", name: "Rust, drain", key: "rust_drain", most: 1.10, warm: compiled, sums: true},
	{program: "rust", way: "events", name: "Rust, events()", key: "rust_events", most: 1.10, warm: compiled, sums: true},
	{program: "rust", way: "head", name: "Rust, next_head", key: "rust_head", most: 1.10, warm: compiled, sums: true},
	{program: "rust", way: "c-next_into", name: "Rust over the C library, next_into", key: "rust_c_next_into", most: 1.10, warm: compiled, sums: true},
	{way: "next", name: "Go, Reader.Next", key: "go_next", most: 1.10, warm: compiled, sums: true},
	{way: "batch", name: "Go, Reader.NextBatch", key: "go_batch", most: 1.10, warm: compiled, sums: true},
	{way: "records", name: "Go, for over Feed.Records", key: "go_records", most: 1.10, warm: compiled, sums: true},
	{way: "head", name: "Go, Reader.NextHead", key: "go_head", most: 1.10, warm: compiled, sums: true},
	{program: "java", way: "next", name: "Java, next", key: "java_next", most: 1.5, warm: jit},
	{program: "java", way: "field", name: "Java, next and a field", key: "java_field", most: 1.5, warm: jit, sums: true},
	{program: "java", way: "filter", name: "Java, next with a filter, and a field", key: "java_filter", warm: jit, sums: true},
	{program: "java", way: "head", name: "Java, nextHead and a field", key: "java_head", most: 1.5, warm: jit, sums: true},
	{program: "node", way: "batch", name: "Node, batch", key: "node_batch", warm: compiled},
	{program: "node", way: "words", name: "Node, batch, a BigInt of each", key: "node_words", warm: compiled, sums: true},
	{program: "node", way: "next", name: "Node, next, a BigInt of each", key: "node_next", warm: compiled, rounds: 5, sums: true},
	{program: "node", way: "records", name: "Node, records(), a BigInt of each", key: "node_records", warm: compiled, rounds: 5, sums: true},
	{program: "node", way: "stream", name: "Node, stream(), a BigInt of each", key: "node_stream", warm: compiled, rounds: 5, sums: true},
	{program: "python", way: "batch", name: "Python, numpy batch", key: "python_batch", rate: 10e6, warm: compiled, sums: true},
	{program: "python", way: "record", name: "Python, records(), fast path", key: "python_record", rate: 1e6, warm: 1, rounds: 5},
	{program: "python", way: "sequence", name: "Python, the same, sequence read", key: "python_sequence", warm: 1, rounds: 5},
	{program: "python-pure", way: "batch", name: "Python without C, numpy batch", key: "python_pure_batch", warm: 1, rounds: 5, sums: true},
	{program: "python-pure", way: "record", name: "Python without C, records()", key: "python_pure_record", warm: 1, rounds: 1},
}

// ratio prints a quotient with its goal, or as a figure where there is none.
func (b *bench) ratio(name string, value float64, most goal) {
	if most == 0 {
		b.Figure(name, value, "x")
		return
	}
	b.Ratio(name, value, kit.AtMost(float64(most)))
}
