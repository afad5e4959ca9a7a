// Package readers judges every reader of segments, in whatever language, by one
// scripted writer: see docs/conformance.md. Each reader runs as a process of its own
// behind a driver; the kit writes a step, asks all drivers the same question and
// compares what they print byte by byte, with each other and with what the script
// says. Live writers and damaged segments follow.
package readers
