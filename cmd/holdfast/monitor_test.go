package main

import (
	"bufio"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestMonitor listens to a daemon's log: at a level of its own, until the daemon ends.
func TestMonitor(t *testing.T) {
	t.Parallel()
	c := startAgent(t, "", "-dev")
	resp, err := http.Get("http://" + c.http + "/v1/agent/monitor?loglevel=debug&logjson")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	c.put("/v1/event/fire/x")
	lines := bufio.NewScanner(resp.Body)
	heard := false
	for lines.Scan() && !heard {
		heard = strings.Contains(lines.Text(), `"msg":"a user event has come"`) && strings.HasPrefix(lines.Text(), "{")
	}
	if !heard {
		t.Errorf("the log ended before its line came: %v", lines.Err())
	}
	if strings.Contains(c.log.String(), "a user event") {
		t.Error("the daemon's own log has become louder")
	}
	c.signal(syscall.SIGTERM)
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the log breaks off rather than ends: %v", err)
	}
	if code := c.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
