package tap

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// buffered is how many lines wait for a listener.
const buffered = 512

// listener is one who listens.
type listener struct {
	level   slog.Level
	form    func(io.Writer) slog.Handler
	handler slog.Handler // writes into lines

	mu    sync.Mutex // guards following, and the order of lines
	lines chan []byte
	lost  int // since the last line
}

// Listen answers the lines of the log from now on, from a level on, each with its line feed: in the form of Consul's
// log, or as JSON. Whoever listens calls
// stop at the end; the channel is never closed.
func (h *Handler) Listen(level slog.Level, json bool) (lines <-chan []byte, stop func()) {
	l := &listener{level: level, lines: make(chan []byte, buffered), form: func(w io.Writer) slog.Handler {
		if json {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
		}
		return newPlain(w, level)
	}}
	l.handler = l.form(l)
	h.hub.change(func(all []*listener) []*listener { return append(all, l) })
	return l.lines, func() {
		h.hub.change(func(all []*listener) []*listener {
			return slices.DeleteFunc(all, func(o *listener) bool { return o == l })
		})
	}
}

func (h *hub) change(fn func([]*listener) []*listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := fn(slices.Clone(*h.listeners.Load()))
	h.listeners.Store(&next)
}

// Write takes one line of a handler.
func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 && len(l.lines) <= cap(l.lines)-2 { // there is room for the notice and the line
		l.lines <- l.notice()
		l.lost = 0
	}
	if l.lost > 0 {
		l.lost++
		return len(p), nil
	}
	select {
	case l.lines <- bytes.Clone(p):
	default:
		l.lost++
	}
	return len(p), nil
}

// notice is the line that stands for those that were lost.
func (l *listener) notice() []byte {
	var b bytes.Buffer
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "lines of the log are missing here: this client reads too slowly", 0)
	r.AddAttrs(slog.Int("lines", l.lost))
	_ = l.form(&b).Handle(context.Background(), r) // a buffer takes everything
	return b.Bytes()
}
