package agent

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// Routes are the endpoints of /v1/agent/.
// Of an agent that is in no pool between datacenters wan is nil.
func Routes(cfg Config, pool Pool, wan WAN, raft Raft, registry Registry, log Log, metrics Metrics) exchange.Routes {
	all := exchange.Routes{}
	maps.Copy(all, (&agentHandler{cfg, pool, wan, raft, registry}).routes())
	maps.Copy(all, (&registryHandler{registry, cfg}).routes())
	maps.Copy(all, (&hostHandler{cfg.DataDir}).routes())
	maps.Copy(all, (&monitorHandler{log}).routes())
	maps.Copy(all, (&metricsHandler{metrics}).routes())
	maps.Copy(all, (&maintenanceHandler{registry}).routes())
	maps.Copy(all, (&localHealthHandler{registry, cfg.Datacenter}).routes())
	return all
}

// agentHandler answers what /v1/agent/ says of the agent and does with it.
type agentHandler struct {
	cfg  Config
	pool Pool
	wan  WAN // nil for none
	raft Raft

	registry Registry
}

func (h *agentHandler) routes() exchange.Routes {
	return exchange.Routes{
		"/v1/agent/self":                  {http.MethodGet: h.self},
		"/v1/agent/version":               {http.MethodGet: h.version},
		"/v1/agent/members":               {http.MethodGet: h.members},
		"/v1/agent/join/{addr...}":        {http.MethodPut: h.join},
		"/v1/agent/leave":                 {http.MethodPut: h.leave},
		"/v1/agent/force-leave/{node...}": {http.MethodPut: h.forceLeave},
		"/v1/agent/reload":                {http.MethodPut: h.reload},
	}
}

func (h *agentHandler) self(*exchange.Request) (*exchange.Reply, error) {
	c := h.cfg
	return exchange.Answer(selfJSON{
		Config: selfConfigJSON{
			Datacenter: c.Datacenter, PrimaryDatacenter: c.Datacenter, NodeName: c.NodeName, NodeID: c.NodeID, Server: c.Server,
			Revision: c.Revision, Version: c.Version, BuildDate: c.BuildDate, SessionTTLMin: int64(c.SessionTTLMin),
		},
		DebugConfig: h.debugConfig(),
		Coord:       wire.FromCoordinate(h.pool.Coordinate()),
		Member:      toMember(h.pool.Self()),
		Stats:       h.stats(),
		Meta:        exchange.OrEmptyMap(c.NodeMeta),
	})
}

// debugConfig is the agent's configuration, with where the pool finds it.
func (h *agentHandler) debugConfig() map[string]any {
	out := maps.Clone(exchange.OrEmptyMap(h.cfg.Debug))
	if a := h.pool.Self().Addr; a.IsValid() {
		out["SerfAdvertiseAddrLAN"] = "tcp://" + a.String()
	}
	return out
}

// stats are facts about the parts of the agent, in Consul's sections.
func (h *agentHandler) stats() map[string]map[string]string {
	members := h.pool.Members()
	var failed, left int
	for _, m := range members {
		switch m.Status {
		case cluster.StatusFailed:
			failed++
		case cluster.StatusLeft:
			left++
		}
	}
	return map[string]map[string]string{
		"agent": h.registered(),
		"build": {"version": h.cfg.Version, "revision": h.cfg.Revision, "prerelease": "", "version_metadata": ""},
		"consul": {
			"server": strconv.FormatBool(h.cfg.Server), "leader": strconv.FormatBool(h.raft.IsLeader()), "leader_addr": h.raft.Leader(),
			"known_datacenters": strconv.Itoa(h.datacenters()), "cluster_id": h.pool.Self().ClusterID(),
		},
		"raft": exchange.OrEmptyMap(h.raft.Stats()),
		"runtime": {
			"arch": runtime.GOARCH, "os": runtime.GOOS, "version": runtime.Version(), "cpu_count": strconv.Itoa(runtime.NumCPU()),
			"goroutines": strconv.Itoa(runtime.NumGoroutine()), "max_procs": strconv.Itoa(runtime.GOMAXPROCS(0)),
		},
		"serf_lan": {"members": strconv.Itoa(len(members)), "failed": strconv.Itoa(failed), "left": strconv.Itoa(left)},
	}
}

// registered is how much is registered with this agent.
func (h *agentHandler) registered() map[string]string {
	checks := h.registry.LocalChecks()
	var ttls, scripts int
	for _, c := range checks {
		switch {
		case c.Definition.TTL > 0:
			ttls++
		case len(c.Definition.Args) > 0:
			scripts++
		}
	}
	return map[string]string{
		"services": strconv.Itoa(len(h.registry.LocalServices())), "checks": strconv.Itoa(len(checks)), "check_ttls": strconv.Itoa(ttls), "check_monitors": strconv.Itoa(scripts),
	}
}

// datacenters is how many are known.
func (h *agentHandler) datacenters() int {
	known := map[string]bool{h.cfg.Datacenter: true}
	if h.wan != nil {
		for _, m := range h.wan.Members() {
			if dc := m.Tags[cluster.TagDatacenter]; dc != "" && m.Status != cluster.StatusLeft {
				known[dc] = true
			}
		}
	}
	return len(known)
}

func (h *agentHandler) version(*exchange.Request) (*exchange.Reply, error) {
	return exchange.Answer(versionJSON{SHA: h.cfg.Revision, BuildDate: h.cfg.BuildDate, HumanVersion: humanVersion(h.cfg.Version)})
}

// allSegments is Consul's word for the members of every segment. There is one.
const allSegments = "_all"

func (h *agentHandler) members(r *exchange.Request) (*exchange.Reply, error) {
	wan, err := r.Flag("wan")
	if err != nil {
		return nil, err
	}
	if segment := r.Query.Get("segment"); segment != "" && segment != allSegments && segment != "default" {
		return nil, cluster.Errorf(cluster.Unsupported, "Network segments are not supported here: there is no segment %q, as they are part of Consul Enterprise", segment)
	}
	members, convert := h.pool.Members(), toMember
	switch {
	case wan && h.wan != nil:
		members = h.wan.Members()
	case wan:
		members = slices.DeleteFunc(members, func(m cluster.Member) bool { return !m.IsServer() })
		convert = toWANMember
	}
	rows, err := exchange.Filter(r, exchange.Each(members, convert))
	if err != nil {
		return nil, err
	}
	return exchange.Answer(rows)
}

func (h *agentHandler) join(r *exchange.Request) (*exchange.Reply, error) {
	addr, err := r.Required("addr", "address to join")
	if err != nil {
		return nil, err
	}
	wan, err := r.Flag("wan")
	if err != nil {
		return nil, err
	}
	join := h.pool.Join
	switch {
	case wan && h.wan == nil:
		return nil, exchange.AsServerError(cluster.Errorf(cluster.Invalid, "this agent is in no pool between datacenters: start a server with ports.serf_wan = 8302, and ask that one"))
	case wan:
		join = h.wan.Join
	}
	if _, err := join(r.Context(), []string{addr}); err != nil {
		return nil, exchange.AsServerError(err)
	}
	return &exchange.Reply{}, nil
}

// leave answers once the cluster has let this member go; then the agent stops.
func (h *agentHandler) leave(r *exchange.Request) (*exchange.Reply, error) {
	if err := h.pool.Leave(r.Context()); err != nil {
		return nil, err
	}
	return &exchange.Reply{After: h.cfg.Shutdown}, nil
}

func (h *agentHandler) forceLeave(r *exchange.Request) (*exchange.Reply, error) {
	node, err := r.Required("node", "node name")
	if err != nil {
		return nil, err
	}
	prune, err := r.Flag("prune")
	if err != nil {
		return nil, err
	}
	wan, err := r.Flag("wan")
	if err != nil {
		return nil, err
	}
	if wan && h.wan != nil {
		return silent(h.wan.ForceLeave(node, prune))
	}
	if wan {
		node = strings.TrimSuffix(node, "."+h.cfg.Datacenter) // as members?wan names it
	}
	if node == h.pool.Self().Name {
		return &exchange.Reply{}, nil // it is alive and would only say so; Consul's clients expect no error
	}
	err = h.pool.ForceLeave(node, prune)
	if h.wan != nil { // where it may be, too
		if abroad := h.wan.ForceLeave(node+"."+h.cfg.Datacenter, prune); cluster.CodeOf(abroad) != cluster.NotFound {
			err = errors.Join(err, abroad)
		}
	}
	return silent(err)
}

// reload answers once the configuration is taken, or why it is not.
func (h *agentHandler) reload(r *exchange.Request) (*exchange.Reply, error) {
	err := h.cfg.Reload(r.Context())
	if err != nil && r.Context().Err() == nil {
		err = exchange.Failed(err)
	}
	return silent(err)
}

// Config is what the API says of this agent, and its limits.
type Config struct {
	Datacenter string
	Domain     string // of the DNS, "consul."
	NodeName   string
	NodeID     string
	NodeMeta   map[string]string
	Server     bool
	Version    string // the Consul release that we are compatible with
	Revision   string
	BuildDate  string
	DataDir    string

	SessionTTLMin time.Duration                   // 0 means cluster.MinSessionTTL
	ScriptChecks  bool                            // checks that run programs may be registered here
	Debug         map[string]any                  // the agent's configuration, for /v1/agent/self
	Reload        func(ctx context.Context) error // reads the config files again; after an error nothing has changed
	Shutdown      func()                          // called once this member has left and the client knows; it must not wait for the API to close
}
