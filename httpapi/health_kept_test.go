package httpapi

import (
	"testing"

	"holdfast/cluster"
)

// TestKeptHealthIsNeverOld asks for the answer that is kept and for one that is made anew, an empty filter makes it so, after each kind of
// change that bears on a service.
func TestKeptHealthIsNeverOld(t *testing.T) {
	m := newMember().populate(t)
	h := m.handler()
	last := ""
	same := func(after, name, passing string) {
		t.Helper()
		kept := send(t, h, "GET /v1/health/service/"+name+"?"+passing, "")
		anew := send(t, h, "GET /v1/health/service/"+name+"?filter=&"+passing, "")
		if kept.Code != 200 || kept.Body.String() != anew.Body.String() || kept.Header().Get("X-Consul-Index") != anew.Header().Get("X-Consul-Index") {
			t.Errorf("after %s: /v1/health/service/%s?%s is\n%s %s\nwant\n%s %s", after, name, passing,
				kept.Header().Get("X-Consul-Index"), kept.Body, anew.Header().Get("X-Consul-Index"), anew.Body)
		}
		if again := send(t, h, "GET /v1/health/service/"+name+"?"+passing, ""); again.Body.String() != kept.Body.String() {
			t.Errorf("after %s: the second answer differs from the first", after)
		}
		if name == "web" && passing == "" {
			if kept.Body.String() == last {
				t.Errorf("after %s it says the same as before", after)
			}
			last = kept.Body.String()
		}
	}
	web := func(id string, tags ...string) *cluster.Service {
		return &cluster.Service{ID: id, Name: "web", Port: 80, Tags: tags}
	}
	for _, c := range []struct {
		after string
		cmd   cluster.Command
	}{
		{"nothing", kvSet("k")},
		{"an instance joins", &cluster.Register{Node: cluster.Node{Name: "n9", Address: "10.0.0.9"}, Service: web("web-9")}},
		{"its tags change", &cluster.Register{Node: cluster.Node{Name: "n9", Address: "10.0.0.9"}, Service: web("web-9", "new")}},
		{"its node's address changes", &cluster.Register{Node: cluster.Node{Name: "n9", Address: "10.0.0.99"}}},
		{"its node has metadata", &cluster.Register{Node: cluster.Node{Name: "n9", Address: "10.0.0.99", Meta: map[string]string{"rack": "a"}}}},
		{"its node has a check", &cluster.Register{
			Node: cluster.Node{Name: "n9"}, SkipNodeUpdate: true,
			Checks: []*cluster.Check{{Node: "n9", ID: "disk", Name: "disk", Status: cluster.Passing}},
		}},
		{"that check warns", &cluster.Register{
			Node: cluster.Node{Name: "n9"}, SkipNodeUpdate: true,
			Checks: []*cluster.Check{{Node: "n9", ID: "disk", Name: "disk", Status: cluster.Warning}},
		}},
		{"that check says something", &cluster.Register{
			Node: cluster.Node{Name: "n9"}, SkipNodeUpdate: true,
			Checks: []*cluster.Check{{Node: "n9", ID: "disk", Name: "disk", Status: cluster.Warning, Output: "90 %"}},
		}},
		{"that check goes", &cluster.Deregister{Node: "n9", CheckID: "disk"}},
		{"a check of another instance fails", fail("n1", "service:web-1")},
		{"the instance leaves", &cluster.Deregister{Node: "n9", ServiceID: "web-9"}},
		{"a node leaves", &cluster.Deregister{Node: "n1"}},
	} {
		m.apply(t, c.cmd)
		for _, name := range []string{"web", "WEB", "none"} {
			same(c.after, name, "")
			same(c.after, name, "passing")
		}
	}
	if w := send(t, h, "GET /v1/health/service/web?pretty", ""); w.Body.Len() < 10 || w.Body.String()[1] != '\n' {
		t.Errorf("a kept answer is not pretty:\n%s", w.Body)
	}
}
