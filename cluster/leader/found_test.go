package leader

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// TestEveryClusterIsGivenARoot holds that a new cluster has the root of its CA within a second, that it bears the cluster's ID, and that the
// next leaders leave both it and what was configured alone.
func TestEveryClusterIsGivenARoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		const id = "5a2b1d9e-0b6c-4a6f-9d5e-3a1d6e8b7c90"
		f.set("n1:alive")
		if _, err := f.Apply(t.Context(), &cluster.NameCluster{ID: id}); err != nil {
			t.Fatal(err)
		}
		lead(t, f)
		wait(time.Second)
		root, conf := f.store.View().CARoot(), f.store.View().Autopilot()
		if root == nil || root.TrustDomain != id+".consul" {
			t.Fatalf("the root is %+v", root)
		}
		if conf.ModifyIndex == 0 || conf.ServerStabilizationTime != 10*time.Second {
			t.Errorf("autopilot is %+v", conf)
		}
		conf.MinQuorum = 3
		if _, err := f.Apply(t.Context(), &cluster.PutAutopilot{Config: conf}); err != nil {
			t.Fatal(err)
		}
		lead(t, f)
		wait(time.Second)
		if again := f.store.View(); again.CARoot().ID != root.ID || again.Autopilot().MinQuorum != 3 {
			t.Errorf("the next leader made the root %s and autopilot %+v", again.CARoot().ID, again.Autopilot())
		}
	})
}

// TestFoundingIsTriedAgain has no write succeed at first.
func TestFoundingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.set("n1:alive")
		f.failing(func(cluster.Command) error { return cluster.ErrNoLeader })
		lead(t, f)
		wait(5 * time.Second)
		f.failing(nil)
		wait(3 * retryInterval)
		if v := f.store.View(); v.CARoot() == nil || v.Autopilot().ModifyIndex == 0 {
			t.Error("a cluster whose first writes failed has no root or no autopilot")
		}
	})
}

// TestRoot reads the certificate as a client would.
func TestRoot(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	root, err := newRoot("NOT-A-UUID", now)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(root.Cert))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignatureFrom(cert); err != nil || !cert.IsCA {
		t.Errorf("it is no authority of its own: %v", err)
	}
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Params().BitSize != 256 {
		t.Errorf("its key is a %T", cert.PublicKey)
	}
	if len(cert.URIs) != 1 || cert.URIs[0].String() != "spiffe://"+root.TrustDomain || strings.Contains(root.TrustDomain, "NOT") {
		t.Errorf("trust domain %s, URIs %v", root.TrustDomain, cert.URIs)
	}
	if colons(cert.SubjectKeyId) != root.SigningKeyID || len(root.ID) != 59 || root.SerialNumber != cert.SerialNumber.Uint64() {
		t.Errorf("root %+v", root)
	}
	if !cert.NotBefore.Equal(root.NotBefore) || !cert.NotAfter.Equal(root.NotAfter) || cert.NotBefore.After(now) || cert.NotAfter.Before(now.AddDate(9, 0, 0)) {
		t.Errorf("valid from %s to %s", cert.NotBefore, cert.NotAfter)
	}
	if strings.Contains(root.Cert, "PRIVATE") || root.Validate() != nil {
		t.Errorf("the root holds more than its certificate: %v", root.Validate())
	}
}
