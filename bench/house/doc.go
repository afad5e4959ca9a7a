// Package house holds the rules of the source tree as tests: which package may
// import which, where unsafe code lives, what the top level holds.
package house
