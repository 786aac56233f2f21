package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue makes a certificate for names that is valid for so long.
func issue(t *testing.T, valid time.Duration, names ...string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: names, NotAfter: time.Now().Add(valid)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	must(t, err)
	kder, err := x509.MarshalECPrivateKey(k)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kder}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, dir string, files ...string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o700))
	for i := 0; i < len(files); i += 2 {
		must(t, os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600))
	}
}

// look lets the store look at once, rather than in a second.
func (s *Store) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked = time.Time{}
}

func (s *Store) choose(t *testing.T, name string) string {
	t.Helper()
	c, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		return err.Error()
	}
	return strings.Join(c.Leaf.DNSNames, ",")
}

func TestChooses(t *testing.T) {
	dir := t.TempDir()
	a, akey := issue(t, time.Hour, "a.org")
	b, bkey := issue(t, time.Hour, "b.org", "*.b.org")
	short, skey := issue(t, time.Minute, "b.org")
	live, lkey := issue(t, time.Hour, "live.org")
	ca, _ := issue(t, time.Hour, "authority")
	write(t, dir+"/own", "a.pem", a+akey, "b-cert.pem", b, "b-key.pem", bkey, "old.crt", short, "old.key", skey, "ca.crt", ca, "notes.txt", "hello")
	write(t, dir+"/live/x", "fullchain.pem", live, "cert.pem", live, "chain.pem", ca, "privkey.pem", lkey)
	s, err := Open(slog.New(slog.DiscardHandler), false, dir+"/own", dir+"/live/*")
	must(t, err)
	for name, want := range map[string]string{"a.org": "a.org", "A.Org.": "a.org", "b.org": "b.org,*.b.org", "x.b.org": "b.org,*.b.org", "y.x.b.org": "live.org", "live.org": "live.org", "": "live.org"} {
		if got := s.choose(t, name); got != want {
			t.Errorf("%q gets %s, want %s", name, got, want)
		}
	}
	for _, p := range s.pairs {
		if base := filepath.Base(p.file); base == "cert.pem" || base == "chain.pem" || base == "ca.crt" {
			t.Errorf("%s is taken for a server's", p.file)
		}
	}
	strict, err := Open(slog.New(slog.DiscardHandler), true, dir+"/own")
	must(t, err)
	if got := strict.choose(t, "c.org"); got != `no certificate is for the server name "c.org"` {
		t.Error(got)
	}
}

// TestReadsAgain renews a certificate in two steps, as programs do that write the certificate before the key: what is in between never counts.
func TestReadsAgain(t *testing.T) {
	dir := t.TempDir()
	one, onekey := issue(t, time.Hour, "one")
	two, twokey := issue(t, time.Hour, "two", "two.more")
	write(t, dir, "w.crt", one, "w.key", onekey)
	s, err := Open(slog.New(slog.DiscardHandler), false, dir)
	must(t, err)
	write(t, dir, "w.crt", two)
	s.look()
	if got := s.choose(t, ""); got != "one" {
		t.Errorf("half renewed: %s", got)
	}
	if err := s.err; err == nil || !strings.Contains(err.Error(), dir+"/w.crt with the key in "+dir+"/w.key: ") {
		t.Errorf("half renewed: %v", err)
	}
	write(t, dir, "w.key", twokey)
	s.look()
	if got := s.choose(t, ""); got != "two,two.more" {
		t.Errorf("renewed: %s", got)
	}
	must(t, os.RemoveAll(dir))
	s.look()
	if got := s.choose(t, ""); got != "two,two.more" {
		t.Errorf("with the files gone: %s", got)
	}
	if s.err == nil {
		t.Error("that the files are gone is not said")
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	cert, _ := issue(t, time.Hour, "x")
	_, other := issue(t, time.Hour, "y")
	for want, files := range map[string][]string{
		"holds no certificate":      {"a.txt", cert},
		"a.crt has no key":          {"a.crt", cert},
		"does not match public key": {"a.crt", cert, "a.key", other},
		"malformed certificate":     {"a.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + other},
	} {
		sub := filepath.Join(dir, strings.ReplaceAll(want, " ", "-"))
		write(t, sub, files...)
		if _, err := Open(slog.New(slog.DiscardHandler), false, sub); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := Open(slog.New(slog.DiscardHandler), false, dir+"/none"); err == nil || !strings.Contains(err.Error(), "/none is not there") {
		t.Errorf("a directory that is not there: %v", err)
	}
}
