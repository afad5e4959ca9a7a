// Package conformance drives recorded venue traffic through the whole product as
// processes (simulator, publisher, ring, the Go and the C reader) and compares
// what comes out with what went in: all of it, in order, exact. The expectation
// is computed from the recording by a model of each venue (Gate.io by
// encoding/json, MEXC by protobuf's own reading of the wire; decimals stay text),
// which shares no code with the decoders. A run takes one channel of each kind, so
// a recording is driven as often as it takes to ask for all that it holds.
//
// Recordings are found through TICKRING_SHARED; without them the package's own
// frames and a seeded synthetic session are driven instead.
package conformance
