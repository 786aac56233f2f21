package issue

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"
)

func authority(t *testing.T, domains ...string) *Signer {
	t.Helper()
	s, err := New(Authority{Name: "test", Domains: domains, URI: "spiffe://1.consul", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestIssue holds what a certificate is good for.
func TestIssue(t *testing.T) {
	s := authority(t)
	again, err := Read(s.Pair)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Certificate)
	for _, server := range []bool{true, false} {
		p, err := again.Issue(Leaf{Names: []string{"server.dc1.consul", "localhost"}, Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}, Server: server, For: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(p.Certificate, p.Key)
		if err != nil {
			t.Fatal(err)
		}
		for usage, want := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageServerAuth: server, x509.ExtKeyUsageClientAuth: true} {
			for _, name := range []string{"server.dc1.consul", "localhost", "127.0.0.1"} {
				_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage}})
				if (err == nil) != want {
					t.Errorf("server %t, usage %d, name %s: %v", server, usage, name, err)
				}
			}
		}
	}
}

func TestConstraint(t *testing.T) {
	s := authority(t, "consul", "localhost")
	if _, err := s.Issue(Leaf{Names: []string{"server.dc1.consul", "localhost"}, For: time.Minute}); err != nil {
		t.Error(err)
	}
	if _, err := s.Issue(Leaf{Names: []string{"www.example.org"}, For: time.Minute}); err == nil || !strings.Contains(err.Error(), "this authority cannot sign it") {
		t.Errorf("got %v", err)
	}
}

// TestRead holds which keys an authority may have, and what is none.
func TestRead(t *testing.T) {
	s, other := authority(t), authority(t)
	leaf, err := s.Issue(Leaf{Names: []string{"a"}, For: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for want, p := range map[string]Pair{
		"no certificate in PEM":          {[]byte("x"), s.Key},
		"no key in PEM":                  {s.Certificate, []byte("x")},
		"not that of an authority":       leaf,
		"the key is not the certificate": {s.Certificate, other.Key},
		"cannot sign":                    {s.Certificate, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})},
	} {
		if _, err := Read(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for kind, der := range map[string][]byte{"RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(key), "PRIVATE KEY": pkcs8} {
		if got, err := readKey(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})); err != nil || !key.Equal(got) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// FuzzRead holds that what is no authority is refused, and nothing worse.
func FuzzRead(f *testing.F) {
	s, err := New(Authority{Name: "test", For: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Certificate, s.Key)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), s.Key)
	f.Add(s.Certificate, []byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, certificate, key []byte) {
		s, err := Read(Pair{certificate, key})
		if err != nil {
			return
		}
		if _, err := s.Issue(Leaf{Names: []string{"a"}, For: time.Minute}); err == nil && !s.certificate.IsCA {
			t.Error("a certificate that is no authority's signs")
		}
	})
}
