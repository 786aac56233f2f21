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
	host := func(r route.Route) (string, bool) { return r.Host, true }
	switch s.Options.Mode {
	case proxy.HTTP:
		n, wrong := s.requests(v)
		return proxy.Table{Why: s.why(n, wrong)}
	case proxy.HTTPSNI:
		n, wrong := s.requests(v)
		routes, m, _ := s.routed(v, route.SNI, host) // wrong is the same
		return proxy.Table{Routes: routes, Why: s.why(n+m, wrong)}
	case proxy.SNI:
		routes, n, wrong := s.routed(v, route.SNI, host)
		return proxy.Table{Routes: routes, Why: s.why(n, wrong)}
	case proxy.Dynamic:
		routes, n, wrong := s.routed(v, route.TCP, s.opened)
		return proxy.Table{Routes: routes, Why: s.why(n, wrong)}
	}
	routes, n, wrong := s.routed(v, route.TCP, func(r route.Route) (string, bool) { return "", s.hears(r) })
	if routes[""] == nil {
		routes[""] = nil // a route that has nobody: its clients wait
	}
	return proxy.Table{Routes: routes, Why: s.why(n, wrong)}
}

// requests gives the handler its table.
func (s *Spec) requests(v *state.View) (n int, wrong []string) {
	targets, wrong := s.targets(v, route.HTTP, route.HTTPS, route.GRPC, route.GRPCS)
	if h, ok := s.Options.Handler.(*handler); ok {
		h.Set(route.New(targets, s.Match))
	}
	return len(targets), wrong
}

// hears reports whether a route by port is for where the proxy listens.
func (s *Spec) hears(r route.Route) bool {
	return slices.ContainsFunc(s.Options.Listen, func(l string) bool {
		host, port, _ := net.SplitHostPort(l) // Validate has looked at it
		return port == r.Port && (r.Host == "" || anywhere(host) || host == r.Host)
	})
}

// opened is where a route has a dynamic proxy listen: where it says, as far as the proxy's own addresses allow.
func (s *Spec) opened(r route.Route) (string, bool) {
	for _, l := range s.Options.Listen {
		host, _, _ := net.SplitHostPort(l) // Validate has looked at it
		if r.Host == "" || r.Host == host {
			return net.JoinHostPort(host, r.Port), true
		}
		if anywhere(host) {
			return net.JoinHostPort(r.Host, r.Port), true
		}
	}
	return "", false
}

// anywhere reports whether a host to listen on stands for every address.
func anywhere(host string) bool {
	return slices.Contains([]string{"", "*", "0.0.0.0", "::"}, host)
}

// routed are the backends of one kind of route, by a name; and how many, and what is wrong.
func (s *Spec) routed(v *state.View, kind string, name func(route.Route) (string, bool)) (map[string][]proxy.Backend, int, []string) {
	targets, wrong := s.targets(v, kind)
	out, n := map[string][]proxy.Backend{}, 0
	for _, t := range targets {
		key, ok := name(t.Route)
		if !ok {
			continue
		}
		b := proxy.Backend{ID: t.ID, Addr: t.Addr, Weight: 100, Allow: t.Allow, Deny: t.Deny}
		if t.Weight > 0 {
			b.Weight = max(1, int(t.Weight*100))
		}
		if t.SendProxy {
			b.SendProxy = 1
		}
		out[key], n = append(out[key], b), n+1
	}
	return out, n, wrong
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
