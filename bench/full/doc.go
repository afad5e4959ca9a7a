// Command full measures tickring beside its peers: rings and message systems, decoders,
// and whole ways from a socket to a reader. It is a module of its own so that no peer
// is a dependency of the product. `make bench-full` builds and runs it.
package main
