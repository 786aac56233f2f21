package cluster

import (
	"encoding/pem"
	"time"
)

// CARoot is the root certificate of the cluster's own certificate authority. Its private key is not here, nor anywhere: it was dropped when
// it had signed the root, because nothing in the cluster issues certificates. A CARoot that a View hands out is shared and must not be changed.
type CARoot struct {
	ID           string // the fingerprint of the certificate: SHA-1 in hex, bytes parted by colons
	Name         string
	TrustDomain  string // a UUID with ".consul" behind it
	SerialNumber uint64
	SigningKeyID string // SHA-256 of the public key, written as ID is
	Cert         string // PEM
	NotBefore    time.Time
	NotAfter     time.Time

	CreateIndex, ModifyIndex uint64
}

// Validate says in one sentence what is wrong with the root, or returns nil. It looks at the form alone: whether a library can read the
// certificate may change with the library, and members of every version must judge alike.
func (r *CARoot) Validate() error {
	if r.ID == "" || r.TrustDomain == "" {
		return Errorf(Invalid, "the root of the CA has no ID or no trust domain")
	}
	block, rest := pem.Decode([]byte(r.Cert))
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		return Errorf(Invalid, "the root of the CA is not one certificate in PEM")
	}
	return nil
}
