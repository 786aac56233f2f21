// Package issue makes certificates: an authority of one's own, and what it signs for the agents of a cluster and for their clients. Keys are on the
// curve P-256, in PEM.
//
//	authority, err := issue.New(issue.Authority{Name: "Agent CA", For: 5 * year})
//	leaf, err := authority.Issue(issue.Leaf{Names: []string{"server.dc1.consul"}, For: year})
package issue

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// Pair is a certificate and its key, both in PEM.
type Pair struct{ Certificate, Key []byte }

// Authority says what an authority is to be.
type Authority struct {
	Name    string        // its common name
	URI     string        // in its alternative names, "" for none
	Domains []string      // below which alone it may sign, nil for everywhere
	For     time.Duration // how long it is valid
}

// Leaf says what a certificate is to be for.
type Leaf struct {
	Names     []string // DNS names; the first one is the common name too
	Addresses []net.IP
	Server    bool // it is shown to clients; all are shown to servers
	For       time.Duration
}

// Signer is an authority at work.
type Signer struct {
	Pair // as it was made or read

	certificate *x509.Certificate
	key         crypto.Signer
}

// New makes an authority.
func New(a Authority) (*Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := template(a.Name, a.For, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	template.PermittedDNSDomains, template.PermittedDNSDomainsCritical = a.Domains, len(a.Domains) > 0
	if a.URI != "" {
		uri, err := url.Parse(a.URI)
		if err != nil {
			return nil, err
		}
		template.URIs = []*url.URL{uri}
	}
	pair, certificate, err := sign(template, template, key, key)
	if err != nil {
		return nil, err
	}
	return &Signer{Pair: pair, certificate: certificate, key: key}, nil
}

// Read takes an authority from its certificate and its key.
func Read(p Pair) (*Signer, error) {
	block, _ := pem.Decode(p.Certificate)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("there is no certificate in PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if !certificate.IsCA {
		return nil, errors.New("the certificate is not that of an authority")
	}
	key, err := readKey(p.Key)
	if err != nil {
		return nil, err
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(certificate.PublicKey) {
		return nil, errors.New("the key is not the certificate's")
	}
	return &Signer{Pair: p, certificate: certificate, key: key}, nil
}

// readKey reads a private key in any of its usual forms.
func readKey(b []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("there is no key in PEM")
	}
	switch block.Type {
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		if s, ok := key.(crypto.Signer); ok {
			return s, nil
		}
	}
	return nil, fmt.Errorf("a key of the form %q cannot sign: want an EC or RSA key that is not encrypted", block.Type)
}

// Issue signs a certificate with a new key. It is refused what the authority may not sign.
func (s *Signer) Issue(l Leaf) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	template, err := template(l.Names[0], l.For, &key.PublicKey)
	if err != nil {
		return Pair{}, err
	}
	template.DNSNames, template.IPAddresses = l.Names, l.Addresses
	template.KeyUsage, template.BasicConstraintsValid = x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, true
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if l.Server {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	pair, leaf, err := sign(template, s.certificate, key, s.key)
	if err != nil {
		return Pair{}, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.certificate)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return Pair{}, fmt.Errorf("this authority cannot sign it: %w", err)
	}
	return pair, nil
}

// template is what all certificates have in common. They are valid from a minute ago: clocks differ.
func template(name string, valid time.Duration, public *ecdsa.PublicKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(der)
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, SubjectKeyId: id[:20], NotBefore: now.Add(-time.Minute), NotAfter: now.Add(valid),
	}, nil
}

// sign makes the certificate of key, signed with by.
func sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey, by crypto.Signer) (Pair, *x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		return Pair{}, nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, nil, err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return Pair{}, nil, err
	}
	return Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}),
	}, certificate, nil
}
