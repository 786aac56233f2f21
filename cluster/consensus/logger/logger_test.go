package logger

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	hclog "github.com/hashicorp/go-hclog"
)

func TestLoggerBridgesToSlog(t *testing.T) {
	var out bytes.Buffer
	handler := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	var l hclog.Logger = newLogger(slog.New(handler).With("component", "raft"))
	l = l.Named("net").With("term", uint64(7))
	l.Trace("below the level")
	l.Debug("d", "servers", hclog.Fmt("%+v", []int{1, 2}))
	l.Info("i", "error", errors.New("broken"))
	l.Warn("w", "peer", hclog.Level(3))
	l.Error("e", "took", 20*time.Millisecond)
	l.StandardLogger(nil).Print("from the standard logger")
	want := `level=DEBUG msg=d component=raft term=7 servers="[1 2]"
level=INFO msg=i component=raft term=7 error=broken
level=WARN msg=w component=raft term=7 peer=info
level=ERROR msg=e component=raft term=7 took=20ms
level=INFO msg="from the standard logger" component=raft term=7
`
	if out.String() != want {
		t.Errorf("logged\n%swant\n%s", out.String(), want)
	}
	if l.GetLevel() != hclog.Debug || l.IsTrace() || !l.IsDebug() || !l.IsError() || l.Name() != "net" || len(l.ImpliedArgs()) != 2 {
		t.Errorf("level %v, name %q, implied %v", l.GetLevel(), l.Name(), l.ImpliedArgs())
	}
}

func TestLoggerSaysTheSameOfAMemberOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := newLogger(slog.New(slog.NewTextHandler(&out, nil)))
		for i := range 40 { // 20 s
			l.Error("failed to heartbeat to", "peer", "10.0.0.2:8300", "backoff time", i)
			l.With("x", 1).Error("failed to heartbeat to", "peer", "10.0.0.3:8300")
			l.Warn("failed to get previous log", "previous-index", uint64(i))
			l.Warn("no pairs")
			l.Info("news", "peer", "10.0.0.2:8300")
			<-time.After(500 * time.Millisecond)
		}
		for what, want := range map[string]int{"peer=10.0.0.2:8300 \"backoff": 2, "10.0.0.3": 2, "previous-index": 2, "no pairs": 2, "msg=news": 40} {
			if n := strings.Count(out.String(), what); n != want {
				t.Errorf("%q was logged %d times, want %d", what, n, want)
			}
		}
		for i := range 1000 {
			l.Error("m", "peer", strings.Repeat("x", i))
		}
		if n := len(l.said.at); n > 101 {
			t.Errorf("%d messages are remembered", n)
		}
	})
}
