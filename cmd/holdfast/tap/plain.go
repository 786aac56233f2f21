package tap

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// plain writes lines in the form of Consul's log, which people and programs search for "[WARN]":
//
//	2026-11-28T15:28:02.981Z [WARN]  gossip: a member is gone: member=n2 address=10.0.0.2
type plain struct {
	out       *plainOut
	rest      slog.Handler // writes the attributes into out.line
	component string
	grouped   bool
}

type plainOut struct {
	w io.Writer

	mu   sync.Mutex // guards following
	line bytes.Buffer
}

const plainTime = "2006-01-02T15:04:05.000Z07:00"

// componentKey is the attribute that stands before the message.
const componentKey = "component"

func newPlain(w io.Writer, level slog.Level) slog.Handler {
	out := &plainOut{w: w}
	own := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}
	return &plain{out: out, rest: slog.NewTextHandler(&out.line, &slog.HandlerOptions{Level: level, ReplaceAttr: own})}
}

func (p *plain) Enabled(ctx context.Context, level slog.Level) bool {
	return p.rest.Enabled(ctx, level)
}

func (p *plain) Handle(ctx context.Context, r slog.Record) error {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.out.line.Reset()
	if err := p.rest.Handle(ctx, r); err != nil {
		return err
	}
	attrs := bytes.TrimSuffix(p.out.line.Bytes(), []byte("\n"))
	b := r.Time.UTC().AppendFormat(nil, plainTime)
	level := "[" + r.Level.String() + "]"
	if r.Level < slog.LevelDebug {
		level = "[TRACE]"
	}
	b = append(b, ' ')
	b = append(b, level...)
	for range len("[DEBUG] ") - len(level) {
		b = append(b, ' ')
	}
	if p.component != "" {
		b = append(append(b, p.component...), ": "...)
	}
	b = append(b, strings.ReplaceAll(r.Message, "\n", " ")...)
	if len(attrs) > 0 {
		b = append(append(b, ": "...), attrs...)
	}
	_, err := p.out.w.Write(append(b, '\n'))
	return err
}

func (p *plain) WithAttrs(attrs []slog.Attr) slog.Handler {
	q := *p
	var rest []slog.Attr
	for _, a := range attrs {
		if a.Key == componentKey && !p.grouped {
			q.component = a.Value.String()
		} else {
			rest = append(rest, a)
		}
	}
	q.rest = p.rest.WithAttrs(rest)
	return &q
}

func (p *plain) WithGroup(name string) slog.Handler {
	q := *p
	q.rest, q.grouped = p.rest.WithGroup(name), true
	return &q
}
