package logsink

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// listen is a syslog that a test listens to.
func listen(t *testing.T, path string) net.PacketConn {
	t.Helper()
	l, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := l.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return l
}

func heard(t *testing.T, l net.PacketConn) string {
	t.Helper()
	b := make([]byte, 1<<16)
	n, _, err := l.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := listen(t, path)
	var level slog.LevelVar
	level.Set(slog.LevelDebug)
	h := NewSyslog("daemon", "holdfast", &level, false, func(err error) { t.Errorf("it complains: %v", err) })
	h.conn.network, h.conn.addr = "unixgram", path
	defer h.Close()
	log := slog.New(h).With("component", "x")
	for _, c := range []struct {
		say  func(string, ...any)
		want string
	}{
		{log.Error, `^<27>.* holdfast\[\d+\]: msg=hello component=x n=1\n$`}, // facility 3, severity 3
		{log.Warn, `^<28>.*msg=hello`},
		{log.Info, `^<30>.*msg=hello`},
		{log.Debug, `^<31>.*msg=hello`},
		{log.WithGroup("g").Info, `component=x g\.n=1\n$`},
	} {
		c.say("hello", "n", 1)
		if got := heard(t, l); !regexp.MustCompile(c.want).MatchString(got) || strings.Contains(got, "level=") || strings.Contains(got, "time=") {
			t.Errorf("heard %q, want %s", got, c.want)
		}
	}
	level.Set(slog.LevelInfo)
	log.Debug("silent")
	j := NewSyslog(DefaultFacility, "holdfast", &level, true, nil)
	j.conn.network, j.conn.addr = "unixgram", path
	defer j.Close()
	slog.New(j).Info("json")
	if got := heard(t, l); !strings.HasPrefix(got, "<134>") || !strings.HasSuffix(got, `: {"msg":"json"}`+"\n") { // facility 16, severity 6
		t.Errorf("heard %q", got)
	}
}

// TestSyslogComesAndGoes holds that a syslog that is not there holds nobody up, is told of once, and is found again.
func TestSyslogComesAndGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var said []string
	h := NewSyslog(DefaultFacility, "holdfast", slog.LevelInfo, false, func(err error) { said = append(said, err.Error()) })
	h.conn.network, h.conn.addr = "unixgram", path
	defer h.Close()
	log := slog.New(h)
	log.Info("a")
	h.conn.retry = time.Time{} // the second is over
	log.Info("b")
	if len(said) != 1 || !strings.HasPrefix(said[0], "syslog is not reached, and misses what is logged: ") {
		t.Fatalf("said %q", said)
	}
	l := listen(t, path)
	h.conn.retry = time.Time{}
	log.Info("c")
	if got := heard(t, l); !strings.HasSuffix(got, "msg=c\n") {
		t.Errorf("heard %q", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(path) // closing may have
	log.Info("d")
	if len(said) != 2 {
		t.Errorf("when it went, it was not said: %q", said)
	}
	l = listen(t, path)
	h.conn.retry = time.Time{}
	log.Info("e")
	if got := heard(t, l); !strings.HasSuffix(got, "msg=e\n") {
		t.Errorf("heard %q", got)
	}
}

func TestValidFacility(t *testing.T) {
	for name, ok := range map[string]bool{"LOCAL0": true, "local7": true, "daemon": true, "": false, "LOCAL8": false} {
		if err := ValidFacility(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
