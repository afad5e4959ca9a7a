// Package mexc is the dialect of MEXC spot: the requests it wants, the frames it
// sends, its limits and its metadata. It knows no sockets.
package mexc
