package agent

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"holdfast/cmd/holdfast/verb"
)

func monitorVerb() verb.Verb {
	return verb.Verb{
		Name: "monitor", Short: "print the agent's log as it is written", Run: runMonitor,
		Long: "It ends with Ctrl-C. The level is that of this listener alone: what the agent writes to its own log does not change.\n\n" +
			"    holdfast monitor -log-level=debug\n    holdfast monitor -log-json",
	}
}

func runMonitor(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	level := fs.String("log-level", "info", "the least important `level` to print: trace, debug, info, warn or error")
	json := fs.Bool("log-json", false, "print the lines as JSON")
	cl, err := verb.Connect(c, fs, args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	q := url.Values{"loglevel": {*level}}
	if *json {
		q.Set("logjson", "true")
	}
	err = cl.Download(ctx, "/v1/agent/monitor", q, c.Out)
	switch {
	case ctx.Err() != nil: // the user has seen enough
		return nil
	case err == nil:
		return errors.New("the agent ended the log: it has probably stopped")
	}
	return err
}
