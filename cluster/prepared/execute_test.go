package prepared

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

func TestSelect(t *testing.T) {
	v := view(
		t,
		web("n1", "10.0.0.1", func(n *cluster.Node, s *cluster.Service) {
			n.Meta, s.Meta, s.Tags = map[string]string{"rack": "r1"}, map[string]string{"v": "1", "empty": ""}, []string{"Primary", "v1"}
		}, check("serfHealth", "", cluster.Passing), check("a", "web", cluster.Passing)),
		web("n2", "10.0.0.2", func(n *cluster.Node, s *cluster.Service) { s.Tags = []string{"v1"} }, check("a", "web", cluster.Warning)),
		web("n3", "10.0.0.3", func(n *cluster.Node, s *cluster.Service) { s.Tags = []string{"v2"} }, check("serfHealth", "", cluster.Critical)),
		web("n4", "10.0.0.4", nil, check("a", "web", cluster.Passing), check("b", "web", cluster.Critical)),
		&cluster.Register{Node: cluster.Node{Name: "n5", Address: "10.0.0.5"}, Service: &cluster.Service{ID: "db", Name: "db"}},
	)
	for _, c := range []struct {
		name   string
		change func(s *cluster.QueryService)
		want   string
	}{
		{"none is critical", func(*cluster.QueryService) {}, "n1 n2 "},
		{"all pass", func(s *cluster.QueryService) { s.OnlyPassing = true }, "n1 "},
		{"a check of the instance is ignored", func(s *cluster.QueryService) { s.IgnoreCheckIDs = []string{"b"} }, "n1 n2 n4 "},
		{"a check of the node is ignored", func(s *cluster.QueryService) { s.IgnoreCheckIDs = []string{"serfHealth", "none"} }, "n1 n2 n3 "},
		{"what passes not is ignored", func(s *cluster.QueryService) { s.OnlyPassing, s.IgnoreCheckIDs = true, []string{"a", "b"} }, "n1 n2 n4 "},
		{"a tag", func(s *cluster.QueryService) { s.Tags = []string{"V1"} }, "n1 n2 "},
		{"two tags", func(s *cluster.QueryService) { s.Tags = []string{"v1", "primary"} }, "n1 "},
		{"not a tag", func(s *cluster.QueryService) { s.Tags = []string{"!PRIMARY"} }, "n2 "},
		{"a tag and not another", func(s *cluster.QueryService) { s.Tags = []string{"v1", "!primary"} }, "n2 "},
		{"a tag and not the same", func(s *cluster.QueryService) { s.Tags = []string{"v1", "!v1"} }, ""},
		{"not two tags", func(s *cluster.QueryService) { s.Tags = []string{"!v1", "!v2"}; s.IgnoreCheckIDs = []string{"b"} }, "n4 "},
		{"metadata of the node", func(s *cluster.QueryService) { s.NodeMeta = map[string]string{"rack": "r1"} }, "n1 "},
		{"other metadata of the node", func(s *cluster.QueryService) { s.NodeMeta = map[string]string{"rack": "r2"} }, ""},
		{"metadata of the instance", func(s *cluster.QueryService) { s.ServiceMeta = map[string]string{"v": "1", "empty": ""} }, "n1 "},
		{"metadata that is not there", func(s *cluster.QueryService) { s.ServiceMeta = map[string]string{"none": ""} }, ""},
		{"another service", func(s *cluster.QueryService) { s.Service = "DB" }, "n5 "},
		{"no service", func(s *cluster.QueryService) { s.Service = "" }, ""},
	} {
		s := cluster.QueryService{Service: "web"}
		c.change(&s)
		if got := names(Select(v, &s)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// backwards is a shuffle whose outcome is known.
func backwards(n int, swap func(i, j int)) {
	for i := range n / 2 {
		swap(i, n-1-i)
	}
}

func TestOrder(t *testing.T) {
	v := view(
		t,
		web("n1", "10.0.0.1", nil), web("n2", "10.0.0.2", nil), web("n3", "10.0.0.3", nil), web("n4", "10.0.0.4", nil), web("n5", "10.0.0.5", nil),
		&cluster.UpdateCoordinates{Updates: []cluster.NodeCoordinate{nearly("n1", 0), nearly("n2", 0.010), nearly("n3", 0.001), nearly("n4", 0.010)}},
	)
	for _, c := range []struct {
		name, kept, asked, client string
		limit                     int
		want                      string
	}{
		{name: "in any order", want: "n5 n4 n3 n2 n1 "},
		{name: "some, in any order", limit: 2, want: "n5 n4 "},
		{name: "more than there are", limit: 9, want: "n5 n4 n3 n2 n1 "},
		{name: "near a node", kept: "n1", want: "n1 n3 n4 n2 n5 "},
		{name: "near another than the query says", kept: "n1", asked: "n2", want: "n2 n4 n3 n1 n5 "},
		{name: "the nearest", kept: "n1", limit: 1, want: "n1 "},
		{name: "near this agent", kept: "_agent", want: "n3 n1 n4 n2 n5 "},
		{name: "near the client", kept: "_ip", client: "10.0.0.2", want: "n2 n4 n3 n1 n5 "},
		{name: "near a client that is no node", kept: "_ip", client: "192.0.2.1", want: "n5 n4 n3 n2 n1 "},
		{name: "near a node without a coordinate", kept: "N5", want: "n5 n4 n3 n2 n1 "},
		{name: "near a node without a coordinate, in the middle", kept: "n5", asked: "n5", limit: 2, want: "n5 n4 "},
		{name: "near an unknown node", kept: "none", want: "n5 n4 n3 n2 n1 "},
	} {
		client, _ := netip.ParseAddr(c.client)
		q := query(func(q *cluster.PreparedQuery) { q.Service.Near = c.kept })
		r := Execute(v, q, Options{Near: c.asked, Agent: "n3", Client: client, Limit: c.limit, Shuffle: backwards, Datacenter: "dc1"})
		if got := names(r.Instances); got != c.want || r.Datacenter != "dc1" || r.Failovers != 0 {
			t.Errorf("%s: %q in %s after %d failovers, want %q", c.name, got, r.Datacenter, r.Failovers, c.want)
		}
	}
	if got := names(v.ServiceInstances("web")); got != "n1 n2 n3 n4 n5 " {
		t.Errorf("the state's own list is in another order now: %s", got)
	}
}

// TestOwnNodeIsFirst holds that instances on the node itself come first even if its coordinate is unknown.
func TestOwnNodeIsFirst(t *testing.T) {
	v := view(t, web("n1", "10.0.0.1", nil), web("n2", "10.0.0.2", nil), web("n3", "10.0.0.3", nil))
	r := Execute(v, query(nil), Options{Near: "N2"})
	if got := names(r.Instances); got != "n2 n1 n3 " {
		t.Errorf("%s, want n2 first", got)
	}
}

func TestFailover(t *testing.T) {
	v := view(t, web("n1", "10.0.0.1", nil, check("a", "web", cluster.Critical)), web("far", "10.9.0.1", nil))
	far := v.ServiceInstances("web")[:1]
	var tried []string
	other := func(name string, found []state.Instance, err error) Elsewhere {
		return Elsewhere{name, func(*cluster.PreparedQuery) ([]state.Instance, error) {
			tried = append(tried, name)
			return found, err
		}}
	}
	known := []Elsewhere{other("dc2", nil, nil), other("dc3", nil, errors.New("no path")), other("dc4", far, nil), other("dc5", far, nil)}
	for _, c := range []struct {
		name     string
		failover cluster.QueryFailover
		known    []Elsewhere
		tried    []string
		in       string
	}{
		{"nowhere", cluster.QueryFailover{}, known, nil, "dc1"},
		{"there is one datacenter", cluster.QueryFailover{NearestN: 3, Datacenters: []string{"dc2", "dc9"}}, nil, nil, "dc1"},
		{"the nearest", cluster.QueryFailover{NearestN: 2}, known, []string{"dc2", "dc3"}, "dc1"},
		{"more than there are", cluster.QueryFailover{NearestN: 9}, known, []string{"dc2", "dc3", "dc4"}, "dc4"},
		{"named ones", cluster.QueryFailover{Datacenters: []string{"dc5", "dc4"}}, known, []string{"dc5"}, "dc5"},
		{"the nearest, then named ones", cluster.QueryFailover{NearestN: 1, Datacenters: []string{"DC2", "dc9", "dc3", "dc5"}}, known, []string{"dc2", "dc3", "dc5"}, "dc5"},
		{"targets", cluster.QueryFailover{Targets: []cluster.QueryTarget{{Datacenter: "dc9"}, {Datacenter: "dc3"}, {Datacenter: "dc4"}}}, known, []string{"dc3", "dc4"}, "dc4"},
	} {
		tried = nil
		q := query(func(q *cluster.PreparedQuery) {
			q.Service.Failover, q.Service.Tags = c.failover, []string{"none here has it"}
		})
		r := Execute(v, q, Options{Datacenter: "dc1", Elsewhere: c.known})
		if !slices.Equal(tried, c.tried) || r.Failovers != len(c.tried) || r.Datacenter != c.in || (len(r.Instances) > 0) != (c.in != "dc1") {
			t.Errorf("%s: tried %v, found %q in %s after %d failovers; want %v and %s", c.name, tried, names(r.Instances), r.Datacenter, r.Failovers, c.tried, c.in)
		}
	}
	tried = nil
	q := query(func(q *cluster.PreparedQuery) { q.Service.Failover.NearestN = 4 })
	if r := Execute(v, q, Options{Datacenter: "dc1", Elsewhere: known}); len(tried) > 0 || names(r.Instances) != "far " {
		t.Errorf("with an instance here, %v were tried", tried)
	}
}

func BenchmarkExecute(b *testing.B) {
	cmds := []cluster.Command{put("q1", "geo-", "${match(1)}", true)}
	cmds[0].(*cluster.PutPreparedQuery).Query.Template.Regexp = "^geo-(.*)$"
	for _, n := range []string{"n1", "n2", "n3", "n4", "n5"} {
		cmds = append(cmds, web(n, "10.0.0.1", nil, check("a", "web", cluster.Passing)))
	}
	v := view(b, cmds...)
	b.ReportAllocs()
	for b.Loop() {
		q, err := Resolve(v, "geo-web")
		if err != nil || len(Execute(v, q, Options{Near: "n3"}).Instances) != 5 {
			b.Fatal(err)
		}
	}
}
