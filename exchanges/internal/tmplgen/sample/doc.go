// Package sample has shapes of no venue, with every type of hole, whose generated
// decoders its tests run.
package sample

//go:generate go run .. -package sample -in templates.txt -out fast_gen_test.go
