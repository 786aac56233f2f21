package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
)

// logs is a log that nobody writes but the test.
type logs struct {
	mu        sync.Mutex // guards following
	listening map[chan []byte]string
}

func (l *logs) Listen(level slog.Level, json bool) (<-chan []byte, func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listening == nil {
		l.listening = map[chan []byte]string{}
	}
	c := make(chan []byte, 8)
	l.listening[c] = fmt.Sprint(level, " ", json)
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.listening, c)
	}
}

// who says how those listen who do, and sends each of them a line.
func (l *logs) who(line string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for c, how := range l.listening {
		all = append(all, how)
		c <- []byte(line)
	}
	return strings.Join(all, "; ")
}

func (l *logs) empty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.listening) == 0
}

// until waits until something is so.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestMonitor reads the log over a real connection: each line as it comes, until the client or the server ends.
func TestMonitor(t *testing.T) {
	m := newMember()
	s := newTestServer(t, m.handler(), Limits{})
	for query, want := range map[string]string{"": "INFO false", "?loglevel=DEBUG&logjson": "DEBUG true", "?loglevel=trace": "DEBUG-4 false", "?loglevel=err": "ERROR false"} {
		resp, err := http.Get(s.url + "/v1/agent/monitor" + query)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.log.who("a line\n"); got != want || resp.StatusCode != 200 {
			t.Errorf("%s: %d, listens to %q, want %q", query, resp.StatusCode, got, want)
		}
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "a line\n" || err != nil {
			t.Errorf("%s: got %q, %v", query, line, err)
		}
		_ = resp.Body.Close() // the client hangs up
		until(t, "nobody listens", m.log.empty)
	}

	resp, err := http.Get(s.url + "/v1/agent/monitor")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("the stream breaks off rather than ends: %v", err)
	}
	if took := time.Since(began); took > closeTimeout && !m.log.empty() {
		t.Errorf("the server took %s to close", took)
	}
	until(t, "nobody listens", m.log.empty)
}

func TestMonitorRefused(t *testing.T) {
	m := newMember()
	talks(t, m.handler(), []talk{
		{"GET /v1/agent/monitor?loglevel=loud", "", 400, "Unknown log level: loud…"},
		{"GET /v1/agent/monitor?logjson=x", "", 400, "the parameter logjson=x is not a boolean…"},
		{"HEAD /v1/agent/monitor", "", 200, ""},
	})
	if !m.log.empty() {
		t.Error("somebody listens")
	}
}

func TestReload(t *testing.T) {
	m := newMember()
	h := m.handler()
	talks(t, h, []talk{{"PUT /v1/agent/reload", "", 200, ""}})
	for _, err := range []error{errors.New(`a.hcl: unknown key "x"`), cluster.Errorf(cluster.NotFound, `ServiceID "x" does not exist`)} {
		m.noReload = err
		talks(t, h, []talk{{"PUT /v1/agent/reload", "", 500, err.Error()}})
	}
	talks(t, h, []talk{{"GET /v1/agent/reload", "", 405, "method GET is not allowed here…"}})
	if got := m.notes(); got != "reload; reload; reload" {
		t.Errorf("the agent was told %q", got)
	}
}
