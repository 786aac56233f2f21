package local

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"holdfast/cluster"
)

func (m *mirror) String() string {
	words := slices.Sorted(maps.Keys(m.services))
	for _, k := range slices.Sorted(maps.Keys(m.checks)) {
		words = append(words, k+"="+string(m.checks[k].Status))
	}
	return strings.Join(words, " ")
}

func put(service string, checks ...*cluster.Check) *cluster.Register {
	cmd := &cluster.Register{Node: self, SkipNodeUpdate: true, Checks: checks}
	if service != "" {
		cmd.Service = &cluster.Service{Node: "n1", ID: service, Name: service, Weights: cluster.DefaultWeights}
	}
	return cmd
}

func passing(id, service string) *cluster.Check {
	return &cluster.Check{Node: "n1", ID: id, Name: id, ServiceID: service, Status: cluster.Passing}
}

// TestMirrorFollowsWrites lets a mirror and a catalog take the same commands: they must agree after each, without reading.
func TestMirrorFollowsWrites(t *testing.T) {
	f := newFakeCatalog()
	m := mirror{}
	m.mark()
	m.load(f.WatchView(), "n1")
	worse := passing("b", "web")
	worse.Status = cluster.Warning
	for i, cmd := range []cluster.Command{
		&cluster.Register{Node: self},
		put("Web", passing("a", "Web"), passing("B", "web")),
		put("", passing("disk", "")),
		put("", worse),
		put("api", passing("a", "api")), // it goes to another service
		&cluster.Deregister{Node: "n1", CheckID: "DISK"},
		&cluster.Deregister{Node: "n1", ServiceID: "web"},
		&cluster.Deregister{Node: "n1", ServiceID: "none"},
		&cluster.Deregister{Node: "n1", CheckID: "none"},
	} {
		if _, err := f.Apply(t.Context(), cluster.WriteOptions{}, cmd); err != nil {
			t.Fatal(err)
		}
		m.apply(cmd)
		fresh := mirror{}
		fresh.load(f.WatchView(), "n1")
		if m.String() != fresh.String() || !sameNode(m.node, fresh.node) {
			t.Errorf("command %d: the mirror has %q, the catalog %q", i, m.String(), fresh.String())
		}
	}
}

// TestMirrorKeepsWhatIsNewerThanTheView loads a view that does not have what was written since the mark.
func TestMirrorKeepsWhatIsNewerThanTheView(t *testing.T) {
	f := newFakeCatalog()
	f.behind(t, &cluster.Register{Node: self}, put("old", passing("o", "old")), put("stays", passing("s", "stays")))
	stale := f.WatchView()
	m := mirror{}
	m.load(stale, "n1")
	m.mark()
	moved := self
	moved.Address = "10.0.0.9"
	m.apply(&cluster.Register{Node: moved})
	m.apply(put("new", passing("n", "new")))
	m.apply(&cluster.Deregister{Node: "n1", ServiceID: "old"})
	m.load(stale, "n1")
	if want := "new stays n=passing s=passing"; m.String() != want || m.node.Address != "10.0.0.9" {
		t.Errorf("the mirror has %q at %s, want %q", m.String(), m.node.Address, want)
	}
	m.mark()
	m.load(stale, "n1") // now the view counts
	if want := "old stays o=passing s=passing"; m.String() != want || m.node.Address != self.Address {
		t.Errorf("the mirror has %q at %s, want %q", m.String(), m.node.Address, want)
	}
}

// TestBatchIsBounded has more to do than goes at once: nothing is lost, and a status goes before services.
func TestBatchIsBounded(t *testing.T) {
	f := newFakeCatalog()
	f.behind(t, registered())
	r := newRegistry(f, Options{})
	const n = 3 * batchSize / 2
	for i := range n {
		must(t, r.RegisterService(service("s"+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10)))))
	}
	must(t, r.RegisterCheck(ttl("disk"), "", FromAPI))
	m := mirror{}
	m.mark()
	m.load(f.WatchView(), "n1")
	seen := 0
	for range 2 {
		b := r.batchLocked(&m)
		if len(b.writes) > batchSize {
			t.Errorf("%d writes at once", len(b.writes))
		}
		if seen == 0 && len(b.writes[0].cmd.(*cluster.Register).Checks) != 1 {
			t.Error("the check does not go first")
		}
		for _, w := range b.writes {
			m.apply(w.cmd)
		}
		seen += len(b.writes)
	}
	if b := r.batchLocked(&m); seen != n+1 || len(b.writes) > 0 || len(m.services) != n+1 {
		t.Errorf("%d writes and %d more, want %d", seen, len(b.writes), n+1)
	}
}
