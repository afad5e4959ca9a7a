//go:build !amd64 || tickring_purego

package exchanges

const vectors = false

func quotedDecimals(*byte, uint64, int, *Decimal) uint64 { return 0 }

func textDecimals(*byte, uint64, int, *Decimal) int { return 0 }
