//go:build !amd64 || tickring_purego

package exchanges

func walkFrame(*Steps, *byte, int, *SymbolTable, *Batch) {}

func walkBehind(*Steps, *byte, int, *SymbolTable, *Batch) {}
