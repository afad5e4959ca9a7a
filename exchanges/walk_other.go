//go:build !amd64 || tickring_purego

package exchanges

func walkFrame(*walk) {}

func walkBehind(*walk) {}
