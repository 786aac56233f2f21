package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"holdfast/cmd/holdfast/config"
)

// loadConfig reads flags and files, and prints the warnings.
func loadConfig(c *console, name string, args []string) (*config.Config, *config.Flags, error) {
	fs := newFlags(c, name)
	var f config.Flags
	f.Register(fs)
	if err := parseFlags(fs, args); err != nil {
		return nil, nil, err
	}
	if fs.NArg() > 0 {
		return nil, nil, usageError{"unexpected argument " + strconv.Quote(fs.Arg(0)) + "; config files are given with -config-file"}
	}
	cfg, warnings, err := f.Load()
	for _, w := range warnings {
		fmt.Fprintln(c.err, "warning:", w)
	}
	return cfg, &f, err
}

func runValidate(_ context.Context, c *console, args []string) error {
	fs := newFlags(c, "validate")
	format := fs.String("config-format", "", "`format` of the files, hcl or json, whatever their names")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return usageError{"want at least one config file or directory"}
	}
	file, warnings, err := config.Load(fs.Args(), *format)
	for _, w := range warnings {
		fmt.Fprintln(c.err, "warning:", w)
	}
	if err != nil {
		return err
	}
	cfg, err := config.Build(file)
	if err != nil {
		return err
	}
	if err := cfg.RequireDataDir(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "Configuration is valid!")
	return err
}

func runAgent(ctx context.Context, c *console, args []string) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGPIPE)

	cfg, flags, err := loadConfig(c, "agent", args)
	if err != nil {
		return err
	}
	if err := cfg.RequireDataDir(); err != nil {
		return err
	}
	log, closeLog, err := newLogger(c, cfg)
	if err != nil {
		return err
	}
	defer closeLog()
	d := newDaemon(cfg, log)
	if err := d.open(ctx); err != nil {
		return err
	}
	log.Info("holdfast is up", "version", version, "node", cfg.NodeName, "server", cfg.Server, "http", cfg.HTTPAddrs, "dns", cfg.DNSAddrs)
	return d.wait(ctx, signals, func() (*config.Config, error) {
		cfg, warnings, err := flags.Load()
		for _, w := range warnings {
			log.Warn(w)
		}
		return cfg, err
	})
}

// newLogger logs to standard error, and to log_file where one is given.
func newLogger(c *console, cfg *config.Config) (*slog.Logger, func(), error) {
	out, done := c.err, func() {}
	if cfg.LogFile != "" {
		f, err := os.OpenFile(cfg.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot open log_file: %w", err)
		}
		out, done = tee{c.err, f}, func() { _ = f.Close() }
	}
	opts := &slog.HandlerOptions{Level: logLevel(cfg.LogLevel)}
	var h slog.Handler = slog.NewTextHandler(out, opts)
	if cfg.LogJSON {
		h = slog.NewJSONHandler(out, opts)
	}
	return slog.New(h), done, nil
}

// tee writes to both, whatever becomes of the first.
type tee [2]interface{ Write([]byte) (int, error) }

func (t tee) Write(p []byte) (int, error) {
	_, err1 := t[0].Write(p)
	n, err2 := t[1].Write(p)
	return n, errors.Join(err1, err2)
}

func logLevel(name string) slog.Level {
	switch name {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error", "err":
		return slog.LevelError
	}
	return slog.LevelInfo
}
