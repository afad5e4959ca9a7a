package main

import "github.com/spf13/cobra"

func allCommands() []*cobra.Command {
	return []*cobra.Command{
		runCommand(), simCommand(), demoCommand(), tailCommand(), decodeCommand(), statCommand(), lsCommand(), versionCommand(),
	}
}
