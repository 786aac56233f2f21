package proxy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secure is a TLS server that says its name.
func secure(t *testing.T, name string) Backend {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, name)
			}()
		}
	}()
	return Backend{ID: name, Addr: l.Addr().String(), Weight: 1}
}

func TestServerNames(t *testing.T) {
	p := opened(t, func(o *Options) { o.Mode, o.Hold = SNI, 0 })
	p.Set(Table{Routes: map[string][]Backend{
		"a.example.org": {secure(t, "a")}, "*.example.org": {secure(t, "any")}, "*.deep.example.org": {secure(t, "deep")}, "": {secure(t, "rest")},
	}})
	for name, want := range map[string]string{
		"a.example.org": "a", "A.Example.Org": "a", "b.example.org": "any", "x.deep.example.org": "deep", "y.x.deep.example.org": "deep", "example.org": "rest", "": "rest",
	} {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: limit}, "tcp", p.Addrs()[0], &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // the certificate is nobody's
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(c); string(got) != want || err != nil {
			t.Errorf("%s reached %q, %v; want %s", name, got, err, want)
		}
		_ = c.Close()
	}
	c := call(t, p.Addrs()[0])
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
	must(t, err)
	if s, err := c.line(); err == nil {
		t.Errorf("a client that speaks no TLS heard %q", s)
	}
}

// speaker is a connection that is only spoken to.
type speaker struct {
	mute
	words *bytes.Buffer
}

func (s speaker) Write(b []byte) (int, error) { return s.words.Write(b) }

// hello is what a TLS client says first.
func hello(t testing.TB, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	c := tls.Client(speaker{mute{bytes.NewReader(nil)}, &b}, &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // it goes nowhere
	if err := c.Handshake(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzServerName wants that what was read can be passed on as it came, whatever it was.
func FuzzServerName(f *testing.F) {
	f.Add(hello(f, "db.example.org"))
	f.Add(append(hello(f, "b.example"), "early data"...))
	f.Add(hello(f, "db.example.org")[:40])
	f.Add([]byte("\x16\x03\x01\xff\xff"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		name, read, err := serverName(bytes.NewReader(in))
		if !bytes.HasPrefix(in, read) {
			t.Errorf("read %q of %q", read, in)
		}
		if err != nil && name != "" {
			t.Errorf("a name and an error: %q, %v", name, err)
		}
	})
}
