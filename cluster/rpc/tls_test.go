package rpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"holdfast/cluster"
)

// authority signs the certificates of one test cluster.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert, key := sign(t, template, template, nil)
	return authority{cert, key}
}

func sign(t *testing.T, template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// member is the TLS configuration of a member, for both of its roles: it shows a certificate and wants one.
func (a authority) member(t *testing.T, name string) *tls.Config {
	t.Helper()
	cert, key := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, a.key)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
		RootCAs:      pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

func TestTLSCarriesEverything(t *testing.T) {
	a := newAuthority(t)
	one, two := Options{TLS: a.member(t, "one")}, Options{TLS: a.member(t, "two")}
	names := make(chan string, 1)
	s := serve(t, one, func(s *Server) {
		echo(s)
		s.Handle(methodOther, func(ctx context.Context, _ []byte) ([]byte, error) {
			p, _ := PeerOf(ctx)
			names <- p.TLS.PeerCertificates[0].Subject.CommonName
			return nil, nil
		})
	})
	c := newClient(t, two)
	big := make([]byte, 1<<20)
	if resp, err := c.Call(t.Context(), s.Addr().String(), methodEcho, big); err != nil || len(resp) != len(big) {
		t.Fatalf("call: %d bytes, %v", len(resp), err)
	}
	if _, err := c.Call(t.Context(), s.Addr().String(), methodOther, nil); err != nil {
		t.Fatal(err)
	}
	if name := <-names; name != "two" {
		t.Errorf("the handler sees the certificate of %q", name)
	}
	st, err := c.OpenStream(t.Context(), s.Addr().String(), methodEchoStream)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for range 10 {
		if err := st.Send([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if got, err := st.Recv(); err != nil || string(got) != "x" {
			t.Fatalf("stream: %q, %v", got, err)
		}
	}
	other := serve(t, two, echo)
	out, err := other.RaftLayer().Dial(s.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := s.RaftLayer().Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = out.Write([]byte("raft"))
	got := make([]byte, 4)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "raft" {
		t.Errorf("raft: %q, %v", got, err)
	}
}

func TestTLSServerCloses(t *testing.T) {
	a := newAuthority(t)
	opts := Options{TLS: a.member(t, "one")}
	s := serve(t, opts, echo)
	c := newClient(t, opts)
	if _, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Fatal(err)
	}
	st, err := c.OpenStream(t.Context(), s.Addr().String(), methodEchoStream)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	closeServer(t, s)
	if _, err := st.Recv(); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("stream: %v", err)
	}
	_, err = c.Call(t.Context(), s.Addr().String(), methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
}

func TestTLSIsRequired(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, Options{TLS: a.member(t, "one")}, echo)
	plain := newClient(t, Options{})
	_, err := plain.Call(t.Context(), s.Addr().String(), methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
	_, err = plain.OpenStream(t.Context(), s.Addr().String(), methodEchoStream)
	wantCode(t, err, cluster.Unavailable)
	wantClosed(t, dialRaw(t, s, byte(muxRaft)))
	wantClosed(t, dialRaw(t, s, 'G'))
}

func TestTLSRefusesStrangers(t *testing.T) {
	s := serve(t, Options{TLS: newAuthority(t).member(t, "one")}, echo)
	stranger := newAuthority(t).member(t, "two")
	trusting := stranger.Clone()
	trusting.InsecureSkipVerify = true
	bare := trusting.Clone()
	bare.Certificates = nil
	for name, config := range map[string]*tls.Config{"does not know the server": stranger, "is not known": trusting, "shows nothing": bare} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, Options{TLS: config}).Call(t.Context(), s.Addr().String(), methodEcho, nil)
			if code := cluster.CodeOf(err); code != cluster.Unavailable && code != cluster.Unknown {
				t.Errorf("error %v, code %s", err, code)
			}
		})
	}
}

func TestTLSToAPlainServer(t *testing.T) {
	s := serve(t, Options{}, echo)
	_, err := newClient(t, Options{TLS: newAuthority(t).member(t, "one")}).Call(t.Context(), s.Addr().String(), methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
}

func TestTLSWithPlainAllowed(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, Options{TLS: a.member(t, "one"), AllowPlain: true}, echo)
	for name, opts := range map[string]Options{"plain": {}, "tls": {TLS: a.member(t, "two")}} {
		if _, err := newClient(t, opts).Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSHandshakeThatNeverEnds(t *testing.T) {
	s := serve(t, Options{TLS: newAuthority(t).member(t, "one"), HelloTimeout: 50 * time.Millisecond}, echo)
	wantClosed(t, dialRaw(t, s, byte(muxTLS), 0x16, 3, 1))

	frozen := peer(t, func(net.Conn) {})
	c := newClient(t, Options{TLS: newAuthority(t).member(t, "two"), DialTimeout: 50 * time.Millisecond})
	_, err := c.Call(context.Background(), frozen, methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
}

func TestTLSInTLSIsRefused(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, Options{TLS: a.member(t, "one")}, echo)
	conn := dialRaw(t, s, byte(muxTLS))
	secure := tls.Client(conn, (&Options{TLS: a.member(t, "two")}).clientTLS(s.Addr().String()))
	if _, err := secure.Write([]byte{byte(muxTLS)}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(secure); isTimeout(err) {
		t.Error("the connection was left open")
	}
}

func TestServerNameOfTheDialedHost(t *testing.T) {
	for addr, want := range map[string]string{"10.0.0.1:8300": "10.0.0.1", "[::1]:8300": "::1", "n1": "n1"} {
		if got := (&Options{TLS: &tls.Config{}}).clientTLS(addr).ServerName; got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	given := &tls.Config{ServerName: "server.dc1.consul"}
	if got := (&Options{TLS: given}).clientTLS("10.0.0.1:8300"); got != given {
		t.Errorf("a given name became %q", got.ServerName)
	}
}
