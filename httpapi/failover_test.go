package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/cluster"
	"holdfast/httpapi/group"
)

func TestFailoverGroup(t *testing.T) {
	m := newMember()
	h := m.handler()
	const dns = `{"Name":"dns","VIPs":[{"Address":"10.77.0.53/24","Interface":"eth1"},{"Address":"fd00::53/64"}],"Service":"dns","Prefer":["n2"],"Preempt":true,
		"OnAcquire":[{"Args":["/bin/a","b"],"Timeout":"3s"}],"OnRelease":[{"Args":["/bin/c"]}]}`
	talks(t, h, []talk{
		{"GET /v1/failover/groups", "", 200, "[]"},
		{"GET /v1/failover/group/dns", "", 404, `there is no group "dns"…`},
		{"PUT /v1/failover/group/dns?cas=5", dns, 409, "…"},
		{"PUT /v1/failover/group/dns?cas=0", dns, 200, "true"},
		{"PUT /v1/failover/group/dns?cas=0", dns, 409, "…"},
		{"PUT /v1/failover/group/other", `{"VIPs":[{"Address":"10.77.0.54/24"}]}`, 200, "true"},
	})
	w := send(t, h, "GET /v1/failover/group/dns", "")
	var got group.GroupStatus
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := group.Group{
		Name: "dns", VIPs: []group.VIP{{Address: "10.77.0.53/24", Interface: "eth1"}, {Address: "fd00::53/64"}}, Service: "dns", Prefer: []string{"n2"}, Preempt: true,
		OnAcquire: []group.Hook{{Args: []string{"/bin/a", "b"}, Timeout: "3s"}}, OnRelease: []group.Hook{{Args: []string{"/bin/c"}}}, CreateIndex: 2, ModifyIndex: 2,
	}
	if d := cmp.Diff(want, got.Group); d != "" {
		t.Error(d)
	}
	// What is read can be written again.
	talks(t, h, []talk{
		{"PUT /v1/failover/group/dns?cas=2", dns, 200, "true"},
		{"DELETE /v1/failover/group/dns", "", 200, "true"},
		{"DELETE /v1/failover/group/dns", "", 404, "…"},
	})
	if m.store.View().Group("dns") != nil {
		t.Error("the group is still there")
	}
}

func TestFailoverRefuses(t *testing.T) {
	h := newMember().populate(t).handler()
	talks(t, h, []talk{
		{"PUT /v1/failover/group/a", `{"Name":"b","VIPs":[{"Address":"10.77.0.1/24"}]}`, 400, `the path names the group "a" and the body "b"…`},
		{"PUT /v1/failover/group/a", `{"VIPs":[]}`, 400, `group "a" has no vip…`},
		{"PUT /v1/failover/group/a", `{"VIPs":[{"Address":"10.77.0.1"}]}`, 400, `group "a": VIPs: "10.77.0.1" is not an address with a prefix length…`},
		{"PUT /v1/failover/group/a", `{"VIPs":[{"Address":"10.77.0.1/24"}],"OnAcquire":[{"Args":["x"],"Timeout":"soon"}]}`, 400, `group "a": OnAcquire: timeout "soon"…`},
		{"PUT /v1/failover/group/a", `{"VIPs":[{"Address":"10.77.0.100/24"}]}`, 409, `group "a" cannot have the vip 10.77.0.100…`},
		{"PUT /v1/failover/group/a", `{"VIPs":[{"Address":"192.0.2.9/24"}]}`, 400, `group "a": no machine has an interface in 192.0.2.0/24`},
		{"PUT /v1/failover/group/a", `{"Vip":[]}`, 400, `Request decode failed: unknown field "Vip"`},
		{"PUT /v1/failover/group/a?cas=x", `{"VIPs":[{"Address":"10.77.0.1/24"}]}`, 400, "the parameter cas=x…"},
		{"PUT /v1/failover/plan", `[{"Name":"a","VIPs":[{"Address":"192.0.2.9/24"}]}]`, 400, `group "a": no machine…`},
		{"PUT /v1/failover/plan", `[{"Name":"a","VIPs":[{"Address":"10.77.0.1/24"}]},{"Name":"a","VIPs":[{"Address":"10.77.0.2/24"}]}]`, 400, `the group "a" is given twice…`},
		{"PUT /v1/failover/plan", `{}`, 400, "Request decode failed…"},
		{"PUT /v1/failover/groups", `[{"Name":"a","VIPs":[{"Address":"10.77.0.1/24"}]},{"Name":"b","VIPs":[{"Address":"10.77.0.100/24"}]}]`, 409, `group "b" cannot have the vip 10.77.0.100…`},
		{"PUT /v1/failover/groups", "[]", 400, "the body has no group…"},
		{"GET /v1/failover/group/a", "", 404, `there is no group "a"…`},
		{"PUT /v1/failover/group/gateway/move", "", 400, "the parameter to is missing…"},
		{"PUT /v1/failover/group/none/move?to=n2", "", 404, `there is no group "none"`},
		{"GET /v1/failover/plan?check=web=critical", "", 400, "the parameter check=web=critical cannot be read: want NODE/NAME=STATUS, as in n1/web=critical"},
		{"GET /v1/failover/plan?check=n1/web=broken", "", 400, "the parameter check=n1/web=broken cannot be read…"},
		{"GET /v1/failover/budget?group=none", "", 200, "[]"},
		{"GET /v1/failover/explain/none", "", 404, `there is no group "none"…`},
		{"GET /v1/failover/timeline?limit=x", "", 400, "the parameter limit=x is not a number…"},
		{"GET /v1/failover/timeline?limit=-1", "", 400, "the parameter limit=-1…"},
		{"GET /v1/failover/explain/gateway?limit=x", "", 400, "the parameter limit=x…"},
	})
}

// TestFailoverGroups writes groups that exchange their addresses.
func TestFailoverGroups(t *testing.T) {
	m := newMember().populate(t)
	const body = `[{"Name":"a","VIPs":[{"Address":"10.77.0.%d/24"}]},{"Name":"b","VIPs":[{"Address":"10.77.0.%d/24"}]}]`
	talks(t, m.handler(), []talk{
		{"PUT /v1/failover/groups", fmt.Sprintf(body, 1, 2), 200, "true"},
		{"PUT /v1/failover/groups", fmt.Sprintf(body, 2, 1), 200, "true"},
	})
	for name, want := range map[string]string{"a": "10.77.0.2/24", "b": "10.77.0.1/24"} {
		if got := m.store.View().Group(name).VIPs[0].Prefix.String(); got != want {
			t.Errorf("group %s has %s, want %s", name, got, want)
		}
	}
}

func TestFailoverPlanChangesNothing(t *testing.T) {
	m := newMember().populate(t)
	before := m.index
	w := send(t, m.handler(), "PUT /v1/failover/plan", `[{"Name":"new","VIPs":[{"Address":"10.77.0.1/24"}]}]`)
	if got, want := names(t, w, "Group"), []string{"new", "gateway"}; !cmp.Equal(got, want) {
		t.Errorf("the plan decides %q, want %q", got, want)
	}
	if m.index != before || m.store.View().Group("new") != nil {
		t.Error("a plan changed the state")
	}
}

func TestFailoverMove(t *testing.T) {
	m := newMember().populate(t)
	w := send(t, m.handler(), "PUT /v1/failover/group/gateway/move?to=n2", "")
	var a group.Assignment
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || a.Node != "n2" || a.Epoch != 2 || !a.Moved {
		t.Errorf("move answers %d %s", w.Code, w.Body)
	}
	if got := m.store.View().Assignment("gateway").Node; got != "n2" {
		t.Errorf("the group is on %s", got)
	}
}

// TestFailoverPlannedMove plans a move, sees it wherever a group is shown, and calls it off.
func TestFailoverPlannedMove(t *testing.T) {
	m := newMember().populate(t)
	h := m.handler()
	if w := send(t, h, "GET /v1/failover/group/gateway", ""); strings.Contains(w.Body.String(), "Planned") {
		t.Errorf("nothing is planned, and %s", w.Body)
	}
	talks(t, h, []talk{
		{"DELETE /v1/failover/group/gateway/move", "", 404, `no move of group "gateway" is planned`},
		{"PUT /v1/failover/group/gateway/move?in=60s", "", 400, "the parameter to is missing…"},
		{"PUT /v1/failover/group/gateway/move?to=n2&in=soon", "", 400, "the parameter in=soon is not how long to wait…"},
		{"PUT /v1/failover/group/gateway/move?to=n2&in=-1s", "", 400, "the parameter in=-1s…"},
		{"PUT /v1/failover/group/gateway/move?to=n2&in=169h", "", 400, "the parameter in=169h is not how long to wait: want a duration as 60s, at most 168h0m0s"},
		{"PUT /v1/failover/group/none/move?to=n2&in=1m", "", 404, `there is no group "none"`},
	})
	w := send(t, h, "PUT /v1/failover/group/gateway/move?to=n2&in=1m", "")
	var p group.PlannedMove
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Group != "gateway" || p.Node != "n2" || p.At.IsZero() {
		t.Errorf("the plan is answered with %d %s", w.Code, w.Body)
	}
	if got := m.store.View().Assignment("gateway").Node; got != "n1" {
		t.Errorf("the group is on %s already", got)
	}
	for _, where := range []string{"group/gateway", "groups", "plan", "explain/gateway", "status"} {
		if w := send(t, h, "GET /v1/failover/"+where, ""); !strings.Contains(w.Body.String(), `"Planned":{"Group":"gateway","Node":"n2","At":"`) {
			t.Errorf("GET %s shows no plan: %s", where, w.Body)
		}
	}
	talks(t, h, []talk{
		{"DELETE /v1/failover/group/gateway/move", "", 200, "true"},
		{"DELETE /v1/failover/group/none/move", "", 404, `there is no group "none"`},
	})
	if m.store.View().PlannedMove("gateway") != nil {
		t.Error("the move is still planned")
	}
}

func TestFailoverTimeline(t *testing.T) {
	m := newMember().populate(t)
	for i := range 60 {
		at := start.Add(time.Duration(i))
		m.apply(t, &cluster.Record{Transitions: []cluster.Transition{{Time: at, Kind: cluster.TransitionHook, Group: "gateway", Took: time.Second}, {Time: at, Kind: cluster.TransitionPresence, Node: "n2"}}})
	}
	h := m.handler()
	for target, want := range map[string]int{
		"/v1/failover/timeline": 50, "/v1/failover/timeline?limit=3": 3, "/v1/failover/timeline?limit=0": 122, "/v1/failover/timeline?group=gateway&limit=0": 62,
		"/v1/failover/timeline?group=none": 0,
	} {
		if got := len(names(t, send(t, h, "GET "+target, ""), "Kind")); got != want {
			t.Errorf("GET %s: %d entries, want %d", target, got, want)
		}
	}
}

func FuzzGroup(f *testing.F) {
	for _, b := range []string{`{"VIPs":[{"Address":"10.0.0.1/24"}]}`, `{"VIPs":[{"Address":"::ffff:1.2.3.4/128"}]}`, `{"VIPs":[{"Address":"fe80::1%eth0/64"}]}`, `null`, `{"OnAcquire":[{}]}`, `{"VIPs":[null]}`} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := newMember()
		w := send(t, m.handler(), "PUT /v1/failover/group/g", body)
		if w.Code != 200 && w.Code != 400 || strings.Contains(w.Body.String(), "the agent failed") {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
		if g := m.store.View().Group("g"); g != nil && g.Validate() != nil {
			t.Fatalf("%q stores a group that is not valid: %v", body, g.Validate())
		}
	})
}
