package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/tap"
)

// logs is where the daemon logs: to standard error, and to log_file where one is given. Its level and its file can change while it runs.
type logs struct {
	*slog.Logger
	tap   *tap.Handler // for those who listen to it over the API
	level slog.LevelVar
	file  *logFile // nil where there is none
}

func openLogs(stderr io.Writer, cfg *config.Config) (*logs, error) {
	l := &logs{}
	l.setLevel(cfg.LogLevel)
	out := stderr
	if cfg.LogFile != "" {
		l.file = &logFile{path: logPath(cfg.LogFile)}
		if err := l.file.Open(); err != nil {
			return nil, err
		}
		out = tee{stderr, l.file}
	}
	opts := &slog.HandlerOptions{Level: &l.level}
	if cfg.LogJSON {
		l.tap = tap.New(slog.NewJSONHandler(out, opts))
	} else {
		l.tap = tap.New(slog.NewTextHandler(out, opts))
	}
	l.Logger = slog.New(l.tap)
	return l, nil
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
}

// logFile is a file that can be opened again while it is written to.
type logFile struct {
	path string

	mu   sync.Mutex // guards following
	file *os.File
}

// Open opens the file by its name, in the place of what was open. If that fails, what was open stays.
func (f *logFile) Open() error {
	next, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("cannot open log_file: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		_ = f.file.Close() // its lines are written
	}
	f.file = next
	return nil
}

// Write appends to the file.
func (f *logFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(p)
}

// Close closes the file.
func (f *logFile) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.file.Close() // its lines are written
}

// tee writes to both, whatever becomes of the first.
type tee [2]io.Writer

func (t tee) Write(p []byte) (int, error) {
	_, err1 := t[0].Write(p)
	n, err2 := t[1].Write(p)
	return n, errors.Join(err1, err2)
}
