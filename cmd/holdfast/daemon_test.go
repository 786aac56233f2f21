package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"holdfast/cmd/holdfast/config"
)

// api is the answer of the agent's API to a GET, "" where there is none.
func (c *child) api(path string) string {
	c.t.Helper()
	resp, err := http.Get("http://" + c.http + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(b)
}

// inProcess is a daemon in this process. The configuration lies over one with free ports on loopback.
func inProcess(t *testing.T, over string) *daemon {
	t.Helper()
	var all config.File
	for _, text := range []string{freePorts + `server = true bootstrap_expect = 1 log_level = "warn" data_dir = "` + t.TempDir() + `"`, over} {
		f, _, err := config.Parse("x.hcl", []byte(text), "")
		if err != nil {
			t.Fatal(err)
		}
		config.Merge(&all, f)
	}
	cfg, err := config.Build(&all)
	if err != nil {
		t.Fatal(err)
	}
	l, err := openLogs(&syncBuffer{}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return newDaemon(cfg, l)
}

// TestOpenLeavesNothing holds that whatever stops a start half-way, no port stays taken, no file and nothing that runs.
func TestOpenLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, tt := range []struct{ name, over, want string }{
		{"http", `ports { http = ` + port + ` }`, "ports.http"},
		{"dns", `ports { dns = ` + port + ` }`, "ports.dns"},
		{"server", `ports { server = ` + port + ` }`, "ports.server"},
		{"gossip", `ports { serf_lan = ` + port + ` }`, "serf_lan"},
		{"vip", `group "g" { vip "203.0.113.9/24" {} }`, `group "g"`},
		{"service", `service { name = "a" id = "consul" }`, "consul"},
		{"pid file", `pid_file = "/no/such/directory/pid"`, "cannot write pid_file"},
		{"socket", `addresses { http = "unix:///no/such/directory/sock" }`, "/no/such/directory/sock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := goroutines()
			pid := filepath.Join(t.TempDir(), "pid")
			d := inProcess(t, `pid_file = "`+pid+`" `+tt.over)
			err := d.open(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want a sentence with %q", err, tt.want)
			}
			if d.http != nil {
				for _, a := range d.http.Addrs() {
					if c, err := net.Dial("tcp", a.String()); err == nil {
						_ = c.Close()
						t.Errorf("%s is still listened on", a)
					}
				}
			}
			if _, err := os.Stat(pid); !os.IsNotExist(err) {
				t.Errorf("the pid file is there: %v", err)
			}
			eventually(t, "everything that was started has ended", func() bool { return goroutines() <= before })
		})
	}
}

// goroutines counts those that run our code. A question that an agent had for its leader ends by itself.
func goroutines() int {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	n := 0
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(g, "holdfast/") && !strings.Contains(g, "holdfast/cluster/flight") {
			n++
		}
	}
	return n
}

// TestSurfacesCloseFirst holds the order of an end: who asks is never answered by an agent that has closed already.
func TestSurfacesCloseFirst(t *testing.T) {
	d := inProcess(t, "")
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, http: d.http.Addrs()[0].String()}
	eventually(t, "a leader", func() bool { return strings.Contains(c.api("/v1/status/leader"), ":") })
	wrong := make(chan string, 1)
	asked := make(chan struct{}, 1)
	go func() {
		defer close(wrong)
		for {
			resp, err := http.Get("http://" + c.http + "/v1/kv/a?consistent")
			if err != nil {
				return // the port is closed, or the connection was
			}
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusServiceUnavailable {
				return // it was being answered when the end came
			}
			if resp.StatusCode != http.StatusNotFound {
				wrong <- resp.Status
				return
			}
			select {
			case asked <- struct{}{}:
			default:
			}
		}
	}()
	blocked := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + c.http + "/v1/catalog/nodes?index=1000000&wait=10m")
		if err == nil {
			err = resp.Body.Close()
		}
		blocked <- err
	}()
	<-asked
	d.stop("the test", false)
	if status, ok := <-wrong; ok {
		t.Errorf("while it stopped the agent answered %s", status)
	}
	<-blocked // a blocking read does not hold the end up, however it is answered
}

// TestUnixSocket holds that a verb reaches an agent by its socket, which belongs to whom the config says.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	sock := filepath.Join(t.TempDir(), "h.sock")
	c := startAgent(t, `addresses { http = "unix://`+sock+` 127.0.0.1" } unix_sockets { mode = "0600" }`, "-dev", "-node", "n1")
	st, err := os.Stat(sock)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", st.Mode(), err)
	}
	got := c.ask("members", "-http-addr", "unix://"+sock)
	if got.code != 0 || !strings.Contains(got.out, "n1") {
		t.Errorf("members: %+v", got)
	}
	c.signal(os.Interrupt)
	c.ended()
	if _, err := os.Stat(sock); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}
