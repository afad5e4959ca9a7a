package main

import "github.com/spf13/cobra"

func allCommands() []*cobra.Command {
	return []*cobra.Command{
		runCommand(), subCommand(), unsubCommand(), simCommand(), demoCommand(), tailCommand(), decodeCommand(),
		recordCommand(), replayCommand(),
		statCommand(), lsCommand(), bookCommand(), bookCheckCommand(), versionCommand(),
	}
}
