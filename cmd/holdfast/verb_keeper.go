package main

import (
	"context"
	"errors"
	"log/slog"
	"os/signal"
	"syscall"

	"holdfast/cmd/holdfast/verb"
	"holdfast/failover/keeper"
)

// keeperVerbName is how the daemon starts the keeper of the exec driver.
const keeperVerbName = "keeper"

// keeperVerb is the keeper's process.
func keeperVerb() verb.Verb {
	return verb.Verb{
		Name: keeperVerbName, Args: "DIR", Short: "keeps addresses to their leases (started by the agent, with fence = \"exec\")", Hidden: true,
		Long: "Removes the addresses that the agent with the data directory DIR serves as their leases end, also where the agent is stopped or killed. The agent\nstarts it; there is no use in starting it by hand.",
		Run: func(ctx context.Context, c *verb.Console, args []string) error {
			fs := c.Flags()
			if err := verb.ParseFlags(fs, args); err != nil {
				return err
			}
			if fs.NArg() != 1 {
				return errors.New("want one argument, the data directory of an agent")
			}
			signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) // the agent's standard error may be gone, and the keeper must not
			return keeper.Serve(ctx, fs.Arg(0), keeper.DefaultLead, slog.New(slog.NewTextHandler(c.Err, nil)).With("component", "keeper"))
		},
	}
}
