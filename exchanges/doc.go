// Package exchanges holds the words that the wire (package feed) and a venue's
// dialect (exchanges/<venue>) share: what a decoded frame is, which symbols are
// known, what a request is. It knows neither sockets nor any one venue.
//
// A dialect turns bytes into Items in a reused Batch and never publishes; package
// feed scales, sequences and publishes them. Everything here is used by one hot
// thread and allocates nothing once its buffers have grown.
package exchanges
