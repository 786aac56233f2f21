package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"

	"holdfast/cmd/holdfast/verb"
)

// run runs a verb in the working directory and answers what it prints.
func run(t *testing.T, line string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := &verb.Console{Out: &out, Err: &errs, Env: func(string) string { return "" }}
	args := strings.Fields(line)
	f := map[string]func(context.Context, *verb.Console, []string) error{"ca": runAuthority, "cert": runLeaf}[args[0]]
	return out.String(), f(t.Context(), c, args[1:])
}

// TestFiles holds the names of the files, who may read them, and that none is written over.
func TestFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, line := range []string{
		"ca", "cert -server", "cert -server -node=n1 -additional-dnsname=x.example -additional-ipaddress=10.0.0.1", "cert -client -dc=east", "cert -cli",
		"ca -domain=example -days=1", "cert -server -domain=example",
	} {
		if _, err := run(t, line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	for _, base := range []string{"consul-agent-ca", "dc1-server-consul-0", "dc1-server-consul-1", "east-client-consul-0", "dc1-cli-consul-0", "example-agent-ca", "dc1-server-example-0"} {
		for name, want := range map[string]os.FileMode{base + ".pem": 0o644, base + "-key.pem": 0o600} {
			st, err := os.Stat(name)
			if err != nil {
				t.Error(err)
				continue
			}
			if st.Mode().Perm()&^want != 0 {
				t.Errorf("%s: mode %o, want at most %o", name, st.Mode().Perm(), want)
			}
		}
	}
	before, err := os.ReadFile("consul-agent-ca-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("consul-agent-ca.pem"); err != nil { // the key alone is reason enough
		t.Fatal(err)
	}
	if _, err := run(t, "ca"); err == nil || !strings.Contains(err.Error(), "consul-agent-ca-key.pem is there already and stays as it is") {
		t.Errorf("a second authority: %v", err)
	}
	if _, err := os.Stat("consul-agent-ca.pem"); err == nil {
		t.Error("a certificate without its key was left behind")
	}
	if after, err := os.ReadFile("consul-agent-ca-key.pem"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key was written over: %v", err)
	}
}

// TestNames holds what stands in the certificates of each kind.
func TestNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, line := range []string{"ca -name-constraint -additional-name-constraint=example", "cert -server -node=n1 -additional-dnsname=x.example -additional-ipaddress=::1", "cert -client", "cert -cli"} {
		if _, err := run(t, line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	for base, tt := range map[string]struct {
		names string
		usage []x509.ExtKeyUsage
	}{
		"dc1-server-consul-0": {"server.dc1.consul n1.server.dc1.consul x.example localhost ::1 127.0.0.1", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}},
		"dc1-client-consul-0": {"client.dc1.consul localhost 127.0.0.1", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}},
		"dc1-cli-consul-0":    {"cli.dc1.consul localhost", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	} {
		pair, err := tls.LoadX509KeyPair(base+".pem", base+"-key.pem")
		if err != nil {
			t.Fatal(err)
		}
		got := pair.Leaf.DNSNames
		for _, ip := range pair.Leaf.IPAddresses {
			got = append(got, ip.String())
		}
		if strings.Join(got, " ") != tt.names || len(pair.Leaf.ExtKeyUsage) != len(tt.usage) || pair.Leaf.ExtKeyUsage[0] != tt.usage[0] {
			t.Errorf("%s: %q, usage %v", base, got, pair.Leaf.ExtKeyUsage)
		}
	}
	if _, err := run(t, "cert -client -additional-dnsname=www.test"); err == nil || !strings.Contains(err.Error(), "this authority cannot sign it") {
		t.Errorf("a name that is not the authority's to give: %v", err)
	}
	if err := os.WriteFile("consul-agent-ca-key.pem", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "cert -client"); err == nil || !strings.Contains(err.Error(), "consul-agent-ca.pem and consul-agent-ca-key.pem are no authority: there is no key in PEM") {
		t.Errorf("a damaged authority: %v", err)
	}
}
