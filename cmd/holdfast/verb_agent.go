package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/verb"
)

func agentVerb() verb.Verb {
	return verb.Verb{
		Name: "agent", Short: "run the daemon", Run: runAgent, Examples: []string{"agent -config-dir /etc/holdfast", "agent -dev", "agent -server -bootstrap-expect=3 -data-dir=/var/lib/holdfast -retry-join=10.0.0.1"},
		Long: `The agent is one member of the cluster. It answers HTTP on port 8500 and DNS on 8600, speaks with the other members on 8300 and 8301, runs
the checks of this machine's services, and carries the addresses that the cluster gives to it.

What it should be stands in config files, in HCL or JSON; flags count over files, later files over earlier ones, and lists add up. To try
it alone: holdfast agent -dev.

SIGHUP reads the files again, as does every change of them with auto_reload_config: services, checks, watches, groups, log_level,
skip_leave_on_interrupt and leave_on_terminate change at once. SIGTERM stops it in good order: its groups go to other machines, and it stays a member. SIGINT (Ctrl-C) makes it leave the cluster unless
skip_leave_on_interrupt is true, as it is on servers. A second SIGINT or SIGTERM ends it at once.`,
	}
}

func validateVerb() verb.Verb {
	return verb.Verb{
		Name: "validate", Args: "FILE|DIR ...", Short: "check config files and change nothing", Run: runValidate, Examples: []string{"validate /etc/holdfast", "validate web.hcl db.json"},
		Long: "The files are read as one configuration, in their order, as the agent would with -config-file and -config-dir.",
	}
}

func runValidate(_ context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	format := fs.String("config-format", "", "`format` of the files, hcl or json, whatever their names")
	quiet := fs.Bool("quiet", false, "say nothing where all is well")
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return verb.UsageError("want at least one config file or directory")
	}
	file, warnings, err := config.Load(fs.Args(), *format)
	for _, w := range warnings {
		fmt.Fprintln(c.Err, "warning:", w)
	}
	if err != nil {
		return err
	}
	cfg, err := config.Build(file)
	if err != nil {
		return err
	}
	if err := cfg.RequireDataDir(); err != nil || *quiet {
		return err
	}
	for _, w := range cfg.Lint() {
		fmt.Fprintln(c.Err, "warning:", w)
	}
	_, err = fmt.Fprintln(c.Out, "Configuration is valid!")
	return err
}

func runAgent(ctx context.Context, c *verb.Console, args []string) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGPIPE)

	fs := c.Flags()
	var flags config.Flags
	flags.Register(fs)
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if err := verb.WantArgs(fs, 0, 0, "no arguments (config files are given with -config-file)"); err != nil {
		return err
	}
	cfg, warnings, err := flags.Load()
	if err == nil {
		err = cfg.RequireDataDir()
	}
	if err != nil {
		for _, w := range warnings {
			fmt.Fprintln(c.Err, "warning:", w)
		}
		return err
	}
	log, err := openLogs(c.Err, cfg)
	if err != nil {
		return err
	}
	defer log.close()
	log.warn(warnings)
	defer tuneMemory()()
	d := newDaemon(cfg, log)
	if cfg.AutoReload {
		if d.auto, err = newAutoReload(&flags, cfg.TLS.Files, d.askReload); err != nil {
			return err
		}
	}
	if err := d.telemetry.Install(); err != nil {
		return err
	}
	if err := d.open(ctx); err != nil {
		return err
	}
	log.Info("holdfast is up", "version", version, "node", cfg.NodeName, "server", cfg.Server, "http", d.http.Addrs(), "https", d.http.SecureAddrs(), "dns", d.dns.Addrs())
	return d.wait(ctx, signals, flags.Load)
}
