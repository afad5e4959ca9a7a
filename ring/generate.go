package ring

//go:generate go run ./internal/layoutgen
