package check

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// row is a check and what it finds.
type row struct {
	name   string
	check  cluster.CheckDefinition
	status cluster.Status
	output string // contained
}

func (x row) try(t *testing.T, timeout time.Duration) {
	t.Helper()
	t.Run(x.name, func(t *testing.T) {
		p, _ := newProbe(x.check, nil)
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		if r := p.probe(ctx); r.Status != x.status || !strings.Contains(r.Output, x.output) {
			t.Errorf("%s %q, want %s %q", r.Status, r.Output, x.status, x.output)
		}
	})
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// silent is an address that takes connections and never says anything.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

func TestUDP(t *testing.T) {
	listen := func(answer bool) string {
		p, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		go func() {
			b := make([]byte, 100)
			for {
				n, from, err := p.ReadFrom(b)
				if err != nil {
					return
				}
				if answer {
					_, _ = p.WriteTo(b[:n], from) // the probe may have gone
				}
			}
		}()
		return p.LocalAddr().String()
	}
	answers, keepsQuiet := listen(true), listen(false)
	for _, x := range []row{
		{"an answer", cluster.CheckDefinition{UDP: answers}, cluster.Passing, "UDP connect " + answers + ": Success"},
		{"nobody listens", cluster.CheckDefinition{UDP: closedPort(t)}, cluster.Critical, "nobody listens there"},
		{"no address", cluster.CheckDefinition{UDP: "127.0.0.1"}, cluster.Critical, "missing port"},
	} {
		x.try(t, limit)
	}
	row{"silence", cluster.CheckDefinition{UDP: keepsQuiet}, cluster.Passing, "no answer, and no refusal"}.try(t, 50*time.Millisecond)
}

func TestTCPOverTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	addr, plain := s.Listener.Addr().String(), silent(t)
	for _, x := range []row{
		{"a certificate that nobody knows", cluster.CheckDefinition{TCP: addr, TCPUseTLS: true}, cluster.Critical, "certificate"},
		{"not verified", cluster.CheckDefinition{TCP: addr, TCPUseTLS: true, TLSSkipVerify: true}, cluster.Passing, "TCP connect " + addr + ": Success"},
		{"the port alone", cluster.CheckDefinition{TCP: addr}, cluster.Passing, "Success"},
		{"nobody listens", cluster.CheckDefinition{TCP: closedPort(t), TCPUseTLS: true}, cluster.Critical, "refused"},
	} {
		x.try(t, limit)
	}
	row{"no TLS", cluster.CheckDefinition{TCP: plain, TCPUseTLS: true, TLSSkipVerify: true}, cluster.Critical, ""}.try(t, 100*time.Millisecond)
}

// health is a server of the health protocol. The services are named after what they answer.
func health(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil || len(b) < 5 || r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("Te") != "trailers" {
		http.Error(w, "no such call", http.StatusNotFound)
		return
	}
	service := ""
	if len(b) > 7 {
		service = string(b[7:])
	}
	w.Header().Set("Content-Type", "application/grpc")
	status := byte(1)
	switch service {
	case "hang":
		<-r.Context().Done()
		return
	case "unknown":
		w.Header().Set("Grpc-Status", "5")
		w.Header().Set("Grpc-Message", "unknown%20service")
		w.WriteHeader(http.StatusOK)
		return
	case "garbage":
		_, _ = w.Write([]byte{0, 0, 0, 0, 9, 8})
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		return
	case "down":
		status = 2
	}
	_, _ = w.Write([]byte{0, 0, 0, 0, 2, 1 << 3, status})
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
}

// http2Server serves HTTP/2, plain or over TLS.
func http2Server(t *testing.T, h http.HandlerFunc, overTLS bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	if overTLS {
		s.EnableHTTP2 = true
		s.Config.Protocols.SetHTTP2(true)
		s.StartTLS()
	} else {
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.Listener.Addr().String()
}

func TestGRPC(t *testing.T) {
	plain, secure := http2Server(t, health, false), http2Server(t, health, true)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	for _, x := range []row{
		{"serving", cluster.CheckDefinition{GRPC: plain}, cluster.Passing, "gRPC check " + plain + ": success"},
		{"a service", cluster.CheckDefinition{GRPC: plain + "/my.Service"}, cluster.Passing, "success"},
		{"not serving", cluster.CheckDefinition{GRPC: plain + "/down"}, cluster.Critical, "NOT_SERVING"},
		{"an unknown service", cluster.CheckDefinition{GRPC: plain + "/unknown"}, cluster.Critical, `code "5": unknown service`},
		{"garbage", cluster.CheckDefinition{GRPC: plain + "/garbage"}, cluster.Critical, "cannot be read"},
		{"over TLS", cluster.CheckDefinition{GRPC: secure, GRPCUseTLS: true, TLSSkipVerify: true}, cluster.Passing, "success"},
		{"a certificate that nobody knows", cluster.CheckDefinition{GRPC: secure, GRPCUseTLS: true}, cluster.Critical, "certificate"},
		{"a web server", cluster.CheckDefinition{GRPC: web.Listener.Addr().String()}, cluster.Critical, ""},
		{"nobody listens", cluster.CheckDefinition{GRPC: closedPort(t)}, cluster.Critical, "refused"},
		{"no address", cluster.CheckDefinition{GRPC: "a b:c/d"}, cluster.Critical, ""},
	} {
		x.try(t, limit)
	}
	row{"a hang", cluster.CheckDefinition{GRPC: plain + "/hang"}, cluster.Critical, "deadline"}.try(t, 100*time.Millisecond)
}

func TestH2Ping(t *testing.T) {
	plain, secure := http2Server(t, health, false), http2Server(t, health, true)
	old := httptest.NewTLSServer(http.NotFoundHandler())
	defer old.Close()
	for _, x := range []row{
		{"plain", cluster.CheckDefinition{H2Ping: plain}, cluster.Passing, "HTTP2 ping " + plain + ": Success"},
		{"over TLS", cluster.CheckDefinition{H2Ping: secure, H2PingUseTLS: true, TLSSkipVerify: true}, cluster.Passing, "Success"},
		{"a certificate that nobody knows", cluster.CheckDefinition{H2Ping: secure, H2PingUseTLS: true}, cluster.Critical, "certificate"},
		{"HTTP/1 alone", cluster.CheckDefinition{H2Ping: old.Listener.Addr().String(), H2PingUseTLS: true, TLSSkipVerify: true}, cluster.Critical, ""},
		{"nobody listens", cluster.CheckDefinition{H2Ping: closedPort(t)}, cluster.Critical, "refused"},
	} {
		x.try(t, limit)
	}
	row{"silence", cluster.CheckDefinition{H2Ping: silent(t)}, cluster.Critical, "HTTP2 ping"}.try(t, 100*time.Millisecond)
}

// dockerAPI is as much of Docker as a check speaks to. The program is an exit code and what it prints.
func dockerAPI(t *testing.T) (host string) {
	t.Helper()
	mux, cmd := http.NewServeMux(), []string(nil)
	mux.HandleFunc("POST /containers/{id}/exec", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Cmd []string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.PathValue("id") != "web/1" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"message":"No such container: %s"}`, r.PathValue("id"))
			return
		}
		cmd = body.Cmd
		fmt.Fprint(w, `{"Id":"e1"}`)
	})
	mux.HandleFunc("POST /exec/e1/start", func(w http.ResponseWriter, _ *http.Request) {
		for i, word := range cmd[1:] { // in turn to either stream
			_, _ = w.Write(binary.BigEndian.AppendUint32([]byte{byte(1 + i%2), 0, 0, 0}, uint32(len(word))))
			_, _ = io.WriteString(w, word)
		}
	})
	mux.HandleFunc("GET /exec/e1/json", func(w http.ResponseWriter, _ *http.Request) {
		if cmd[0] == "runs" {
			fmt.Fprint(w, `{"Running":true,"ExitCode":null}`)
			return
		}
		fmt.Fprintf(w, `{"Running":false,"ExitCode":%s}`, cmd[0])
	})
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux, ReadHeaderTimeout: limit}}
	s.Start()
	t.Cleanup(s.Close)
	return "unix://" + path
}

func TestDocker(t *testing.T) {
	t.Setenv("DOCKER_HOST", dockerAPI(t))
	of := func(container, shell string, args ...string) cluster.CheckDefinition {
		return cluster.CheckDefinition{DockerContainerID: container, Shell: shell, Args: args}
	}
	for _, x := range []row{
		{"passing", of("web/1", "", "0", "fine ", "really"), cluster.Passing, "fine really"},
		{"warning", of("web/1", "", "1", "hm"), cluster.Warning, "hm"},
		{"critical", of("web/1", "", "2", "bad"), cluster.Critical, "bad"},
		{"in a shell", of("web/1", "0", "echo", "it"), cluster.Passing, "-cecho it"},
		{"no such container", of("db", "", "0"), cluster.Critical, "404 Not Found: No such container: db"},
		{"a program that goes on", of("web/1", "", "runs"), cluster.Critical, "did not end"},
	} {
		x.try(t, limit)
	}
	t.Setenv("DOCKER_HOST", "tcp://"+closedPort(t))
	row{"no Docker", of("web/1", "", "0"), cluster.Critical, "refused"}.try(t, limit)
}

// FuzzHealthResponse holds that no answer makes a gRPC check panic.
func FuzzHealthResponse(f *testing.F) {
	for _, b := range [][]byte{{0, 0, 0, 0, 0}, {0, 0, 0, 0, 2, 8, 1}, {0, 0, 0, 0, 6, 18, 2, 'h', 'i', 8, 2}, {1, 0, 0, 0, 0}, {0, 0, 0, 0, 3, 18, 200, 1}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		status, err := healthResponse(b)
		if err == nil && servingName(status) == "" {
			t.Errorf("%d has no name", status)
		}
	})
}
