package tap

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

// Handler passes records to another handler, and to those who listen.
type Handler struct {
	next slog.Handler
	hub  *hub
	with []func(slog.Handler) slog.Handler // what loggers made of this one have added: listeners that come later are to see it
}

// hub is who listens.
type hub struct {
	mu        sync.Mutex // held to change the list
	listeners atomic.Pointer[[]*listener]
}

// New makes a handler before next.
func New(next slog.Handler) *Handler {
	h := &Handler{next: next, hub: &hub{}}
	h.hub.listeners.Store(&[]*listener{})
	return h
}

// Enabled reports whether anybody wants records of the level.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level) || slices.ContainsFunc(*h.hub.listeners.Load(), func(l *listener) bool { return level >= l.level })
}

// Handle passes a record on to who wants its level.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	for _, l := range *h.hub.listeners.Load() {
		if r.Level < l.level {
			continue
		}
		to := l.handler
		for _, add := range h.with {
			to = add(to)
		}
		_ = to.Handle(ctx, r.Clone()) // a listener takes everything, or loses it
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs is the handler of a logger with attributes.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.adding(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

// WithGroup is the handler of a logger with a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	return h.adding(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *Handler) adding(add func(slog.Handler) slog.Handler) *Handler {
	return &Handler{next: add(h.next), hub: h.hub, with: append(slices.Clip(h.with), add)}
}
