// Package conformance drives recorded venue traffic through the whole product as
// processes (simulator, publisher, ring, the Go and the C reader) and compares
// what comes out with what went in: all of it, in order, exact. The expectation
// is computed from the recording by a model of its own (encoding/json and decimal
// text), which shares no code with the decoders.
//
// Recordings are found through TICKRING_SHARED; without them the package's own
// frames and a seeded synthetic session are driven instead.
package conformance
