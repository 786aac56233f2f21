package check

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/secure/issue"
)

// TestIdentity checks a service that answers nobody without a certificate of the cluster's authority, in every way that speaks TLS, before and after the agent
// has one.
func TestIdentity(t *testing.T) {
	authority, err := issue.New(issue.Authority{Name: "ca", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	pair := func(leaf issue.Leaf) tls.Certificate {
		leaf.For = time.Hour
		p, err := authority.Issue(leaf)
		if err != nil {
			t.Fatal(err)
		}
		c, err := tls.X509KeyPair(p.Certificate, p.Key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Certificate)
	s := httptest.NewUnstartedServer(http.HandlerFunc(health))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair(issue.Leaf{Names: []string{"db.example.org"}, Server: true})}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, MaxVersion: tls.VersionTLS12} //nolint:gosec // in which the handshake itself fails
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)

	own := &tls.Config{RootCAs: roots, ServerName: "db.example.org"} //nolint:gosec // a test
	mine := pair(issue.Leaf{Names: []string{"n1"}})
	own.Certificates = []tls.Certificate{mine}
	var now *tls.Config
	identity := Identity(func() *tls.Config { return now })
	addr := s.Listener.Addr().String()
	for name, d := range map[string]cluster.CheckDefinition{
		"tcp":    {TCP: addr, TCPUseTLS: true},
		"grpc":   {GRPC: addr, GRPCUseTLS: true},
		"h2ping": {H2Ping: addr, H2PingUseTLS: true},
		"http":   {HTTP: "https://" + addr + "/"},
	} {
		well := cluster.Passing
		if name == "http" {
			well = cluster.Critical // 404, which came through TLS
		}
		p, _ := newProbe(d, identity)
		ask := func(p probe) Result {
			ctx, cancel := withTimeout(t, limit)
			defer cancel()
			return p.probe(ctx)
		}
		now = nil
		before := ask(p)
		now = own
		after := ask(p)
		if before.Status != cluster.Critical || after.Status != well || after.Output == before.Output {
			t.Errorf("%s: without a certificate %+v, with one %+v", name, before, after)
		}
		d.TLSServerName = "other.example.org"
		if p, _ := newProbe(d, identity); ask(p).Status != cluster.Critical {
			t.Errorf("%s believes another name", name)
		}
		d.TLSServerName, d.TLSSkipVerify = "", true
		skipping, _ := newProbe(d, identity)
		if r := ask(skipping); r.Status != well {
			t.Errorf("%s without verification: %+v", name, r)
		}
		if now != own || own.InsecureSkipVerify || own.ServerName != "db.example.org" {
			t.Errorf("%s has changed the agent's own configuration", name)
		}
	}
}
