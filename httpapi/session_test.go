package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/cluster"
)

// TestSessionCreate holds what each field, and its absence, means.
func TestSessionCreate(t *testing.T) {
	serf := []string{cluster.SerfHealth}
	for body, want := range map[string]cluster.Session{
		``:                         {NodeChecks: serf},
		`{}`:                       {NodeChecks: serf},
		`{"Name":"x","TTL":"15s"}`: {NodeChecks: serf, Name: "x", TTL: 15 * time.Second, TTLAsGiven: "15s"},
		`{"TTL":"90s"}`:            {NodeChecks: serf, TTL: 90 * time.Second, TTLAsGiven: "90s"},
		`{"TTL":"0s"}`:             {NodeChecks: serf, TTLAsGiven: "0s"},
		`{"Unknown":[{}]}`:         {NodeChecks: serf},
		`{"LockDelay":"1ms"}`:      {NodeChecks: serf, LockDelay: time.Millisecond},
		`{"LockDelay":"0s"}`:       {NodeChecks: serf, LockDelay: -1},
		`{"LockDelay":0}`:          {NodeChecks: serf, LockDelay: -1},
		`{"LockDelay":5}`:          {NodeChecks: serf, LockDelay: 5 * time.Second},
		`{"LockDelay":20000000}`:   {NodeChecks: serf, LockDelay: 20 * time.Millisecond},
		`{"LockDelay":null}`:       {NodeChecks: serf},
		`{"Behavior":"delete"}`:    {NodeChecks: serf, Behavior: cluster.SessionDelete},
		`{"Checks":[]}`:            {},
		`{"NodeChecks":[]}`:        {},
		`{"NodeChecks":null}`:      {},
		`{"Checks":null}`:          {},
		`{"NodeChecks":["serfHealth"],"Checks":["serfHealth"]}`:      {NodeChecks: serf},
		`{"Checks":["serfHealth","service:web-1"]}`:                  {NodeChecks: []string{cluster.SerfHealth, "service:web-1"}},
		`{"Checks":["service:web-1"]}`:                               {NodeChecks: []string{cluster.SerfHealth, "service:web-1"}},
		`{"NodeChecks":["service:web-1"]}`:                           {NodeChecks: []string{"service:web-1"}},
		`{"NodeChecks":["service:web-1"],"Checks":["serfHealth"]}`:   {NodeChecks: []string{"service:web-1"}},
		`{"NodeChecks":["service:web-1"],"Checks":[]}`:               {},
		`{"NodeChecks":[],"Checks":["service:web-1"]}`:               {},
		`{"Node":"n2","NodeChecks":[]}`:                              {Node: "n2"},
		`{"NodeChecks":[],"ServiceChecks":[{"ID":"service:web-1"}]}`: {ServiceChecks: []cluster.SessionServiceCheck{{ID: "service:web-1"}}},
		`{"node":"n2","checks":[],"lockdelay":"5s"}`:                 {Node: "n2", LockDelay: 5 * time.Second},
	} {
		m := newMember().populate(t)
		w := send(t, m.handler(), "PUT /v1/session/create", body)
		var id struct{ ID string }
		if err := json.Unmarshal(w.Body.Bytes(), &id); err != nil {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
			continue
		}
		want.ID, want.CreateIndex, want.ModifyIndex = id.ID, m.index, m.index
		switch want.LockDelay {
		case 0:
			want.LockDelay = cluster.DefaultLockDelay
		case -1:
			want.LockDelay = 0
		}
		if want.Behavior == "" {
			want.Behavior = cluster.SessionRelease
		}
		if want.Node == "" {
			want.Node = "n1"
		}
		if d := cmp.Diff(&want, m.store.View().Session(id.ID)); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
}

// TestSessionRefuses holds the statuses and the beginnings of the sentences that clients decide by.
func TestSessionRefuses(t *testing.T) {
	h := newMember().populate(t).handler(func(c *Config) { c.SessionTTLMin = 5 * time.Second })
	talks(t, h, []talk{
		{"PUT /v1/session/create", `{"TTL":"4s"}`, 500, "Invalid Session TTL '4s', must be between [5s, 24h0m0s]"},
		{"PUT /v1/session/create", `{"TTL":"25h"}`, 500, "Invalid Session TTL '25h', must be between [5s, 24h0m0s]"},
		{"PUT /v1/session/create", `{"TTL":"-1s"}`, 500, "Invalid Session TTL '-1s', must be between…"},
		{"PUT /v1/session/create", `{"TTL":"soon"}`, 500, "Session TTL 'soon' invalid…"},
		{"PUT /v1/session/create", `{"TTL":"5s"}`, 200, `{"ID":"…`},
		{"PUT /v1/session/create", `{"Behavior":"explode"}`, 500, `Invalid Behavior "explode"…`},
		{"PUT /v1/session/create", `{"Node":"none"}`, 500, "Missing node registration…"},
		{"PUT /v1/session/create", `{"NodeChecks":["none"]}`, 500, "Missing check 'none' registration…"},
		{"PUT /v1/session/create", `{"LockDelay":"soon"}`, 400, "Request decode failed…"},
		{"PUT /v1/session/create", `{"LockDelay":[]}`, 400, "Request decode failed…"},
		{"PUT /v1/session/create", `{"NodeChecks":"serfHealth"}`, 400, "Request decode failed…"},
		{"PUT /v1/session/create", `{`, 400, "Request decode failed…"},
		{"PUT /v1/session/renew/none", "", 404, "Session id 'none' not found"},
		{"PUT /v1/session/renew/", "", 400, "Missing session ID…"},
		{"PUT /v1/session/destroy/none", "", 200, "true"},
		{"PUT /v1/session/destroy/", "", 400, "Missing session ID…"},
		{"GET /v1/session/node/none", "", 200, "[]"},
	})
}

func TestSessionLife(t *testing.T) {
	m := newMember().populate(t)
	h := m.handler()
	const id = "00000000-0000-0000-0000-00000000000a"
	talks(t, h, []talk{
		{"PUT /v1/session/renew/" + id, "", 200, `[{"ID":"` + id + `","Name":"s"…`},
		{"PUT /v1/session/destroy/" + id, "", 200, "true"},
		{"GET /v1/session/list", "", 200, "[]"},
		{"PUT /v1/session/renew/" + id, "", 404, "Session id…"},
	})
	if d := cmp.Diff([]string{id}, m.renewed); d != "" {
		t.Error(d)
	}
}

func FuzzSessionCreate(f *testing.F) {
	for _, b := range []string{`{"LockDelay":1e300}`, `{"LockDelay":-1}`, `{"TTL":"1e9h"}`, `{"Checks":[1]}`, `null`, ``, `{"ServiceChecks":null}`} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := send(t, newMember().populate(t).handler(), "PUT /v1/session/create", body)
		if w.Code != 200 && w.Code != 400 && w.Code != 500 || strings.Contains(w.Body.String(), "the agent failed") {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}
