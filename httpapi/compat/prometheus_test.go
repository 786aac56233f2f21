package compat

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// TestPrometheus: Prometheus' own discovery follows what is registered and deregistered.
func TestPrometheus(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "discover")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = "prometheus"
	if out, err := build.CombinedOutput(); err != nil {
		skip(t, "Prometheus' discovery cannot be built (its modules come from the module proxy): "+string(out))
	}
	a := start(t)
	cmd := exec.CommandContext(t.Context(), binary, a.http())
	out, err := cmd.StdoutPipe()
	ok(t, err)
	spawn(t, cmd)
	lines := make(chan string, 100)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	await := func(what, want string) {
		t.Helper()
		began, late := time.Now(), time.After(limit)
		for {
			select {
			case line, open := <-lines:
				if !open {
					t.Fatalf("%s: the discovery has ended", what)
				}
				if line == want {
					t.Logf("%s is seen after %s", what, time.Since(began).Round(time.Millisecond))
					return
				}
			case <-late:
				t.Fatalf("%s: no line %q within %s", what, want, limit)
			}
		}
	}
	addr := a.addr.String()
	await("the cluster's own service", "consul "+addr+":8300")
	register(t, a, "web-1", "web", 80)
	await("an instance", "web "+addr+":80")
	ok(t, a.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "web-2", Name: "web", Address: "198.51.100.7", Port: 81}))
	await("another with an address of its own", "web "+addr+":80 198.51.100.7:81")
	ok(t, a.Agent().ServiceDeregister("web-1"))
	await("the end of the first", "web 198.51.100.7:81")
	ok(t, a.Agent().ServiceDeregister("web-2"))
	await("the end of the service", "web ")
}
