package cluster

import (
	"strings"
	"testing"
	"time"
)

func TestPreparedQueryValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*PreparedQuery)
		want   string // "" means valid
	}{
		{"as it is", func(*PreparedQuery) {}, ""},
		{"all of it", func(q *PreparedQuery) {
			q.Session, q.Token, q.DNS.TTL, q.Service.Near = "s", "t", "0s", "_agent"
			q.Template = QueryTemplate{Type: TemplateByPrefix, Regexp: "(", RemoveEmptyTags: true} // whether it can be read is said elsewhere
			q.Service.Failover = QueryFailover{NearestN: 2, Datacenters: []string{"dc2"}}
			q.Service.Tags, q.Service.NodeMeta = []string{"a", "!b"}, map[string]string{"k": "v"}
		}, ""},
		{"targets", func(q *PreparedQuery) { q.Service.Failover.Targets = []QueryTarget{{"dc2"}} }, ""},
		{"without a name in a session", func(q *PreparedQuery) { q.Name, q.Session = "", "s" }, ""},
		{"a template for all", func(q *PreparedQuery) { q.Name, q.Template.Type = "", TemplateByPrefix }, ""},
		{"without a name", func(q *PreparedQuery) { q.Name = "" }, "Invalid prepared query: Must be bound to a session"},
		{"a token that was shown", func(q *PreparedQuery) { q.Token = "<hidden>" }, "Bad Token '<hidden>'"},
		{"no service", func(q *PreparedQuery) { q.Service.Service = "" }, "Must provide a Service name to query"},
		{"less than none", func(q *PreparedQuery) { q.Service.Failover.NearestN = -1 }, "Bad NearestN '-1', must be >= 0"},
		{"targets and nearest", func(q *PreparedQuery) {
			q.Service.Failover = QueryFailover{NearestN: 1, Targets: []QueryTarget{{"dc2"}}}
		}, "Failover.Targets cannot be given together"},
		{"targets and datacenters", func(q *PreparedQuery) {
			q.Service.Failover = QueryFailover{Datacenters: []string{"dc3"}, Targets: []QueryTarget{{"dc2"}}}
		}, "Failover.Targets cannot be given together"},
		{"another template", func(q *PreparedQuery) { q.Template.Type = "x" }, "Bad Template.Type 'x'"},
		{"a regexp for nothing", func(q *PreparedQuery) { q.Template.Regexp = "x" }, "Template.Regexp is given without Template.Type"},
		{"a key without a name", func(q *PreparedQuery) { q.Service.NodeMeta = map[string]string{"": "v"} }, "Invalid filter metadata"},
		{"a long value", func(q *PreparedQuery) { q.Service.ServiceMeta = map[string]string{"k": strings.Repeat("v", 1000)} }, "Invalid filter metadata"},
		{"a TTL that is none", func(q *PreparedQuery) { q.DNS.TTL = "x" }, "Bad DNS TTL 'x'"},
		{"a TTL below zero", func(q *PreparedQuery) { q.DNS.TTL = "-1s" }, "DNS TTL '-1s', must be >=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := PreparedQuery{ID: "q", Name: "geo", Service: QueryService{Service: "web"}}
			c.change(&q)
			err := q.Validate()
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || CodeOf(err) != Invalid) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestQueryTTL(t *testing.T) {
	for ttl, want := range map[string]time.Duration{"": -1, "0s": 0, "10s": 10 * time.Second, "1h": time.Hour} {
		got, given := (&QueryDNS{TTL: ttl}).Duration()
		if given != (want >= 0) || given && got != want {
			t.Errorf("TTL %q: %v, %v", ttl, got, given)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	s := QueryService{
		IgnoreCheckIDs: []string{"a"}, Tags: []string{"a"}, NodeMeta: map[string]string{"k": "a"}, ServiceMeta: map[string]string{"k": "a"},
		Failover: QueryFailover{Datacenters: []string{"a"}, Targets: []QueryTarget{{"a"}}},
	}
	c := s.Clone()
	if !c.Equal(&s) {
		t.Fatalf("clone %+v of %+v", c, s)
	}
	c.IgnoreCheckIDs[0], c.Tags[0], c.NodeMeta["k"], c.ServiceMeta["k"], c.Failover.Datacenters[0], c.Failover.Targets[0].Datacenter = "b", "b", "b", "b", "b", "b"
	if s.IgnoreCheckIDs[0] != "a" || s.Tags[0] != "a" || s.NodeMeta["k"] != "a" || s.ServiceMeta["k"] != "a" || s.Failover.Datacenters[0] != "a" || s.Failover.Targets[0].Datacenter != "a" {
		t.Errorf("a change of the clone changed %+v", s)
	}
}
