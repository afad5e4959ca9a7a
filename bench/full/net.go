package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// startLimit is how long a server may take until it listens.
const startLimit = 20 * time.Second

// freePort is a TCP port of the loopback that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	return port, l.Close()
}

// awaitPort waits until somebody listens.
func awaitPort(port string) error {
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("nobody listened on port %s within %s", port, startLimit)
}

// drain reads what a server prints, so that it never waits for us.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

func readNumbers(text []byte, into []int64) error {
	if err := binary.Read(bytes.NewReader(text), binary.LittleEndian, into); err != nil {
		return fmt.Errorf("read %d samples: %w", len(into), err)
	}
	return nil
}
