package dnsapi

import (
	"net/netip"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

func (w *world) apply(t *testing.T, cmd cluster.Command) {
	t.Helper()
	w.index++
	if res := w.store.Apply([]state.Entry{{Index: w.index, Time: time.Unix(1e9, 0), Command: cmd}})[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
}

func TestGroup(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80), on(runs(at("n2", "10.0.0.2"), "web", 81), "10.0.0.22"))
	w.NodeTTL = 5 * time.Second
	vips := []cluster.VIP{{Prefix: netip.MustParsePrefix("10.77.0.100/24")}, {Prefix: netip.MustParsePrefix("fd00::100/64")}}
	w.apply(t, &cluster.PutGroup{Group: cluster.Group{Name: "Edge.gw", VIPs: vips, Service: "web"}})
	w.try(t, // nobody holds it
		row{ask: "edge.gw.group.consul. A", code: "NOERROR aa", ns: negative},
		row{ask: "holder.edge.gw.group.consul. A", code: "NOERROR aa", ns: negative},
		row{ask: "other.group.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "holder.other.group.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "group.consul. A", code: "NOERROR aa", ns: negative},
	)
	move := func(node string, epoch uint64) {
		t.Helper()
		w.apply(t, &cluster.Steer{Assignments: []cluster.Assignment{{Group: "Edge.gw", Node: node, Epoch: epoch, VIPs: vips, Since: time.Unix(1e9, 0)}}})
	}
	move("n1", 1)
	w.try(t,
		row{ask: "edge.gw.group.consul. A", code: "NOERROR aa", answer: []string{"edge.gw.group.consul. 5 A 10.77.0.100"}},
		row{ask: "EDGE.gw.group.dc1.consul. AAAA", code: "NOERROR aa", answer: []string{"EDGE.gw.group.dc1.consul. 5 AAAA fd00::100"}},
		row{ask: "holder.edge.gw.group.consul. A", code: "NOERROR aa", answer: []string{"holder.edge.gw.group.consul. 5 A 10.0.0.1"}},
		row{ask: "edge.gw.group.consul. SRV", code: "NOERROR aa", answer: []string{"edge.gw.group.consul. 5 SRV 1 1 80 n1.node.dc1.consul."}, extra: []string{"n1.node.dc1.consul. 5 A 10.0.0.1"}},
		row{ask: "edge.gw.group.consul. TXT", code: "NOERROR aa", answer: []string{`edge.gw.group.consul. 5 TXT "epoch=1"`, `edge.gw.group.consul. 5 TXT "holder=n1"`}},
		row{ask: "edge.gw.group.dc2.consul. A", code: "NXDOMAIN aa", ns: negative},
	)
	move("n2", 2)
	w.try(t, // with the commit that moves it
		row{ask: "edge.gw.group.consul. A", code: "NOERROR aa", answer: []string{"edge.gw.group.consul. 5 A 10.77.0.100"}},
		row{ask: "holder.edge.gw.group.consul. A", code: "NOERROR aa", answer: []string{"holder.edge.gw.group.consul. 5 A 10.0.0.2"}},
		row{ask: "edge.gw.group.consul. SRV", code: "NOERROR aa", answer: []string{"edge.gw.group.consul. 5 SRV 1 1 81 0a000016.addr.dc1.consul."}, extra: []string{"0a000016.addr.dc1.consul. 5 A 10.0.0.22"}},
		row{ask: "edge.gw.group.consul. TXT", code: "NOERROR aa", answer: []string{`edge.gw.group.consul. 5 TXT "epoch=2"`, `edge.gw.group.consul. 5 TXT "holder=n2"`}},
	)
}

// TestGroupTTL follows the TTL of a group's names to a planned move: nobody may remember beyond it where the group was.
func TestGroupTTL(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80), at("n2", "10.0.0.2"))
	w.NodeTTL = time.Hour
	vips := []cluster.VIP{{Prefix: netip.MustParsePrefix("10.77.0.100/24")}}
	move := func(node string, epoch uint64) {
		t.Helper()
		w.apply(t, &cluster.Steer{Assignments: []cluster.Assignment{{Group: "gw", Node: node, Epoch: epoch, VIPs: vips, Moved: true, Since: time.Unix(1e9, 0)}}})
	}
	plan := func(in time.Duration, at time.Time) {
		t.Helper()
		w.index++
		if res := w.store.Apply([]state.Entry{{Index: w.index, Time: at, Command: &cluster.PlanMove{Group: "gw", Node: "n2", In: in}}})[0]; res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	w.apply(t, &cluster.PutGroup{Group: cluster.Group{Name: "gw", VIPs: vips, Service: "web"}})
	move("n1", 1)
	ttls := func(least, most uint32) {
		t.Helper()
		for _, q := range []string{"gw.group.consul. A", "gw.group.consul. SRV", "gw.group.consul. TXT", "GW.group.dc1.consul. ANY", "holder.gw.group.consul. A"} {
			m := w.ask(t, q)
			if len(m.Answer) == 0 {
				t.Errorf("%s: no answer", q)
			}
			for _, rr := range m.Answer {
				if ttl := rr.Header().Ttl; ttl < least || ttl > most {
					t.Errorf("%s: %s, want a TTL from %d to %d", q, rr, least, most)
				}
			}
		}
		if m := w.ask(t, "n1.node.consul. A"); m.Answer[0].Header().Ttl != 3600 {
			t.Errorf("the node's own name has the TTL of the move: %s", m.Answer[0])
		}
	}
	ttls(3600, 3600)
	plan(2*time.Hour, time.Now())
	ttls(3600, 3600)
	plan(10*time.Minute, time.Now())
	ttls(500, 600)
	plan(time.Minute, time.Now().Add(-time.Hour))
	ttls(0, 0)
	move("n2", 2)
	w.apply(t, &cluster.Register{Node: cluster.Node{Name: "n2", Address: "10.0.0.2"}, Service: &cluster.Service{ID: "web", Name: "web", Port: 80}})
	ttls(3600, 3600)
}
