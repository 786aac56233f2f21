package language

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// here is an error where a datacenter is another than this one.
func (x *execution) here(dc string) error {
	if dc == "" {
		return nil
	}
	have, err := x.source.Datacenter()
	if err == nil && !strings.EqualFold(dc, have) {
		err = fmt.Errorf("no path to datacenter %q: this is %q, and there is no other", dc, have)
	}
	return err
}

func (x *execution) selector(function string, args []string, form form) (selector, error) {
	if len(args) > form.most {
		return selector{}, fmt.Errorf("%s: want at most %d argument, not %d", function, form.most, len(args))
	}
	s := strings.Join(args, "|") // a filter may stand in an argument of its own
	if s == "" && form.most == 1 {
		return selector{}, nil
	}
	sel, err := parseSelector(function, form.text, s)
	if err == nil {
		err = x.here(sel.dc)
	}
	return sel, err
}

func (x *execution) pair(function, s string) (*Pair, string, error) {
	if s == "" {
		return nil, "", nil
	}
	sel, err := x.selector(function, []string{s}, keyArg)
	if err != nil {
		return nil, "", err
	}
	p, err := x.source.Key(sel.name)
	return p, sel.name, err
}

// key is the value of a key that must be there.
func (x *execution) key(s string) (string, error) {
	p, name, err := x.pair("key", s)
	if err != nil || name == "" {
		return "", err
	}
	if p != nil {
		if x.memory.keys == nil {
			x.memory.keys = map[string]string{}
		}
		x.memory.keys[name] = p.Value
		return p.Value, nil
	}
	if last, known := x.memory.keys[name]; known {
		note(&x.result.Gone, name)
		return last, nil
	}
	x.missing("key " + strconv.Quote(name))
	return "", nil
}

func (x *execution) keyExists(s string) (bool, error) {
	p, _, err := x.pair("keyExists", s)
	return p != nil, err
}

// keyOrDefault is the value of a key, or the other one where there is none or an empty one.
func (x *execution) keyOrDefault(s, def string) (string, error) {
	p, _, err := x.pair("keyOrDefault", s)
	if err != nil || p == nil || p.Value == "" {
		return def, err
	}
	return p.Value, nil
}

// below is the keys below a prefix, with Key cut at it. The prefix itself is none of them, nor are folders.
func (x *execution) below(function, s string, deep bool) ([]*Pair, error) {
	if s == "" {
		return []*Pair{}, nil
	}
	sel, err := x.selector(function, []string{s}, prefixArg)
	if err != nil {
		return nil, err
	}
	all, err := x.source.Below(sel.name)
	out := []*Pair{}
	for _, p := range all {
		key := strings.TrimLeft(strings.TrimPrefix(p.Key, sel.name), "/")
		if key == "" || strings.HasSuffix(key, "/") || (!deep && strings.Contains(key, "/")) {
			continue
		}
		short := *p
		short.Path, short.Key = p.Key, key
		out = append(out, &short)
	}
	return out, err
}

func (x *execution) ls(s string) ([]*Pair, error)   { return x.below("ls", s, false) }
func (x *execution) tree(s string) ([]*Pair, error) { return x.below("tree", s, true) }

func (x *execution) safeLs(s string) ([]*Pair, error) {
	return x.filled("safeLs", s)(x.below("safeLs", s, false))
}

func (x *execution) safeTree(s string) ([]*Pair, error) {
	return x.filled("safeTree", s)(x.below("safeTree", s, true))
}

// filled lets a list through that is not empty; an empty one is missing.
func (x *execution) filled(function, s string) func([]*Pair, error) ([]*Pair, error) {
	return func(all []*Pair, err error) ([]*Pair, error) {
		if err == nil && len(all) == 0 {
			x.missing(function + " " + strconv.Quote(s))
		}
		return all, err
	}
}

func (x *execution) datacenters(...bool) ([]string, error) {
	dc, err := x.source.Datacenter()
	return []string{dc}, err
}

func (x *execution) node(args ...string) (*CatalogNode, error) {
	sel, err := x.selector("node", args, nodeArg)
	if err != nil {
		return nil, err
	}
	n, err := x.source.Node(sel.name)
	if err == nil && n == nil {
		n = &CatalogNode{}
	}
	return n, err
}

func (x *execution) nodes(args ...string) ([]*Node, error) {
	sel, err := x.selector("nodes", args, nodesArg)
	if err != nil {
		return nil, err
	}
	return x.source.Nodes(sel.near)
}

func (x *execution) services(args ...string) ([]*Service, error) {
	if _, err := x.selector("services", args, servicesArg); err != nil {
		return nil, err
	}
	return x.source.Services()
}

// service is the instances that a selector names, by default those that pass.
func (x *execution) service(args ...string) ([]*Instance, error) {
	out := []*Instance{}
	if len(args) == 0 || args[0] == "" {
		return out, nil
	}
	sel, err := x.selector("service", args, serviceArg)
	if err != nil {
		return nil, err
	}
	want := sel.statuses
	if len(want) == 0 {
		want = []string{"passing"}
	}
	all, err := x.source.Instances(sel.name, sel.near)
	for _, i := range all {
		tagged := sel.tag == "" || slices.ContainsFunc(i.Tags, func(t string) bool { return strings.EqualFold(t, sel.tag) })
		if tagged && (slices.Contains(want, "any") || slices.Contains(want, i.Status)) {
			out = append(out, i)
		}
	}
	return out, err
}

func (x *execution) caRoots(...string) ([]*Root, error) { return x.source.Roots() }

// statusOf is the worst status of checks, as templates name it.
func statusOf(checks []*Check) string {
	worst, rank := "passing", 0
	for _, c := range checks {
		s := c.Status
		if c.CheckID == "_node_maintenance" || strings.HasPrefix(c.CheckID, "_service_maintenance:") {
			s = "maintenance"
		}
		if r := slices.Index(statuses, s); r > max(rank, 1) {
			worst, rank = s, r
		}
	}
	return worst
}

// Complete fills in what follows from the rest of an instance: its status, and its address where it has none of its own. The tags are
// sorted, and what is empty is so in the form that templates print.
func (i *Instance) Complete() *Instance {
	i.Status = statusOf(i.Checks)
	if i.Address == "" {
		i.Address = i.NodeAddress
	}
	i.Tags = SortedTags(i.Tags)
	if len(i.ServiceTaggedAddresses) == 0 {
		i.ServiceTaggedAddresses = nil
	}
	for _, m := range []*map[string]string{&i.NodeTaggedAddresses, &i.NodeMeta, &i.ServiceMeta} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	for _, c := range i.Checks {
		c.ServiceTags = append([]string{}, c.ServiceTags...)
	}
	return i
}

// SortedTags is a sorted copy.
func SortedTags(tags []string) Tags {
	out := append(Tags{}, tags...)
	slices.Sort(out)
	return out
}
