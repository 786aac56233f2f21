package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/failover/proxy"
)

// issue writes a certificate for a name, with its key, into one file.
func issue(t *testing.T, file, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	kder, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kder})...)
	must(t, os.WriteFile(file, text, 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// TestSecure ends TLS at a proxy that passes other names on: with the certificate of the name, with another one once the file is another, and, while a
// reload is refused, as before.
func TestSecure(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "requests") }))
	defer plain.Close()
	whole := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "as it is") }))
	defer whole.Close()
	port := func(s *httptest.Server) int { return s.Listener.Addr().(*net.TCPAddr).Port }
	m := newMember()
	m.change(t, instance("n1", "127.0.0.1", port(plain), cluster.Passing, cluster.Passing, "urlprefix-/"),
		instance("n2", "127.0.0.1", port(whole), cluster.Passing, cluster.Passing, "urlprefix-db.org/ proto=tcp+sni"))
	dir := t.TempDir()
	issue(t, filepath.Join(dir, "a.pem"), "a.org")
	issue(t, filepath.Join(dir, "b.pem"), "b.org")
	f := New(m, proxy.NewFleet(slog.New(slog.DiscardHandler)), 300*time.Millisecond, slog.New(slog.DiscardHandler))
	f.Open(t.Context())
	defer f.Close()
	s := Spec{Name: "web", Prefix: "urlprefix-", Options: proxy.DefaultOptions(free(t)), TLS: &TLS{Certificates: []string{dir}, Min: tls.VersionTLS12}}
	s.Options.Mode = proxy.HTTPSNI
	must(t, errors.Join(s.Validate(), f.Configure([]Spec{s})))
	ask := func(name string) (string, string) {
		c, err := tls.Dial("tcp", s.Options.Listen[0], &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // who it is, is what is asked
		if err != nil {
			return err.Error(), ""
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		b, _ := io.ReadAll(c)
		_, body, _ := strings.Cut(string(b), "\r\n\r\n")
		return strings.Join(c.ConnectionState().PeerCertificates[0].DNSNames, ","), body
	}
	eventually(t, "the routes are there", func() bool { _, body := ask("a.org"); return body == "requests" })
	for name, want := range map[string]string{"a.org": "a.org requests", "b.org": "b.org requests", "other.org": "a.org requests", "db.org": "example.com,*.example.com as it is"} {
		if who, body := ask(name); who+" "+body != want {
			t.Errorf("%s: %s %s, want %s", name, who, body, want)
		}
	}
	issue(t, filepath.Join(dir, "b.pem"), "new.org")
	eventually(t, "the new certificate counts", func() bool { who, _ := ask("new.org"); return who == "new.org" })
	bad := s
	bad.TLS = &TLS{Certificates: []string{filepath.Join(dir, "none")}}
	if err := f.Configure([]Spec{bad}); err == nil || !strings.Contains(err.Error(), `proxy "web": `+dir+"/none is not there") {
		t.Errorf("certificates that are not there: %v", err)
	}
	bad = s
	bad.Users = map[string]string{"team": filepath.Join(dir, "none")}
	if err := f.Configure([]Spec{bad}); err == nil || !strings.HasPrefix(err.Error(), `proxy "web": auth team: read the passwords: `) {
		t.Errorf("passwords that are not there: %v", err)
	}
	if who, body := ask("a.org"); who+" "+body != "a.org requests" {
		t.Errorf("after refused reloads: %s %s", who, body)
	}
}

// TestPorts has tags say where a dynamic proxy listens, within what its own addresses allow, and for whom.
func TestPorts(t *testing.T) {
	m := newMember()
	m.change(t, instance("n1", "127.0.0.1", 1, cluster.Passing, cluster.Passing, "urlprefix-10.0.0.5:3306 proto=tcp pxyproto=true", "urlprefix-10.0.0.6:3307 proto=tcp", "urlprefix-:3308 proto=tcp deny=ip:10.9.0.0/16", "urlprefix-/"))
	for listen, want := range map[string]string{
		"10.0.0.5:0": "10.0.0.5:3306 10.0.0.5:3308", "0.0.0.0:0": "0.0.0.0:3308 10.0.0.5:3306 10.0.0.6:3307", ":0": "10.0.0.5:3306 10.0.0.6:3307 :3308",
	} {
		s := Spec{Name: "x", Prefix: "urlprefix-", Options: proxy.DefaultOptions(listen)}
		s.Options.Mode = proxy.Dynamic
		must(t, s.Validate())
		got := s.table(m.View(), "")
		if keys := strings.Join(slices.Sorted(maps.Keys(got.Routes)), " "); keys != want {
			t.Errorf("%s: %s, want %s", listen, keys, want)
		}
		if b := got.Routes["10.0.0.5:3306"]; b[0].SendProxy != 1 {
			t.Errorf("%+v", b)
		}
	}
	s := Spec{Name: "x", Prefix: "urlprefix-", Options: proxy.DefaultOptions("10.0.0.5:3306", "10.0.0.5:3308")}
	if got := s.table(m.View(), ""); len(got.Routes) != 1 || len(got.Routes[""]) != 2 || len(got.Routes[""][1].Deny)+len(got.Routes[""][0].Deny) != 1 {
		t.Errorf("%+v", got)
	}
	s.Options.Listen = []string{"10.0.0.6:3306"}
	if got := s.table(m.View(), ""); len(got.Routes[""]) != 0 {
		t.Errorf("the port of another address: %+v", got)
	}
}
