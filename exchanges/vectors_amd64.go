//go:build !tickring_purego

package exchanges

import "golang.org/x/sys/cpu"

//go:generate go run ./internal/vectorgen -out vectors_tables_amd64.go

// vectors says that the assembly can run here: every x86-64 server since 2013.
var vectors = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2

// vectorTables are the constants of the assembly.
type vectorTables struct {
	// These are one byte each: belowZero is the one before '0', controls the last control
	// character.
	zeros, nines, points      [32]byte
	belowZero                 [16]byte
	controls, slashes, quotes [32]byte
	// tens, hundreds, myriads and millions are the weights of the digits of a pair, the
	// pairs of a four, the fours of an eight and the upper eight of sixteen.
	tens, hundreds, myriads, millions [32]byte
	// sevens are the bits of six bytes of a varint, sevenBits and fourteenBits the weights
	// of pairs and of fours of them.
	sevens, sevenBits, fourteenBits [16]byte
	// slide, from byte n on: which byte goes where so that byte n-1 becomes the last one.
	slide [32]byte
	// keep has n bytes that are all ones.
	keep [17][16]byte
	// exponents and rows are of decimals, by 15 - the index of the last digit that is not
	// zero, times 16, and the index of the point or of the end: the exponent, and which
	// byte goes where so that this digit becomes the last one and the point is taken out.
	exponents [256]int8
	rows      [256][16]byte
}
