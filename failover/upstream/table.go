package upstream

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/proxy"
)

// table is what a state says for a spec. before is the writer that is offered now, "" for none.
func (s *Spec) table(v *state.View, before string) proxy.Table {
	switch {
	case s.Prefix != "":
		return s.tagged(v)
	case s.Group != "":
		return s.held(v)
	case s.Writer != "":
		return s.claimed(v, before)
	}
	var out []proxy.Backend
	for _, i := range v.ServiceInstances(s.Service) {
		if s.takes(i) && cluster.Worst(i.Checks) == cluster.Passing {
			out = append(out, backend(i, 0))
		}
	}
	if len(out) == 0 {
		return proxy.Table{Routes: routes(), Why: fmt.Sprintf("no instance of %s passes its checks", s.what())}
	}
	return proxy.Table{Routes: routes(out...), Why: "the passing instances of " + s.what()}
}

// what names what is passed to, for a sentence.
func (s *Spec) what() string {
	if len(s.Tags) > 0 {
		return s.Service + " with tag " + strings.Join(s.Tags, " and ")
	}
	return s.Service
}

func routes(bs ...proxy.Backend) map[string][]proxy.Backend {
	return map[string][]proxy.Backend{"": bs}
}

// takes reports whether an instance can be passed to at all.
func (s *Spec) takes(i state.Instance) bool {
	for _, tag := range s.Tags {
		if !slices.Contains(i.Service.Tags, tag) {
			return false
		}
	}
	return i.Service.Port > 0
}

// claims reports whether an instance says that it is the writer: by a tag, or by a check that passes.
func (s *Spec) claims(i state.Instance) bool {
	return slices.Contains(i.Service.Tags, s.Writer) || slices.ContainsFunc(i.Checks, func(c *cluster.Check) bool {
		return (c.Name == s.Writer || c.ID == s.Writer) && c.Status == cluster.Passing
	})
}

// claimed is the one instance that says it is the writer.
func (s *Spec) claimed(v *state.View, before string) proxy.Table {
	var found []proxy.Backend
	var names []string
	for _, i := range v.ServiceInstances(s.Service) {
		if s.takes(i) && s.claims(i) && cluster.Worst(i.Checks) != cluster.Critical {
			found, names = append(found, backend(i, 0)), append(names, i.Service.Node)
		}
	}
	if len(found) > 1 {
		if at := slices.IndexFunc(found, func(b proxy.Backend) bool { return b.ID == before }); at >= 0 {
			return proxy.Table{Cut: true, Routes: routes(found[at]), Why: fmt.Sprintf("%s all say that they are %s: the one that was stays", strings.Join(names, " and "), s.Writer)}
		}
		return proxy.Table{Cut: true, Routes: routes(), Why: fmt.Sprintf("%s all say that they are %s: nobody is passed to until one of them gives up", strings.Join(names, " and "), s.Writer)}
	}
	if len(found) == 0 {
		return proxy.Table{Cut: true, Routes: routes(), Why: fmt.Sprintf("no instance of %s is %s", s.what(), s.Writer)}
	}
	return proxy.Table{Cut: true, Routes: routes(found...), Why: names[0] + " is " + s.Writer}
}

// settled is after which time a holder is taken to have its lease though the timeline does not show it any more.
const settled = time.Minute

// held is the instance on the holder of the group.
func (s *Spec) held(v *state.View) proxy.Table {
	nobody := func(why string) proxy.Table { return proxy.Table{Cut: true, Routes: routes(), Why: why} }
	a := v.Assignment(s.Group)
	switch {
	case v.Group(s.Group) == nil:
		return nobody(fmt.Sprintf("there is no group %q", s.Group))
	case a == nil || a.Node == "":
		return nobody("no machine holds " + s.Group)
	}
	if p := v.Presence(a.Node); p == nil || !p.Live {
		return nobody(a.Node + " holds " + s.Group + " and is not heard from")
	}
	if !acquired(v, a) {
		return nobody(fmt.Sprintf("%s is to hold %s in epoch %d and does not serve it yet", a.Node, s.Group, a.Epoch))
	}
	for _, i := range v.ServiceInstances(s.Service) {
		if i.Service.Node != a.Node || !s.takes(i) {
			continue
		}
		if s.Writer != "" && !s.claims(i) {
			return nobody(fmt.Sprintf("%s holds %s and is not %s", a.Node, s.Group, s.Writer))
		}
		if cluster.Worst(i.Checks) == cluster.Critical {
			return nobody(fmt.Sprintf("%s holds %s and its instance of %s is critical", a.Node, s.Group, s.Service))
		}
		return proxy.Table{Cut: true, Routes: routes(backend(i, a.Epoch)), Why: fmt.Sprintf("%s holds %s in epoch %d", a.Node, s.Group, a.Epoch)}
	}
	return nobody(fmt.Sprintf("%s holds %s and has no instance of %s", a.Node, s.Group, s.what()))
}

// acquired reports whether the holder has had the lease in this epoch, as its entry in the timeline says.
func acquired(v *state.View, a *cluster.Assignment) bool {
	for _, t := range slices.Backward(v.Timeline(a.Group, 0)) {
		if t.Kind == cluster.TransitionAcquire && t.Epoch == a.Epoch && t.Node == a.Node {
			return true
		}
	}
	return time.Since(a.Since) > settled
}

// backend is an instance as a proxy takes it. A name of an instance is its machine's, with the ID where a machine has several.
func backend(i state.Instance, epoch uint64) proxy.Backend {
	host := i.Service.Address
	if host == "" && i.Node != nil {
		host = i.Node.Address
	}
	id := i.Service.Node
	if i.Service.ID != i.Service.Name {
		id += "/" + i.Service.ID
	}
	return proxy.Backend{ID: id, Addr: net.JoinHostPort(host, strconv.Itoa(i.Service.Port)), Weight: cmp.Or(i.Service.Weights.Passing, 1), Epoch: epoch}
}
