package rpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
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

// required are the rules of a member that speaks nothing but TLS.
func required(c *tls.Config) func() Secure {
	return func() Secure {
		return Secure{In: c, Required: true, Out: func(addr string) (*tls.Config, error) { return named(c, addr), nil }}
	}
}

// optional are the rules of a member that takes plain connections too.
func optional(c *tls.Config) func() Secure { return func() Secure { return Secure{In: c} } }

// named is c for a connection to addr, whose host the certificate must name.
func named(c *tls.Config, addr string) *tls.Config {
	c = c.Clone()
	c.ServerName, _, _ = net.SplitHostPort(addr)
	return c
}

func TestTLSCarriesEverything(t *testing.T) {
	a := newAuthority(t)
	one, two := Options{Secure: required(a.member(t, "one"))}, Options{Secure: required(a.member(t, "two"))}
	s := serve(t, one, echo)
	c := newClient(t, two)
	big := make([]byte, 1<<20)
	if resp, err := c.Call(t.Context(), s.Addr().String(), methodEcho, big); err != nil || len(resp) != len(big) {
		t.Fatalf("call: %d bytes, %v", len(resp), err)
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
	opts := Options{Secure: required(a.member(t, "one"))}
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
	s := serve(t, Options{Secure: required(a.member(t, "one"))}, echo)
	plain := newClient(t, Options{})
	_, err := plain.Call(t.Context(), s.Addr().String(), methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
	_, err = plain.OpenStream(t.Context(), s.Addr().String(), methodEchoStream)
	wantCode(t, err, cluster.Unavailable)
	wantClosed(t, dialRaw(t, s, byte(muxRaft)))
	wantClosed(t, dialRaw(t, s, 'G'))
}

func TestTLSRefusesStrangers(t *testing.T) {
	s := serve(t, Options{Secure: required(newAuthority(t).member(t, "one"))}, echo)
	stranger := newAuthority(t).member(t, "two")
	trusting := stranger.Clone()
	trusting.InsecureSkipVerify = true
	bare := trusting.Clone()
	bare.Certificates = nil
	for name, config := range map[string]*tls.Config{"does not know the server": stranger, "is not known": trusting, "shows nothing": bare} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, Options{Secure: required(config)}).Call(t.Context(), s.Addr().String(), methodEcho, nil)
			if code := cluster.CodeOf(err); code != cluster.Unavailable && code != cluster.Unknown {
				t.Errorf("error %v, code %s", err, code)
			}
		})
	}
}

func TestTLSToAPlainServer(t *testing.T) {
	s := serve(t, Options{}, echo)
	_, err := newClient(t, Options{Secure: required(newAuthority(t).member(t, "one"))}).Call(t.Context(), s.Addr().String(), methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
}

func TestTLSWithPlainAllowed(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, Options{Secure: optional(a.member(t, "one"))}, echo)
	for name, opts := range map[string]Options{"plain": {}, "tls": {Secure: required(a.member(t, "two"))}} {
		if _, err := newClient(t, opts).Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSHandshakeThatNeverEnds(t *testing.T) {
	s := serve(t, Options{Secure: required(newAuthority(t).member(t, "one")), HelloTimeout: 50 * time.Millisecond}, echo)
	wantClosed(t, dialRaw(t, s, byte(muxTLS), 0x16, 3, 1))

	frozen := peer(t, func(net.Conn) {})
	c := newClient(t, Options{Secure: required(newAuthority(t).member(t, "two")), DialTimeout: 50 * time.Millisecond})
	_, err := c.Call(context.Background(), frozen, methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
}

func TestTLSInTLSIsRefused(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, Options{Secure: required(a.member(t, "one"))}, echo)
	conn := dialRaw(t, s, byte(muxTLS))
	secure := tls.Client(conn, named(a.member(t, "two"), s.Addr().String()))
	if _, err := secure.Write([]byte{byte(muxTLS)}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(secure); isTimeout(err) {
		t.Error("the connection was left open")
	}
}

// TestEndPlain has a member require TLS from one moment to the next.
func TestEndPlain(t *testing.T) {
	var strict atomic.Bool
	config := newAuthority(t).member(t, "one")
	opts := Options{Secure: func() Secure {
		return Secure{In: config, Required: strict.Load(), Out: func(addr string) (*tls.Config, error) { return named(config, addr), nil }}
	}}
	s := serve(t, opts, echo)
	plain, secure := newClient(t, Options{}), newClient(t, opts)
	streams := map[bool]*Stream{}
	for hidden, c := range map[bool]*Client{false: plain, true: secure} {
		if _, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
			t.Fatal(err)
		}
		st, err := c.OpenStream(t.Context(), s.Addr().String(), methodEchoStream)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		streams[hidden] = st
	}
	raft := dialRaw(t, s, byte(muxRaft))
	in, err := s.RaftLayer().Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	strict.Store(true)
	s.EndPlain()
	wantClosed(t, raft)
	if _, err := streams[false].Recv(); cluster.CodeOf(err) != cluster.Unavailable || !strings.Contains(err.Error(), "TLS connections only from now on") {
		t.Errorf("the plain stream: %v", err)
	}
	_, err = plain.Call(t.Context(), s.Addr().String(), methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
	if err := streams[true].Send([]byte("x")); err != nil {
		t.Error(err)
	}
	if got, err := streams[true].Recv(); err != nil || string(got) != "x" {
		t.Errorf("the stream inside TLS: %q, %v", got, err)
	}
	if _, err := secure.Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Error(err)
	}
}

// TestRaftByCertificate has a member that takes raft connections from some members alone.
func TestRaftByCertificate(t *testing.T) {
	a := newAuthority(t)
	config := a.member(t, "one")
	s := serve(t, Options{Secure: func() Secure {
		return Secure{In: config, Required: true, Raft: func(s tls.ConnectionState) error {
			if name := s.PeerCertificates[0].Subject.CommonName; name != "voter" {
				return errors.New(name + " does not vote")
			}
			return nil
		}}
	}}, echo)
	voter, other := serve(t, Options{Secure: required(a.member(t, "voter"))}, echo), serve(t, Options{Secure: required(a.member(t, "other"))}, echo)
	conn, err := other.RaftLayer().Dial(s.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	wantClosed(t, conn)
	if conn, err = voter.RaftLayer().Dial(s.Addr().String(), patience); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in, err := s.RaftLayer().Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
}

// TestNoConnectionToAPlainMember has rules that allow no connection at all.
func TestNoConnectionToAPlainMember(t *testing.T) {
	s := serve(t, Options{}, echo)
	c := newClient(t, Options{Secure: func() Secure {
		return Secure{Out: func(addr string) (*tls.Config, error) { return nil, errors.New(addr + " is plain") }}
	}})
	_, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil)
	if wantCode(t, err, cluster.Unavailable); !strings.Contains(err.Error(), "is plain") {
		t.Error(err)
	}
}
