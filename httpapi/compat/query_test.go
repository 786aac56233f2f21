package compat

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestPreparedQueries: one with a name and one that is a template, by ID and by name.
func TestPreparedQueries(t *testing.T) {
	a := start(t)
	register(t, a, "web-1", "web", 80)
	q := a.PreparedQuery()
	id, _, err := q.Create(&api.PreparedQueryDefinition{Name: "passing-web", Service: api.ServiceQuery{Service: "web", OnlyPassing: true, Tags: []string{"t1"}}, DNS: api.QueryDNSOptions{TTL: "10s"}}, nil)
	ok(t, err)
	eventually(t, "the query finds the instance", func() error {
		for _, by := range []string{id, "passing-web"} {
			found, _, err := q.Execute(by, nil)
			if err != nil || len(found.Nodes) != 1 || found.Nodes[0].Service.ID != "web-1" || found.Service != "web" || found.Datacenter != "dc1" || found.DNS.TTL != "10s" {
				return fmt.Errorf("executed by %s: %+v, %w", by, found, errors.Join(err))
			}
		}
		return nil
	})
	_, _, err = q.Create(&api.PreparedQueryDefinition{Name: "find-", Template: api.QueryTemplate{Type: "name_prefix_match"}, Service: api.ServiceQuery{Service: "${name.suffix}"}}, nil)
	ok(t, err)
	if found, _, err := q.Execute("find-web", nil); err != nil || len(found.Nodes) != 1 {
		t.Errorf("the template: %+v, %v", found, err)
	}
	if _, _, err := q.Create(&api.PreparedQueryDefinition{Name: "passing-web", Service: api.ServiceQuery{Service: "web"}}, nil); err == nil {
		t.Error("a name is given twice")
	}
	if _, err := q.Update(&api.PreparedQueryDefinition{ID: id, Name: "other", Service: api.ServiceQuery{Service: "web"}}, nil); err != nil {
		t.Errorf("update: %v", err)
	}
	if all, _, err := q.List(nil); err != nil || len(all) != 2 {
		t.Errorf("list: %v, %v", all, err)
	}
	_, err = q.Delete(id, nil)
	ok(t, err)
	if _, _, err := q.Get(id, nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a deleted query: %v", err)
	}
}
