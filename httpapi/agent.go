package httpapi

import (
	"cmp"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"

	"holdfast/cluster"
)

// agentHandler answers what /v1/agent/ says of the agent and does with it.
type agentHandler struct {
	cfg  Config
	pool Pool
	raft Raft
}

func (h *agentHandler) routes() routes {
	return routes{
		"/v1/agent/self":                  {http.MethodGet: h.self},
		"/v1/agent/version":               {http.MethodGet: h.version},
		"/v1/agent/members":               {http.MethodGet: h.members},
		"/v1/agent/join/{addr...}":        {http.MethodPut: h.join},
		"/v1/agent/leave":                 {http.MethodPut: h.leave},
		"/v1/agent/force-leave/{node...}": {http.MethodPut: h.forceLeave},
	}
}

func (h *agentHandler) self(*request) (*reply, error) {
	c := h.cfg
	return answer(selfJSON{
		Config: selfConfigJSON{
			Datacenter: c.Datacenter, PrimaryDatacenter: c.Datacenter, NodeName: c.NodeName, NodeID: c.NodeID, Server: c.Server,
			Revision: c.Revision, Version: c.Version, BuildDate: c.BuildDate, SessionTTLMin: int64(c.SessionTTLMin),
		},
		DebugConfig: h.debugConfig(),
		Coord:       coordinateJSON{Error: 1.5, Height: 1e-5},
		Member:      toMember(h.pool.Self()),
		Stats:       h.stats(),
		Meta:        orEmptyMap(c.NodeMeta),
	})
}

// debugConfig is the agent's configuration, with where the pool finds it.
func (h *agentHandler) debugConfig() map[string]any {
	out := maps.Clone(orEmptyMap(h.cfg.Debug))
	if a := h.pool.Self().Addr; a.IsValid() {
		out["SerfAdvertiseAddrLAN"] = "tcp://" + a.String()
	}
	return out
}

// stats are facts about the parts of the agent, in Consul's sections.
func (h *agentHandler) stats() map[string]map[string]string {
	members := h.pool.Members()
	failed := 0
	for _, m := range members {
		if m.Status == cluster.StatusFailed {
			failed++
		}
	}
	return map[string]map[string]string{
		"agent": {},
		"build": {"version": h.cfg.Version, "revision": h.cfg.Revision, "prerelease": "", "version_metadata": ""},
		"consul": {
			"server": strconv.FormatBool(h.cfg.Server), "leader": strconv.FormatBool(h.raft.IsLeader()), "leader_addr": h.raft.Leader(),
			"known_datacenters": "1",
		},
		"raft": orEmptyMap(h.raft.Stats()),
		"runtime": {
			"arch": runtime.GOARCH, "os": runtime.GOOS, "version": runtime.Version(), "cpu_count": strconv.Itoa(runtime.NumCPU()),
			"goroutines": strconv.Itoa(runtime.NumGoroutine()), "max_procs": strconv.Itoa(runtime.GOMAXPROCS(0)),
		},
		"serf_lan": {"members": strconv.Itoa(len(members)), "failed": strconv.Itoa(failed)},
	}
}

func (h *agentHandler) version(*request) (*reply, error) {
	return answer(versionJSON{SHA: h.cfg.Revision, BuildDate: h.cfg.BuildDate, HumanVersion: humanVersion(h.cfg.Version)})
}

func (h *agentHandler) members(r *request) (*reply, error) {
	wan, err := r.flag("wan")
	if err != nil {
		return nil, err
	}
	members := slices.SortedFunc(slices.Values(h.pool.Members()), func(a, b cluster.Member) int { return cmp.Compare(a.Name, b.Name) })
	convert := toMember
	if wan {
		members = slices.DeleteFunc(members, func(m cluster.Member) bool { return !m.IsServer() })
		convert = toWANMember
	}
	rows, err := filter(r, each(members, convert))
	if err != nil {
		return nil, err
	}
	return answer(rows)
}

func (h *agentHandler) join(r *request) (*reply, error) {
	addr, err := r.required("addr", "address to join")
	if err != nil {
		return nil, err
	}
	if _, err := h.pool.Join(r.Context(), []string{addr}); err != nil {
		return nil, asServerError(err)
	}
	return &reply{}, nil
}

// leave answers once the cluster has let this member go; then the agent stops.
func (h *agentHandler) leave(r *request) (*reply, error) {
	if err := h.pool.Leave(r.Context()); err != nil {
		return nil, err
	}
	return &reply{after: h.cfg.Shutdown}, nil
}

func (h *agentHandler) forceLeave(r *request) (*reply, error) {
	node, err := r.required("node", "node name")
	if err != nil {
		return nil, err
	}
	prune, err := r.flag("prune")
	if err != nil {
		return nil, err
	}
	if node == h.pool.Self().Name {
		return &reply{}, nil // it is alive and would only say so; Consul's clients expect no error
	}
	return silent(h.pool.ForceLeave(node, prune))
}
