package state

import (
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// autopilot is a configuration of autopilot.
func autopilot(minQuorum uint64) cluster.Autopilot {
	a := cluster.DefaultAutopilot()
	a.MinQuorum = minQuorum
	return a
}

// sampleCert is a certificate, whose key nobody has.
const sampleCert = `-----BEGIN CERTIFICATE-----
MIIBejCCAR+gAwIBAgIUIYbwBMtbGtC4McPB18sYeooVuG4wCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGc2FtcGxlMCAXDTI2MTEyODE1MzYwNloYDzIxMjYxMTA0MTUz
NjA2WjARMQ8wDQYDVQQDDAZzYW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARssNES/utPTCpI7J/yp1bmltx1p2gcTSznD/ADyIaF7Y5oREzgrRoOwWl+tRdE
KWJBGiGmYBnaCbmaULdrA9mko1MwUTAdBgNVHQ4EFgQUY7NjxgEEE5Y8Qbwa/Np8
wpJLyvAwHwYDVR0jBBgwFoAUY7NjxgEEE5Y8Qbwa/Np8wpJLyvAwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA2ROr/IkRlE20RgZcB99wIC2ePVdA
reuBb6FPACG9jBsCIQCi4fMj512MXCxU1TYadqwAzsm6rnnsig0JVf3imJPD2Q==
-----END CERTIFICATE-----
`

// caRoot is a root with an ID of its own.
func caRoot(id string) cluster.CARoot {
	return cluster.CARoot{ID: id, TrustDomain: "11111111-2222-3333-4444-555555555555.consul", Cert: sampleCert}
}

func TestPutAutopilot(t *testing.T) {
	w := newWorld(t)
	if a := w.View().Autopilot(); a != cluster.DefaultAutopilot() {
		t.Errorf("never configured: %+v", a)
	}
	cas := func(minQuorum, index uint64) any {
		a := autopilot(minQuorum)
		a.ModifyIndex = index
		return w.do(&cluster.PutAutopilot{Config: a, CAS: true})
	}
	if cas(3, 7) != false || cas(3, 0) != true || cas(4, 0) != false {
		t.Error("cas does not compare with the index of a configuration that was never set")
	}
	set := w.View().Autopilot()
	if set.MinQuorum != 3 || set.ModifyIndex != w.index-1 {
		t.Errorf("set to %+v", set)
	}
	if w.do(&cluster.PutAutopilot{Config: autopilot(3)}) != true || w.View().Autopilot() != set {
		t.Error("the same once more moves the index")
	}
	if cas(4, set.ModifyIndex) != true || w.View().Autopilot().CreateIndex != set.CreateIndex {
		t.Errorf("changed to %+v", w.View().Autopilot())
	}
	if got, want := restored(t, w.Store).View().Autopilot(), w.View().Autopilot(); got != want {
		t.Errorf("after a restore %+v, want %+v", got, want)
	}
}

func TestRefusedAutopilots(t *testing.T) {
	for field, change := range map[string]func(*cluster.Autopilot){
		"LastContactThreshold":    func(a *cluster.Autopilot) { a.LastContactThreshold = 0 },
		"ServerStabilizationTime": func(a *cluster.Autopilot) { a.ServerStabilizationTime = -time.Second },
		"MaxTrailingLogs":         func(a *cluster.Autopilot) { a.MaxTrailingLogs = 0 },
		"MinQuorum":               func(a *cluster.Autopilot) { a.MinQuorum = 101 },
		"RedundancyZoneTag":       func(a *cluster.Autopilot) { a.RedundancyZoneTag = strings.Repeat("x", 129) },
	} {
		a := cluster.DefaultAutopilot()
		change(&a)
		newWorld(t).refused(&cluster.PutAutopilot{Config: a}, cluster.Invalid, field)
	}
}

func TestTheFirstRootStays(t *testing.T) {
	w := newWorld(t)
	if w.View().CARoot() != nil {
		t.Error("a new cluster has a root")
	}
	for _, id := range []string{"a", "b", "a"} {
		w.do(&cluster.SetCARoot{Root: caRoot(id)})
		if r := w.View().CARoot(); r == nil || r.ID != "a" || r.ModifyIndex != 10 {
			t.Errorf("after %s the root is %+v", id, r)
		}
	}
	other := newWorld(t)
	other.do(&cluster.SetCARoot{Root: caRoot("other")})
	w.mustSupersede(other.Store)
	if r := w.View().CARoot(); r.ID != "a" {
		t.Errorf("a snapshot of another cluster brought the root %s", r.ID)
	}
	fresh := newWorld(t)
	fresh.mustSupersede(other.Store)
	if r := fresh.View().CARoot(); r == nil || r.ID != "other" {
		t.Errorf("a cluster without a root has %+v after a restore", r)
	}
	for _, c := range []string{"", "text", sampleCert + "more", strings.ReplaceAll(sampleCert, "CERTIFICATE", "EC PRIVATE KEY")} {
		r := caRoot("x")
		r.Cert = c
		newWorld(t).refused(&cluster.SetCARoot{Root: r}, cluster.Invalid, "root of the CA")
	}
}
