// Package gateio is the dialect of Gate (Gate.io) spot.
package gateio
