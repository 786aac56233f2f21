package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestOptionsAreChecked(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want string // in the error, "" for none
	}{
		{"-binary " + program, ""},
		{"-binary " + program + " -peer " + program + " -quick -only put,kill", ""},
		{"-binary /none", "cannot be measured"},
		{"-binary " + program + " -only put,none", "there is no such section"},
		{"-binary " + program + " -rounds 99", "want 1 to 50"},
		{"-binary " + program + " -addr 10.0.0", "loopback"},
		{"-binary " + program + " now", "too much"},
		{"-none", "not defined"},
	} {
		o, err := parse(strings.Fields(c.args), io.Discard)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want one with %q", c.args, err, c.want)
		}
		if err == nil && strings.Contains(c.args, "-quick") && (o.rounds != 1 || len(o.binaries) != 2) {
			t.Errorf("%s: %+v", c.args, o)
		}
	}
}

func TestLoopCountsWhatIsAnswered(t *testing.T) {
	var requests atomic.Int64
	m := server(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	b := &bench{options: &options{window: time.Second}, cluster: &cluster{}}
	r, err := b.loop(m, 4, func(c *conn, _, _ int) error { return c.ok("GET", "/", nil) })
	if err != nil {
		t.Fatal(err)
	}
	if n := r.perSecond * b.window.Seconds(); n < 1 || n > float64(requests.Load()) || r.p50 <= 0 || r.p99 < r.p50 {
		t.Errorf("%+v of %d requests", r, requests.Load())
	}
	if _, err := b.loop(m, 4, func(c *conn, _, _ int) error { return c.ok("GET", "/\x00", nil) }); err == nil {
		t.Error("a server that refuses is not noticed")
	}
}

func TestProcessTimesAreRead(t *testing.T) {
	for end := time.Now().Add(10 * time.Second); cpuOf(os.Getpid()) == 0 && time.Now().Before(end); {
		_ = strings.Repeat("x", 1<<20)
	}
	if cpuOf(os.Getpid()) == 0 {
		t.Error("this process has used no CPU time")
	}
	if cpuOf(-1) != 0 {
		t.Error("a process that does not exist has used CPU time")
	}
}
