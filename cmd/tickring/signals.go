package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signalExitBase: a process that a signal ends exits with this plus its number.
const signalExitBase = 128

// interruptible ends the context at the first SIGINT or SIGTERM and the process at
// the second. SIGPIPE is ignored, so that a closed pipe is an error of the write.
func interruptible() (context.Context, func()) {
	signal.Ignore(syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for seen := 0; ; seen++ {
			select {
			case s := <-signals:
				if seen > 0 {
					os.Exit(signalExitBase + int(s.(syscall.Signal)))
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
