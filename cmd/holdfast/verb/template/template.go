// Package template is the verb that renders templates: once, or for as long as it runs, with a program of its own beside the files if that is wanted.
//
// Its flags, config files, signals and exit codes are consul-template's, so that it can take its place. What its users may meet that is different: a
// mistake in the files at a reload is told, and what ran before runs on; a template and the child that are not changed by a reload run on, too; an
// agent that is gone is asked for ever, once everything has been rendered.
package template

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"holdfast/cmd/holdfast/verb"
)

// The exit codes that consul-template's users know.
const (
	exitInterrupted = 12
	exitFlags       = 13
	exitRunning     = 14 // a template or its command has failed, or the agent cannot be asked
	exitConfig      = 15
)

// Verb is `template`.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "template", Args: "-template IN:OUT[:COMMAND]", Short: "render templates in consul-template's language", Run: run,
		Long: `It fills a template with keys, services and nodes, writes the result in one step where the file says something else, and runs the command then. With
-once it ends when everything is rendered; it waits for keys that are missing. Without, it follows what changes.

    holdfast template -template "haproxy.ctmpl:/etc/haproxy/haproxy.cfg:systemctl reload haproxy"
    holdfast template -template "in.ctmpl:out.txt" -once -dry
    holdfast template -template "app.ctmpl:app.conf" -exec "app -config app.conf"

With -exec it runs a program as soon as everything is rendered, tells it of changes by the reload signal, or by starting it anew, passes signals on to it,
and ends with its exit code. SIGHUP reads the config files and the templates again; SIGINT ends it.

Flags, config files (-config) and exit codes are consul-template's: 12 where SIGINT has ended it, 13 for a mistake in the flags, 14 where a template or
a command has failed, 15 for a mistake in a config file. An agent renders templates by itself, faster and without a process more: template blocks in its
config say which.`,
	}
}

func run(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f flags
	f.register(c, fs)
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 0, 0, "flags alone: -template IN:OUT")); err != nil {
		return code(exitFlags, err)
	}
	s, err := f.settings(fs)
	if err != nil {
		return code(exitConfig, err)
	}
	log, err := s.logger(c)
	switch {
	case err != nil:
		return code(exitConfig, err)
	case len(s.templates) == 0:
		return code(exitFlags, verb.UsageError("want a template: -template IN:OUT, or -config with a template block"))
	}
	s.warn(log)
	return (&process{console: c, flags: &f, fs: fs, settings: s, log: log}).run(ctx)
}

// code is an error with the exit code that belongs to it. An exit that has its own keeps it.
func code(n int, err error) error {
	if _, has := err.(verb.Exit); has || err == nil { //nolint:errorlint // it stands alone
		return err
	}
	return verb.Failure{Code: n, Err: err}
}

// levels are the names of what is logged.
var levels = map[string]slog.Level{"trace": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "err": slog.LevelError, "error": slog.LevelError}

func (s *settings) logger(c *verb.Console) (*slog.Logger, error) {
	level, known := levels[s.level]
	if !known {
		return nil, verb.UsageError(fmt.Sprintf("-log-level %q is not known: want debug, info, warn or err", s.level))
	}
	return slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: level})), nil
}
