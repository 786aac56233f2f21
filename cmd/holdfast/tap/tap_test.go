package tap

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// read takes what there is.
func read(lines <-chan []byte) string {
	var b strings.Builder
	for {
		select {
		case l := <-lines:
			b.Write(l)
		default:
			return b.String()
		}
	}
}

func newLog() (*slog.Logger, *Handler, *bytes.Buffer) {
	var b bytes.Buffer
	h := New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelInfo}))
	return slog.New(h), h, &b
}

func TestListen(t *testing.T) {
	log, h, out := newLog()
	early := log.With("component", "raft").WithGroup("g").With("a", 1) // made before anybody listens
	text, stopText := h.Listen(slog.LevelDebug, false)
	asJSON, stopJSON := h.Listen(slog.LevelWarn, true)
	early.Debug("quiet")
	early.Warn("loud", "b", 2)
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "msg=loud component=raft g.a=1 g.b=2") {
		t.Errorf("the log is %q", got)
	}
	if got := read(text); !strings.Contains(got, "Z [DEBUG] raft: quiet: g.a=1\n") || !strings.Contains(got, "Z [WARN]  raft: loud: g.a=1 g.b=2\n") {
		t.Errorf("a listener to text hears %q", got)
	}
	var line struct {
		Level, Msg, Component string
		G                     struct{ A, B int }
	}
	if err := json.Unmarshal([]byte(read(asJSON)), &line); err != nil || line.Level != "WARN" || line.Msg != "loud" || line.Component != "raft" || line.G.B != 2 {
		t.Errorf("a listener to JSON hears %+v, %v", line, err)
	}
	stopText()
	stopJSON()
	early.Error("last")
	if got := read(text) + read(asJSON); got != "" {
		t.Errorf("who has stopped hears %q", got)
	}
	if log.Enabled(t.Context(), slog.LevelDebug) || !strings.Contains(out.String(), "last") {
		t.Error("the log does not go on as before")
	}
}

func TestPlainLines(t *testing.T) {
	log, h, _ := newLog()
	lines, stop := h.Listen(slog.LevelDebug-4, false)
	defer stop()
	log.Log(t.Context(), slog.LevelDebug-4, "a\nb")
	log.With("component", "x", "k", "v w").Error("bad", "component", "y")
	log.WithGroup("g").With("component", "z").Info("in a group", "time", 1)
	for _, want := range []string{" [TRACE] a b\n", " [ERROR] x: bad: k=\"v w\" component=y\n", " [INFO]  in a group: g.component=z g.time=1\n"} {
		if got := string(<-lines); !strings.HasSuffix(got, want) || len(got) != len(want)+len("2026-11-28T15:28:02.981Z") {
			t.Errorf("got %q, want …%q", got, want)
		}
	}
}

// TestSlowListener holds that a listener that does not read costs nobody anything, and learns what it has missed.
func TestSlowListener(t *testing.T) {
	log, h, _ := newLog()
	lines, stop := h.Listen(slog.LevelInfo, false)
	defer stop()
	for i := range buffered + 10 {
		log.Info("a line", "n", i)
	}
	if got := strings.Count(string(<-lines), "\n"); got != 1 {
		t.Errorf("a line has %d line feeds", got)
	}
	log.Info("no room for two")
	got := read(lines)
	if strings.Count(got, "\n") != buffered-1 || strings.Contains(got, "missing") {
		t.Errorf("got %d lines", strings.Count(got, "\n"))
	}
	log.Info("after")
	if got := read(lines); !strings.Contains(got, "are missing here") || !strings.Contains(got, "lines=11\n") || !strings.HasSuffix(got, " [INFO]  after\n") {
		t.Errorf("then %q", got)
	}
}

func TestConcurrentListeners(t *testing.T) {
	log, h, _ := newLog()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				lines, stop := h.Listen(slog.LevelInfo, i%2 == 0)
				log.With("i", i).Info("x")
				if got := read(lines); !strings.Contains(got, "x") {
					t.Errorf("a listener has not heard its own line: %q", got)
				}
				stop()
			}
		})
	}
	wg.Wait()
	if n := len(*h.hub.listeners.Load()); n != 0 {
		t.Errorf("%d listen still", n)
	}
}
