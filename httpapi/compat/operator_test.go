package compat

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestOperator: the servers as Raft and autopilot see them, and the leadership that is handed over.
func TestOperator(t *testing.T) {
	all := startCluster(t, 3)
	op := all[0].Operator()
	eventually(t, "three voters and one leader", func() error {
		c, err := op.RaftGetConfiguration(nil)
		if err != nil {
			return err
		}
		voters, leaders := 0, 0
		for _, s := range c.Servers {
			if s.Voter && s.ID != "" && s.Node != "" && s.Address != "" {
				voters++
			}
			if s.Leader {
				leaders++
			}
		}
		if voters != 3 || leaders != 1 {
			return fmt.Errorf("the servers are %+v", c.Servers)
		}
		return nil
	})
	var before string
	eventually(t, "the leadership is handed over", func() (err error) {
		if before, err = all[0].Status().Leader(); err != nil {
			return err
		}
		moved, err := op.RaftLeaderTransfer("", nil)
		if err == nil && !moved.Success {
			err = fmt.Errorf("the answer is %+v", moved)
		}
		return err
	})
	eventually(t, "another leads", func() error {
		now, err := all[0].Status().Leader()
		if err == nil && (now == "" || now == before) {
			err = fmt.Errorf("the leader is %q", now)
		}
		return err
	})
	conf, err := op.AutopilotGetConfiguration(nil)
	if err != nil || !conf.CleanupDeadServers {
		t.Errorf("autopilot: %+v, %v", conf, err)
	}
	eventually(t, "autopilot finds all servers healthy", func() error {
		h, err := op.AutopilotServerHealth(nil)
		if err == nil && (!h.Healthy || len(h.Servers) != 3 || h.FailureTolerance != 1) {
			err = fmt.Errorf("it says %+v", h)
		}
		return err
	})
	if u, _, err := op.Usage(nil); err != nil || u.Usage["dc1"].Nodes != 3 || u.Usage["dc1"].ServiceInstances != 3 {
		t.Errorf("usage: %+v, %v", u, err)
	}
}

// TestCARoots: what nearly every program's test helper waits for. The root is the same on every server, and a certificate.
func TestCARoots(t *testing.T) {
	var first *api.CARootList
	for _, a := range startCluster(t, 2) {
		eventually(t, "there is a root", func() error {
			roots, _, err := a.Agent().ConnectCARoots(nil)
			if err != nil {
				return err
			}
			if roots.ActiveRootID == "" || len(roots.Roots) != 1 || !roots.Roots[0].Active || roots.Roots[0].ID != roots.ActiveRootID || roots.TrustDomain == "" {
				t.Fatalf("the roots are %+v", roots)
			}
			if first == nil {
				first = roots
			}
			if roots.ActiveRootID != first.ActiveRootID || roots.Roots[0].RootCertPEM != first.Roots[0].RootCertPEM {
				t.Errorf("%s has another root", a.name)
			}
			return nil
		})
	}
	block, _ := pem.Decode([]byte(first.Roots[0].RootCertPEM))
	if block == nil {
		t.Fatalf("the root is %q", first.Roots[0].RootCertPEM)
	}
	if c, err := x509.ParseCertificate(block.Bytes); err != nil || !c.IsCA {
		t.Errorf("the root's certificate: %v", err)
	}
}
