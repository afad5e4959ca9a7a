package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/ring"
)

// versionText is the module's version, or the revision it was built from.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+dirty"
			}
		}
	}
	if revision == "" {
		return "devel"
	}
	return "devel-" + revision + dirty
}

// publisherVersion is the version as the segment header has room for it.
func publisherVersion() string {
	const room = 31
	v := versionText()
	return v[:min(room, len(v))]
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of program and layout",
		Args:  needsNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "tickring %s\ngo %s %s/%s\nlayout %d\nformat %#016x\n",
				versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH, ring.LayoutVersion, uint64(ring.FormatHash))
			return outputError(err)
		},
	}
}
