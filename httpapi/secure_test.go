package httpapi

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/cluster/secure/issue"
)

// showing is a configuration of a server with a new certificate for the loopback, and the authority that has signed it.
func showing(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	signer, err := issue.New(issue.Authority{Name: "test", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	p, err := signer.Issue(issue.Leaf{Names: []string{"localhost"}, Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}, Server: true, For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(signer.Certificate)
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}, roots
}

// believing is a client that believes these authorities.
func believing(t *testing.T, roots *x509.CertPool) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// TestSecure serves HTTP/2 inside TLS beside HTTP without, and shows another certificate from one connection to the next, while those that there are
// go on.
func TestSecure(t *testing.T) {
	s, err := Listen(Addresses{Plain: []string{"127.0.0.1:0"}, Secure: []string{"127.0.0.1:0"}}, Limits{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first, roots := showing(t)
	s.Secure(first)
	release := make(chan struct{})
	s.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-release
		}
		_, _ = io.WriteString(w, r.Proto)
	}))
	url := "https://" + s.SecureAddrs()[0].String()
	get := func(c *http.Client, url string) (string, error) {
		resp, err := c.Get(url)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	old := believing(t, roots)
	if got, err := get(old, url); got != "HTTP/2.0" {
		t.Errorf("inside TLS: %q, %v", got, err)
	}
	if got, err := get(http.DefaultClient, "http://"+s.Addrs()[0].String()); got != "HTTP/1.1" {
		t.Errorf("without TLS: %q, %v", got, err)
	}
	slow, err := old.Get(url + "/slow")
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Body.Close()
	next, newRoots := showing(t)
	s.Secure(next)
	if got, err := get(believing(t, newRoots), url); got != "HTTP/2.0" {
		t.Errorf("with the new certificate: %q, %v", got, err)
	}
	if _, err := get(believing(t, roots), url); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("the old certificate is still shown: %v", err)
	}
	close(release)
	if b, err := io.ReadAll(slow.Body); string(b) != "HTTP/2.0" {
		t.Errorf("a connection from before: %q, %v", b, err)
	}
	if got, err := get(http.DefaultClient, "http://"+s.SecureAddrs()[0].String()); !strings.Contains(got, "HTTP request to an HTTPS server") {
		t.Errorf("HTTP to the port of HTTPS: %q, %v", got, err)
	}
}

// TestSecureLimit holds that the connections of one client are counted over both kinds.
func TestSecureLimit(t *testing.T) {
	s, err := Listen(Addresses{Plain: []string{"127.0.0.1:0"}, Secure: []string{"127.0.0.1:0"}}, Limits{ConnsPerClient: 1}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	config, roots := showing(t)
	s.Secure(config)
	s.Serve(http.NotFoundHandler())
	c, err := net.Dial("tcp", s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // it has its place
		t.Fatal(err)
	}
	if _, err := believing(t, roots).Get("https://" + s.SecureAddrs()[0].String()); err == nil {
		t.Error("a second connection is served")
	}
}
