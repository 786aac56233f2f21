package upstream

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/proxy"
	"holdfast/failover/proxy/route"
	"holdfast/failover/proxy/web"
)

// targets are the passing instances that have routes of a kind, and a sentence for each tag that is none.
func (s *Spec) targets(v *state.View, kinds ...string) (out []route.Target, wrong []string) {
	for _, service := range v.Services() {
		if !slices.ContainsFunc(service.Tags, func(t string) bool { return strings.HasPrefix(strings.TrimSpace(t), s.Prefix) }) {
			continue
		}
		for _, i := range v.ServiceInstances(service.Name) {
			if i.Service.Port == 0 || cluster.Worst(i.Checks) != cluster.Passing {
				continue
			}
			b := backend(i, 0)
			for _, tag := range i.Service.Tags {
				r, ok, err := route.ParseTag(s.Prefix, tag)
				switch {
				case !ok:
				case err != nil:
					if text := i.Service.Name + ": " + err.Error(); !slices.Contains(wrong, text) {
						wrong = append(wrong, text)
					}
				case slices.Contains(kinds, r.Proto):
					out = append(out, route.Target{Route: r, Service: i.Service.Name, ID: i.Service.Node + "/" + i.Service.ID, Addr: b.Addr})
				}
			}
		}
	}
	return out, wrong
}

func (s *Spec) why(n int, wrong []string) string {
	text := fmt.Sprintf("%d routes of tags with %s", n, s.Prefix)
	if len(wrong) > 0 {
		text += "; left out: " + strings.Join(wrong, "; ")
	}
	return text
}

// tagged is what the tags of services say. What is routed by request goes to the handler.
func (s *Spec) tagged(v *state.View) proxy.Table {
	switch s.Options.Mode {
	case proxy.HTTP:
		targets, wrong := s.targets(v, route.HTTP, route.HTTPS)
		if h, ok := s.Options.Handler.(*handler); ok {
			h.Set(route.New(targets))
		}
		return proxy.Table{Why: s.why(len(targets), wrong)}
	case proxy.SNI:
		return s.routed(v, route.SNI, func(r route.Route) string { return r.Host })
	}
	var ports []string
	for _, l := range s.Options.Listen {
		_, port, _ := net.SplitHostPort(l) // Validate has looked at it
		ports = append(ports, port)
	}
	t := s.routed(v, route.TCP, func(r route.Route) string { return r.Port })
	mine := map[string][]proxy.Backend{"": nil}
	for _, port := range ports {
		mine[""] = append(mine[""], t.Routes[port]...)
	}
	t.Routes = mine
	return t
}

// routed are the backends of one kind of route, by a name.
func (s *Spec) routed(v *state.View, kind string, name func(route.Route) string) proxy.Table {
	targets, wrong := s.targets(v, kind)
	out := map[string][]proxy.Backend{}
	for _, t := range targets {
		weight := 100
		if t.Weight > 0 {
			weight = max(1, int(t.Weight*100))
		}
		out[name(t.Route)] = append(out[name(t.Route)], proxy.Backend{ID: t.ID, Addr: t.Addr, Weight: weight})
	}
	return proxy.Table{Routes: out, Why: s.why(len(targets), wrong)}
}

// handler is a web.Handler as a proxy has it.
type handler struct{ *web.Handler }

// Backends are the targets of the routes. Opened counts requests.
func (h *handler) Backends() []proxy.BackendStatus {
	var out []proxy.BackendStatus
	for _, c := range h.Counts() {
		out = append(out, proxy.BackendStatus{
			Route: c.Host + c.Path, ID: c.ID, Addr: c.Addr, Weight: max(1, int(c.Weight*100)), State: "up", Active: int(c.Active), Opened: uint64(c.Served), Failed: uint64(c.Failed),
		})
	}
	return out
}
