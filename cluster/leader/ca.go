package leader

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"holdfast/cluster"
)

// The names and the life of a root. They are Consul's.
const (
	rootName     = "Consul CA Primary Cert"
	rootSerial   = 1
	rootValidity = 10 * 365 * 24 * time.Hour
	clockSkew    = time.Minute // what the clock of another member may be behind
)

// newRoot makes the root of the CA of a cluster: an ECDSA P-256 key that signs its own certificate. The key is dropped here. Whatever holds it
// could speak in the name of every service of the cluster, and nothing that a member does would ever use it: so it lies on no disk and in no
// snapshot. A version that issues certificates will begin with a root of its own, as every rotation does.
func newRoot(clusterID string, now time.Time) (cluster.CARoot, error) {
	if _, err := uuid.Parse(clusterID); err != nil {
		clusterID = uuid.NewString()
	}
	domain := strings.ToLower(clusterID) + ".consul"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cluster.CARoot{}, fmt.Errorf("make a key: %w", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return cluster.CARoot{}, fmt.Errorf("encode the public key: %w", err)
	}
	keyID := sha256.Sum256(spki)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(rootSerial),
		Subject:               pkix.Name{CommonName: "holdfast " + clusterID},
		URIs:                  []*url.URL{{Scheme: "spiffe", Host: domain}},
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		NotBefore:             now.Add(-clockSkew).UTC().Truncate(time.Second),
		NotAfter:              now.Add(rootValidity).UTC().Truncate(time.Second),
		SubjectKeyId:          keyID[:],
		AuthorityKeyId:        keyID[:],
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return cluster.CARoot{}, fmt.Errorf("sign the certificate: %w", err)
	}
	fingerprint := sha1.Sum(der) //nolint:gosec // an identifier, which clients know in this form; it guards nothing
	return cluster.CARoot{
		ID: colons(fingerprint[:]), Name: rootName, TrustDomain: domain, SerialNumber: rootSerial, SigningKeyID: colons(keyID[:]),
		Cert:      string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		NotBefore: template.NotBefore, NotAfter: template.NotAfter,
	}, nil
}

// colons writes bytes in hex with colons between them.
func colons(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":") }
