// Package logger is hclog's interface, which raft and its stores log to, on top of slog: levels, pairs of key and value and names are handed on as they are.
//
// Raft says the same of an absent member several times a second. So a warning or an error that was said of the same subject within ten seconds goes to the debug
// level; the subject is the value of the first pair, where that is no number.
package logger

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	hclog "github.com/hashicorp/go-hclog"
)

// logger writes to a handler of slog.
type logger struct {
	out  slog.Handler
	name string
	with []any
	said *sayings
}

const quietFor = 10 * time.Second

// New is a logger that writes to l.
func New(l *slog.Logger) hclog.Logger { return newLogger(l) }

func newLogger(l *slog.Logger) *logger {
	return &logger{out: l.Handler(), said: &sayings{at: map[string]time.Time{}}}
}

var slogLevels = map[hclog.Level]slog.Level{
	hclog.Trace: slog.LevelDebug - 4,
	hclog.Debug: slog.LevelDebug,
	hclog.Info:  slog.LevelInfo,
	hclog.Warn:  slog.LevelWarn,
	hclog.Error: slog.LevelError,
}

// Log writes one message with its pairs of key and value.
func (l *logger) Log(level hclog.Level, msg string, args ...any) {
	at, to := time.Now(), slogLevels[level]
	if to >= slog.LevelWarn && l.said.recently(at, msg, args) {
		to = slog.LevelDebug
	}
	if !l.out.Enabled(context.Background(), to) {
		return
	}
	pairs := slices.Concat(l.with, args)
	for i := range pairs {
		pairs[i] = plain(pairs[i])
	}
	record := slog.NewRecord(at, to, msg, 0)
	record.Add(pairs...)
	_ = l.out.Handle(context.Background(), record) // as slog.Logger does: there is nobody to tell
}

// plain is a value that any slog handler can show.
func plain(v any) any {
	switch v := v.(type) {
	case string, bool, int, int64, uint64, time.Duration, error:
		return v
	case hclog.Format:
		if len(v) > 0 {
			return fmt.Sprintf(fmt.Sprint(v[0]), v[1:]...)
		}
	}
	return fmt.Sprintf("%+v", v)
}

// sayings remembers when each message was last written.
type sayings struct {
	mu sync.Mutex // guards following
	at map[string]time.Time
}

// recently reports whether msg, about the subject that its first pair names, was written within quietFor; if not, it is now.
func (s *sayings) recently(now time.Time, msg string, args []any) bool {
	key := msg
	if len(args) > 1 && reflect.TypeOf(args[1]) != nil && !reflect.TypeOf(args[1]).ConvertibleTo(reflect.TypeFor[int]()) {
		key += fmt.Sprint(" ", plain(args[1])) // a member or its address, not a number that grows
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.at[key]; ok && now.Sub(last) < quietFor {
		return true
	}
	if len(s.at) > 100 {
		clear(s.at)
	}
	s.at[key] = now
	return false
}

// The methods below make a logger an hclog.Logger.

func (l *logger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *logger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *logger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *logger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *logger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *logger) enabled(level hclog.Level) bool {
	return l.out.Enabled(context.Background(), slogLevels[level])
}

func (l *logger) IsTrace() bool { return l.enabled(hclog.Trace) }
func (l *logger) IsDebug() bool { return l.enabled(hclog.Debug) }
func (l *logger) IsInfo() bool  { return l.enabled(hclog.Info) }
func (l *logger) IsWarn() bool  { return l.enabled(hclog.Warn) }
func (l *logger) IsError() bool { return l.enabled(hclog.Error) }

func (l *logger) ImpliedArgs() []any { return l.with }
func (l *logger) Name() string       { return l.name }

func (l *logger) With(args ...any) hclog.Logger {
	return &logger{out: l.out, name: l.name, with: slices.Concat(l.with, args), said: l.said}
}

func (l *logger) Named(name string) hclog.Logger { return l.ResetNamed(name) }

func (l *logger) ResetNamed(name string) hclog.Logger {
	return &logger{out: l.out, name: name, with: l.with, said: l.said}
}

// SetLevel does nothing: the level is our own logger's.
func (l *logger) SetLevel(hclog.Level) {}

func (l *logger) GetLevel() hclog.Level {
	for level := hclog.Trace; level < hclog.Error; level++ {
		if l.enabled(level) {
			return level
		}
	}
	return hclog.Error
}

func (l *logger) StandardLogger(opts *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(opts), "", 0)
}

func (l *logger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return lines{l} }

// lines logs each write as a line.
type lines struct{ l *logger }

func (w lines) Write(p []byte) (int, error) {
	w.l.Info(string(bytes.TrimSpace(p)))
	return len(p), nil
}
