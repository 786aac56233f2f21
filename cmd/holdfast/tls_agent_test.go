package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var secureUpLine = regexp.MustCompile(`msg="holdfast is up".* https="?\[([^] ]*)`)

// TestTLSAgent runs an agent that has HTTPS alone, which asks clients for a certificate, with what the verbs have made. Its watches, templates and checks work, other certificates
// are taken at a reload, one that is wrong changes nothing, and auto_reload_config notices another file by itself.
func TestTLSAgent(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir) // the verbs write where they run
	s := &session{t: t}
	s.run("tls", "ca", "create")
	s.run("tls", "ca", "create")
	s.run("tls", "cert", "create", "-server")
	s.run("tls", "cert", "create", "-cli")
	watched, rendered, config := filepath.Join(dir, "watched"), filepath.Join(dir, "rendered"), filepath.Join(dir, "tls.hcl")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("t.ctmpl", `{{ keyOrDefault "k" "none" }}`)
	write(config, `ca_file = "consul-agent-ca.pem" cert_file = "dc1-server-consul-0.pem" key_file = "dc1-server-consul-0-key.pem" verify_incoming_https = true
		enable_agent_tls_for_checks = true server_name = "server.dc1.consul"
		watches = [{ type = "key" key = "k" handler = "cat > `+watched+`" }]
		template { source = "t.ctmpl" destination = "`+rendered+`" }`)
	c := launch(t, "agent", "-dev", "-node", "n1", "-hcl", `auto_reload_config = true bind_addr = "127.0.0.1" ports { http = -1 https = 0 dns = 0 serf_lan = 0 server = 0 }`, "-config-file", config)
	addr := c.await(secureUpLine)[1]
	c.await(leadLine)

	known := map[string]string{"CONSUL_HTTP_ADDR": addr, "CONSUL_HTTP_SSL": "true", "CONSUL_CACERT": "consul-agent-ca.pem", "CONSUL_CLIENT_CERT": "dc1-cli-consul-0.pem", "CONSUL_CLIENT_KEY": "dc1-cli-consul-0-key.pem"}
	ask := func(env map[string]string, args ...string) said { return terminal{env: env}.run(t, args...) }
	eventually(t, "a client with a certificate writes", func() bool { return ask(known, "kv", "put", "k", "v").code == 0 })
	write("api.hcl", `service { name = "api" check { http = "https://`+addr+`/v1/status/leader" interval = "100ms" } }`)
	if got := ask(known, "services", "register", "api.hcl"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	eventually(t, "a check shows the agent's own certificate", func() bool {
		return strings.Contains(ask(known, "watch", "-type=service", "-service=api", "-passingonly=true").out, `"ServiceName": "api"`)
	})
	https := "-http-addr=https://" + addr
	for _, tt := range []struct{ flags, want string }{
		{https + " -ca-file=consul-agent-ca.pem", "certificate required"},
		{https, "unknown authority"},
		{https + " -ca-file=consul-agent-ca.pem -client-cert=dc1-cli-consul-0.pem -client-key=dc1-cli-consul-0-key.pem -tls-server-name=www.example", "not www.example"},
		{"-http-addr=http://" + addr, "HTTP request to an HTTPS server"},
	} {
		if got := ask(nil, append([]string{"kv", "get", "k"}, strings.Fields(tt.flags)...)...); got.code != 1 || !strings.Contains(got.err, tt.want) {
			t.Errorf("%s: %+v, want code 1 and %q", tt.flags, got, tt.want)
		}
	}
	for _, tt := range []map[string]string{
		{"HOLDFAST_HTTP_ADDR": "https://" + addr, "HOLDFAST_CAPATH": "authorities", "HOLDFAST_CLIENT_CERT": "dc1-cli-consul-0.pem", "HOLDFAST_CLIENT_KEY": "dc1-cli-consul-0-key.pem", "HOLDFAST_TLS_SERVER_NAME": "server.dc1.consul"},
		{"CONSUL_HTTP_ADDR": "http://" + addr, "CONSUL_HTTP_SSL": "1", "CONSUL_HTTP_SSL_VERIFY": "false", "CONSUL_CLIENT_CERT": "dc1-cli-consul-0.pem", "CONSUL_CLIENT_KEY": "dc1-cli-consul-0-key.pem"},
	} {
		if err := os.MkdirAll("authorities", 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile("consul-agent-ca.pem")
		if err != nil {
			t.Fatal(err)
		}
		write("authorities/one.pem", string(b))
		if got := ask(tt, "kv", "get", "k"); got.out != "v\n" {
			t.Errorf("%v: %+v", tt, got)
		}
	}
	for file, want := range map[string]string{watched: `"Key":"k"`, rendered: "v"} {
		eventually(t, "the watch and the template follow", func() bool {
			b, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(b), want)
		})
	}

	// Another authority and its certificates: what the agent shows is another one from then on.
	reloads := func() int { return strings.Count(c.log.String(), `msg="the configuration is reloaded"`) }
	if err := os.Mkdir("next", 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir("next")
	for _, line := range []string{"tls ca create", "tls cert create -server", "tls cert create -cli"} {
		if got := ask(nil, strings.Fields(line)...); got.code != 0 {
			t.Fatalf("%s: %+v", line, got)
		}
	}
	t.Chdir(dir)
	write("dc1-server-consul-0-key.pem", "no key")
	c.signal(syscall.SIGHUP)
	c.await(regexp.MustCompile(`msg="the configuration is not taken, the old one stays" error="cert_file dc1-server-consul-0.pem and key_file dc1-server-consul-0-key.pem are no certificate with its key`))
	if got := ask(known, "kv", "get", "k"); got.out != "v\n" {
		t.Errorf("after a reload that was refused: %+v", got)
	}
	before := reloads()
	for _, name := range []string{"consul-agent-ca.pem", "dc1-server-consul-0.pem", "dc1-server-consul-0-key.pem", "dc1-cli-consul-0.pem", "dc1-cli-consul-0-key.pem"} {
		if err := os.Rename(filepath.Join("next", name), name); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the new files are noticed", func() bool { return reloads() > before })
	eventually(t, "the new certificates are taken", func() bool { return ask(known, "kv", "get", "k").out == "v\n" }) // one reload may have met some of the files alone
	if got := ask(map[string]string{"CONSUL_HTTP_ADDR": "https://" + addr, "CONSUL_CACERT": "authorities/one.pem"}, "kv", "get", "k"); !strings.Contains(got.err, "unknown authority") {
		t.Errorf("the old certificate is shown: %+v", got)
	}
	t.Chdir(home) // where testdata is
	golden(t, "session/tls", s.b.String())
}
