package prepared

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"holdfast/cluster"
)

// Template is a query whose Service is filled in for each name that it is asked for.
type Template struct {
	query  *cluster.PreparedQuery
	regexp *regexp.Regexp // nil: there are no groups to match
	texts  []text         // of the strings of Service, in the order of eachString
}

// Compile takes a template apart, and says in one sentence what is wrong with it. The strings of its Service may have these parts:
//
//	${name.full}      the name that is asked for
//	${name.prefix}    the query's own name, with which it begins
//	${name.suffix}    the rest of it
//	${match(N)}       group N of Regexp, "" where the name does not match; 0 is the whole
//	${agent.segment}  always empty
//	${"text"}         the text
//
// $${ stands for ${ itself.
func Compile(q *cluster.PreparedQuery) (*Template, error) {
	t := &Template{query: q}
	if q.Template.Type != cluster.TemplateByPrefix {
		return nil, cluster.Errorf(cluster.Invalid, "failed compiling template: Bad Template.Type '%s': want %s", q.Template.Type, cluster.TemplateByPrefix)
	}
	if q.Template.Regexp != "" {
		re, err := regexp.Compile(q.Template.Regexp)
		if err != nil {
			return nil, cluster.Errorf(cluster.Invalid, "failed compiling template: Bad Regexp: %v", err)
		}
		t.regexp = re
	}
	service := q.Service.Clone()
	var first error
	eachString(&service, func(path string, s *string) {
		parts, err := parse(*s)
		if err != nil && first == nil {
			first = cluster.Errorf(cluster.Invalid, "failed compiling template: Bad format '%s' in Service.%s: %v", *s, path, err)
		}
		t.texts = append(t.texts, parts)
	})
	return t, first
}

// Render is the query filled in for a name that begins with its own.
func (t *Template) Render(name string) *cluster.PreparedQuery {
	prefix := t.query.Name
	var groups []string
	if t.regexp != nil {
		groups = t.regexp.FindStringSubmatch(name)
	}
	s := &scope{
		variables: map[string]string{nameFull: name, namePrefix: prefix, nameSuffix: suffix(name, prefix)},
		match: func(n int) string {
			if n < len(groups) {
				return groups[n]
			}
			return ""
		},
	}
	q := *t.query
	q.Service = q.Service.Clone()
	next := 0
	eachString(&q.Service, func(_ string, v *string) {
		*v = t.texts[next].fill(s)
		next++
	})
	if q.Template.RemoveEmptyTags {
		q.Service.Tags = slices.DeleteFunc(q.Service.Tags, func(tag string) bool { return tag == "" })
	}
	return &q
}

// suffix is a name without a prefix, which may be written otherwise in it.
func suffix(name, prefix string) string {
	if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		return name[len(prefix):]
	}
	return name
}

// eachString visits every string that a template may fill in, always in the same order.
func eachString(s *cluster.QueryService, visit func(path string, s *string)) {
	visit("Service", &s.Service)
	for i := range s.Failover.Datacenters {
		visit(fmt.Sprintf("Failover.Datacenters[%d]", i), &s.Failover.Datacenters[i])
	}
	for i := range s.Failover.Targets {
		visit(fmt.Sprintf("Failover.Targets[%d].Datacenter", i), &s.Failover.Targets[i].Datacenter)
	}
	for i := range s.IgnoreCheckIDs {
		visit(fmt.Sprintf("IgnoreCheckIDs[%d]", i), &s.IgnoreCheckIDs[i])
	}
	visit("Near", &s.Near)
	for i := range s.Tags {
		visit(fmt.Sprintf("Tags[%d]", i), &s.Tags[i])
	}
	for _, m := range []struct {
		name string
		meta map[string]string
	}{{"NodeMeta", s.NodeMeta}, {"ServiceMeta", s.ServiceMeta}} {
		for _, k := range slices.Sorted(maps.Keys(m.meta)) {
			v := m.meta[k]
			visit(fmt.Sprintf("%s[%s]", m.name, k), &v)
			m.meta[k] = v
		}
	}
}
