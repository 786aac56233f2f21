package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/logsink"
	"holdfast/cmd/holdfast/tap"
)

// logs is where the daemon logs: to standard error, and to log_file and to syslog where that is wanted. Its level and its file can change while it runs.
type logs struct {
	*slog.Logger
	tap   *tap.Handler // for those who listen to it over the API
	level slog.LevelVar
	file  *logsink.File   // nil where there is none
	sys   *logsink.Syslog // the same
}

func openLogs(stderr io.Writer, cfg *config.Config) (*logs, error) {
	l := &logs{}
	l.setLevel(cfg.LogLevel)
	out := stderr
	complain := func(err error) { fmt.Fprintln(stderr, "holdfast:", err) } // not into what it is about
	if cfg.LogFile != "" {
		l.file = &logsink.File{
			Path: logPath(cfg.LogFile), MaxBytes: cfg.LogRotateBytes, MaxAge: cfg.LogRotateDuration, MaxFiles: cfg.LogRotateMaxFiles, Complain: complain,
		}
		if err := l.file.Open(); err != nil {
			return nil, err
		}
		out = tee{stderr, l.file}
	}
	opts := &slog.HandlerOptions{Level: &l.level}
	var h slog.Handler = slog.NewTextHandler(out, opts)
	if cfg.LogJSON {
		h = slog.NewJSONHandler(out, opts)
	}
	if cfg.Syslog {
		l.sys = logsink.NewSyslog(cfg.SyslogFacility, "holdfast", &l.level, cfg.LogJSON, complain)
		h = slog.NewMultiHandler(h, l.sys)
	}
	l.tap = tap.New(h)
	l.Logger = slog.New(l.tap)
	return l, nil
}

// warn tells what the configuration asks for in vain.
func (l *logs) warn(of []string) {
	for _, w := range of {
		l.Warn("the configuration asks for what does not happen", "warning", w)
	}
}

// logPath is the file that log_file names: in a directory it is holdfast.log.
func logPath(s string) string {
	if st, err := os.Stat(s); strings.HasSuffix(s, "/") || err == nil && st.IsDir() {
		return filepath.Join(s, "holdfast.log")
	}
	return s
}

func (l *logs) setLevel(name string) {
	switch name {
	case "trace", "debug":
		l.level.Set(slog.LevelDebug)
	case "warn":
		l.level.Set(slog.LevelWarn)
	case "error", "err":
		l.level.Set(slog.LevelError)
	default:
		l.level.Set(slog.LevelInfo)
	}
}

// reopen begins a new file where the old one has been moved away.
func (l *logs) reopen() error {
	if l.file == nil {
		return nil
	}
	return l.file.Open()
}

func (l *logs) close() {
	if l.file != nil {
		l.file.Close()
	}
	if l.sys != nil {
		l.sys.Close()
	}
}

// tee writes to both, whatever becomes of the first.
type tee [2]io.Writer

func (t tee) Write(p []byte) (int, error) {
	_, err1 := t[0].Write(p)
	n, err2 := t[1].Write(p)
	return n, errors.Join(err1, err2)
}
