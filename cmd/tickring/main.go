package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// execute runs one command line and returns the exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	ctx, stop := interruptible()
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	code := exitCode(err)
	if code != exitClean {
		fmt.Fprintf(stderr, "tickring: %s\n", oneLine(err))
	}
	return code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "tickring",
		Short:         "Public market data of crypto exchanges in shared memory",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q: allowed are %s", args[0], strings.Join(commandNames(cmd), ", "))
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%s: %w; see %s --help", cmd.Name(), err, cmd.CommandPath())
	})
	root.AddCommand(allCommands()...)
	return root
}

func commandNames(root *cobra.Command) (names []string) {
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			names = append(names, c.Name())
		}
	}
	return names
}

// needsOne is the argument check of commands that take exactly one name.
func needsOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s: want exactly one %s, got %d; see %s --help", cmd.Name(), what, len(args), cmd.CommandPath())
		}
		return nil
	}
}

// needsNone is the argument check of commands that take flags only.
func needsNone(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s: unexpected argument %q; see %s --help", cmd.Name(), args[0], cmd.CommandPath())
	}
	return nil
}

// dirFlag adds --dir, which every command that looks for segments has.
func dirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "directory of the segments (default $TICKRING_DIR, else /dev/shm/tickring)")
}

// Exit codes.
const (
	exitClean   = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a command line that cannot be meant; it says what is allowed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errPipe ends a command quietly: whoever read our output has gone.
var errPipe = errors.New("output closed")

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, errPipe):
		return exitClean
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailure
}

// oneLine keeps the promise that an error is one line, whatever was joined in it.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
}
