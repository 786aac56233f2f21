package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

func (m *member) ServerStats(context.Context) (map[string]cluster.ServerStats, error) {
	return map[string]cluster.ServerStats{"a": {LastIndex: 46}, "b": {LastIndex: 44}}, nil
}

func (m *member) PeersIndex() uint64 { return 22 }

func (m *member) RemovePeer(_ context.Context, opts cluster.WriteOptions, id string) error {
	m.note("remove " + id + " " + opts.Token)
	return m.noWrite
}

func (m *member) TransferLeadership(_ context.Context, _ cluster.WriteOptions, id string) error {
	if id == "nobody" {
		return cluster.Errorf(cluster.Invalid, "the leadership cannot be handed to %q: it is not another voter of the peer set", id)
	}
	m.note("transfer to " + id)
	return nil
}

func (m *member) Servers(context.Context) ([]cluster.ServerHealth, error) {
	if m.servers == nil {
		return nil, cluster.ErrNoLeader
	}
	return m.servers, nil
}

// looked is what a leader thinks of three servers, one of which is ill, and one that has no vote yet.
func looked() []cluster.ServerHealth {
	server := func(id, name string, change func(*cluster.ServerHealth)) cluster.ServerHealth {
		s := cluster.ServerHealth{
			ServerStats: cluster.ServerStats{LastContact: 12500 * time.Microsecond, LastTerm: 2, LastIndex: 46}, ID: id, Name: name, Address: "10.0.0.1:8300",
			Status: cluster.StatusAlive, Version: "1.21.4", Meta: map[string]string{"rack": "r1"}, Voter: true, Healthy: true, StableSince: start,
		}
		change(&s)
		return s
	}
	return []cluster.ServerHealth{
		server("a", "n1", func(s *cluster.ServerHealth) { s.Leader, s.LastContact = true, 0 }),
		server("b", "n2", func(s *cluster.ServerHealth) { s.Healthy, s.Status = false, cluster.StatusFailed }),
		server("c", "n3", func(*cluster.ServerHealth) {}),
		server("d", "n4", func(s *cluster.ServerHealth) { s.Voter = false }),
	}
}

// look gives the member what a leader has found out and begun with.
func (m *member) look(tb testing.TB) {
	tb.Helper()
	m.apply(tb, &cluster.SetCARoot{Root: sampleRoot}, &cluster.PutAutopilot{Config: cluster.DefaultAutopilot()})
	m.servers = looked()
}

// keys is the keyring of two members.
type keys struct {
	done []string
	err  error
	ill  bool // the second one fails
}

func (k *keys) Keyring(_ context.Context, _ cluster.WriteOptions, op cluster.KeyOp, key []byte, alone bool) ([]cluster.KeyAnswer, error) {
	k.done = append(k.done, string(rune('0'+op))+" "+string(key))
	server := cluster.Member{Name: "n1", Tags: map[string]string{cluster.TagRole: "consul"}}
	answers := []cluster.KeyAnswer{{Member: server, Keys: [][]byte{[]byte("0123456789abcdef"), []byte("fedcba9876543210")}}}
	if !alone {
		other := cluster.KeyAnswer{Member: cluster.Member{Name: "n2"}, Keys: [][]byte{[]byte("0123456789abcdef")}}
		if k.ill {
			other = cluster.KeyAnswer{Member: other.Member, Err: errors.New("it did not answer in time")}
		}
		answers = append(answers, other)
	}
	return answers, k.err
}

func TestOperatorRaft(t *testing.T) {
	m := newMember().populate(t)
	talks(t, m.handler(), []talk{
		{"DELETE /v1/operator/raft/peer", "", 400, "Must specify either ?id…"},
		{"DELETE /v1/operator/raft/peer?id=a&address=10.0.0.1:8300", "", 400, "Must specify only one of ?id or ?address"},
		{"DELETE /v1/operator/raft/peer?id=nope", "", 500, `id "nope" was not found in the Raft configuration`},
		{"DELETE /v1/operator/raft/peer?address=nope", "", 500, `address "nope" was not found in the Raft configuration`},
		{"DELETE /v1/operator/raft/peer?id=a&token=t", "", 200, ""},
		{"DELETE /v1/operator/raft/peer?address=10.0.0.2:8300", "", 200, ""},
		{"POST /v1/operator/raft/transfer-leader", "", 200, `{"Success":true}`},
		{"POST /v1/operator/raft/transfer-leader?id=b", "", 200, `{"Success":true}`},
		{"POST /v1/operator/raft/transfer-leader?id=nobody", "", 500, `the leadership cannot be handed to "nobody"…`},
		{"GET /v1/operator/raft/transfer-leader", "", 405, "method GET is not allowed here…"},
		{"GET /v1/operator/utilization", "", 501, "/v1/operator/utilization is part of Consul Enterprise…"},
	})
	if got := m.notes(); got != "remove a t; remove b ; transfer to ; transfer to b" {
		t.Errorf("it did: %s", got)
	}
	m.setLeader("")
	talks(t, m.handler(), []talk{{"GET /v1/operator/raft/configuration", "", 500, "No cluster leader"}})
	if w := send(t, m.handler(), "GET /v1/operator/raft/configuration?stale", ""); w.Code != 200 {
		t.Errorf("stale without a leader: %d %s", w.Code, w.Body)
	}
}

func TestOperatorAutopilot(t *testing.T) {
	m := newMember()
	h := m.handler()
	const path = "/v1/operator/autopilot/configuration"
	talks(t, h, []talk{
		{"GET /v1/operator/autopilot/health", "", 500, "No cluster leader"},
		{"GET /v1/operator/autopilot/state", "", 500, "No cluster leader"},
		{"PUT " + path, `{"CleanupDeadServers":false,"LastContactThreshold":"1s"}`, 200, "true"},
		{"GET " + path, "", 200, `{"CleanupDeadServers":false,"LastContactThreshold":"1s","MaxTrailingLogs":250,"MinQuorum":0,"ServerStabilizationTime":"10s","RedundancyZoneTag":"",` +
			`"DisableUpgradeMigration":false,"UpgradeVersionTag":"","CreateIndex":1,"ModifyIndex":1}`},
		{"PUT " + path + "?cas=9", `{"MinQuorum":3}`, 200, "false"},
		{"PUT " + path + "?cas=1", `{"MinQuorum":3,"ServerStabilizationTime":5000000000}`, 200, "true"},
		{"PUT " + path + "?cas=x", `{}`, 400, "the parameter cas=x is not a number…"},
		{"PUT " + path, `{"MinQuorum":101}`, 400, "MinQuorum of autopilot is 101…"},
		{"PUT " + path, `{"MaxTrailingLogs":-1}`, 400, "Request decode failed…"},
		{"PUT " + path, `{"LastContactThreshold":"soon"}`, 400, `Request decode failed: invalid duration "soon"…`},
		{"PUT " + path, `{"Unknown":1}`, 400, `Request decode failed: unknown field "Unknown"`},
		{"PUT " + path, "", 400, "Request decode failed: the body is empty…"},
	})
	if a := m.store.View().Autopilot(); a.MinQuorum != 3 || a.ServerStabilizationTime != 5*time.Second || !a.CleanupDeadServers {
		t.Errorf("stored: %+v", a)
	}
	// The public Go client sends a zero for every field that it is not told.
	zeros := `{"CleanupDeadServers":false,"LastContactThreshold":null,"MaxTrailingLogs":0,"MinQuorum":0,"ServerStabilizationTime":null,"CreateIndex":0,"ModifyIndex":0}`
	talks(t, h, []talk{{"PUT " + path, zeros, 200, "true"}})
	if a := m.store.View().Autopilot(); a.MaxTrailingLogs != 250 || a.LastContactThreshold != 200*time.Millisecond || a.CleanupDeadServers {
		t.Errorf("stored of zeros: %+v", a)
	}
	m.servers = looked()
	if w := send(t, h, "GET /v1/operator/autopilot/health", ""); w.Code != 429 {
		t.Errorf("health of an ill cluster: %d", w.Code)
	}
	m.servers = []cluster.ServerHealth{m.servers[0], m.servers[2]}
	if w := send(t, h, "GET /v1/operator/autopilot/health", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"Healthy":true,"FailureTolerance":0`) {
		t.Errorf("health of a healthy cluster: %d %s", w.Code, w.Body)
	}
}

func TestOperatorKeyring(t *testing.T) {
	m := newMember()
	h := m.handler()
	const key = `{"Key":"MDEyMzQ1Njc4OWFiY2RlZg=="}`
	talks(t, h, []talk{
		{"POST /v1/operator/keyring", key, 200, ""},
		{"PUT /v1/operator/keyring?relay-factor=5", key, 200, ""},
		{"DELETE /v1/operator/keyring", key, 200, ""},
		{"POST /v1/operator/keyring", `{"Key":"!"}`, 400, "Key of the body is not a gossip key…"},
		{"POST /v1/operator/keyring", `{}`, 400, "Key of the body is not a gossip key…"},
		{"POST /v1/operator/keyring?relay-factor=6", key, 400, "relay-factor=6 is not between 0 and 5"},
		{"GET /v1/operator/keyring?relay-factor=x", "", 400, "the parameter relay-factor=x is not a number…"},
		{"GET /v1/operator/keyring?local-only=maybe", "", 400, "the parameter local-only=maybe is not a boolean…"},
	})
	if got := strings.Join(m.keys.done, ", "); got != "2 0123456789abcdef, 3 0123456789abcdef, 4 0123456789abcdef" {
		t.Errorf("it did: %s", got)
	}
	m.keys.ill = true
	talks(t, h, []talk{{"PUT /v1/operator/keyring", key, 500, "1/2 nodes reported failure: n2: it did not answer in time"}})
	var pools []struct {
		WAN      bool
		Messages map[string]string
		Keys     map[string]int
		NumNodes int
	}
	if err := json.Unmarshal(send(t, h, "GET /v1/operator/keyring", "").Body.Bytes(), &pools); err != nil {
		t.Fatal(err)
	}
	if len(pools) != 2 || !pools[0].WAN || pools[0].NumNodes != 1 || pools[1].NumNodes != 2 || pools[1].Messages["n2"] == "" || len(pools[1].Keys) != 2 {
		t.Errorf("pools %+v", pools)
	}
	if err := json.Unmarshal(send(t, h, "GET /v1/operator/keyring?local-only=true", "").Body.Bytes(), &pools); err != nil || pools[1].NumNodes != 1 {
		t.Errorf("local only: %+v, %v", pools, err)
	}
	m.keys.err = cluster.Errorf(cluster.Invalid, "encrypt: gossip is not encrypted")
	talks(t, h, []talk{{"GET /v1/operator/keyring", "", 500, "encrypt: gossip is not encrypted"}, {"POST /v1/operator/keyring", key, 500, "encrypt: gossip is not encrypted"}})
}

// TestCARoots follows a client that asks before there is a root, and waits for it.
func TestCARoots(t *testing.T) {
	m := newMember()
	h := m.handler()
	for _, path := range []string{"/v1/agent/connect/ca/roots", "/v1/connect/ca/roots"} {
		talks(t, h, []talk{
			{"GET " + path, "", 200, `{"ActiveRootID":"","TrustDomain":"","Roots":[]}`},
			{"GET " + path + "?pem=true", "", 404, "the cluster's CA has no root yet…"},
		})
	}
	answered := make(chan string, 1)
	go func() { answered <- send(t, h, "GET /v1/connect/ca/roots?index=1&wait=30s", "").Body.String() }()
	m.apply(t, &cluster.NewTerm{}, &cluster.SetCARoot{Root: sampleRoot})
	if got := <-answered; !strings.Contains(got, `"ActiveRootID":"aa:bb"`) || strings.Contains(strings.ToUpper(got), "PRIVATE KEY-") {
		t.Errorf("who waited was told %s", got)
	}
	w := send(t, h, "GET /v1/connect/ca/roots?pem", "")
	if w.Body.String() != sampleRoot.Cert || w.Header().Get("Content-Type") != "application/pem-certificate-chain" {
		t.Errorf("pem: %q %s", w.Header().Get("Content-Type"), w.Body)
	}
	talks(t, m.handler(func(c *Config) { c.NoConnect = true }), []talk{{"GET /v1/connect/ca/roots", "", 500, "Connect must be enabled in order to use this endpoint…"}})
	talks(t, h, []talk{
		{"PUT /v1/connect/ca/roots", "", 405, "method PUT is not allowed here…"},
		{"GET /v1/connect/ca/configuration", "", 501, "/v1/connect/ca/configuration is part of the service mesh…"},
		{"GET /v1/agent/connect/ca/leaf/web", "", 501, "/v1/agent/connect/ca/leaf/web is part of the service mesh…"},
	})
}

var sampleRoot = cluster.CARoot{
	ID: "aa:bb", Name: "Consul CA Primary Cert", TrustDomain: "11111111-2222-3333-4444-555555555555.consul", SerialNumber: 1, SigningKeyID: "cc:dd",
	Cert: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NotBefore: start, NotAfter: start.AddDate(10, 0, 0),
}

// TestOperatorUsage counts instances of every kind.
func TestOperatorUsage(t *testing.T) {
	m := newMember().populate(t)
	instance := func(s cluster.Service) {
		s.Node = "n2"
		m.apply(t, &cluster.Register{Node: cluster.Node{Name: "n2", Address: "10.0.0.2"}, SkipNodeUpdate: true, Service: &s})
	}
	instance(cluster.Service{ID: "consul", Name: "consul"})
	instance(cluster.Service{ID: "proxy", Name: "proxy", Kind: "connect-proxy"})
	instance(cluster.Service{ID: "native", Name: "native", Connect: []byte(`{"Native":true}`)})
	got := send(t, m.handler(), "GET /v1/operator/usage", "").Body.String()
	for _, want := range []string{`"Nodes":2,"Services":4,"ServiceInstances":5,`, `"connect-native":1,"connect-proxy":1,`, `"BillableServiceInstances":3}`} {
		if !strings.Contains(got, want) {
			t.Errorf("usage has no %s: %s", want, got)
		}
	}
}
