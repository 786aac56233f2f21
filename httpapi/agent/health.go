package agent

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// localHealthHandler answers /v1/agent/health/: the health of this agent's instances by its own knowledge, for load balancers that look
// at the status of the answer alone.
type localHealthHandler struct {
	registry   Registry
	datacenter string
}

func (h *localHealthHandler) routes() exchange.Routes {
	return exchange.Routes{
		"/v1/agent/health/service/id/{id...}":     {http.MethodGet: h.byID},
		"/v1/agent/health/service/name/{name...}": {http.MethodGet: h.byName},
	}
}

// localHealthJSON is an instance with its checks and those of the node.
type localHealthJSON struct {
	AggregatedStatus string // of the checks; "maintenance" where one of them is that
	Service          *agentServiceJSON
	Checks           []wire.Check
}

// maintenance is the state of an instance that is in maintenance, or its node. Nothing is worse.
const maintenance cluster.Status = "maintenance"

// localStatuses are the statuses of the answers.
var localStatuses = map[cluster.Status]int{
	cluster.Passing: http.StatusOK, cluster.Warning: http.StatusTooManyRequests, cluster.Critical: http.StatusServiceUnavailable, maintenance: http.StatusServiceUnavailable,
}

// worse is the worse of two states.
func worse(a, b cluster.Status) cluster.Status {
	if a == maintenance || b == maintenance {
		return maintenance
	}
	return a.Worse(b)
}

func (h *localHealthHandler) byID(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "service ID")
	if err != nil {
		return nil, err
	}
	s := h.registry.LocalServices()[id]
	if s == nil {
		return notHere(r, localHealthJSON{AggregatedStatus: string(cluster.Critical)}, "ServiceId "+id+" not found"), nil
	}
	row, status := h.health(s)
	return localHealth(r, row, status), nil
}

// byName answers every instance of the name, with the worst of their states.
func (h *localHealthHandler) byName(r *exchange.Request) (*exchange.Reply, error) {
	name, err := r.Required("name", "service name")
	if err != nil {
		return nil, err
	}
	rows, worst := []localHealthJSON{}, cluster.Passing
	services := h.registry.LocalServices()
	for _, id := range slices.Sorted(maps.Keys(services)) {
		if services[id].Name == name {
			row, status := h.health(services[id])
			rows, worst = append(rows, row), worse(worst, status)
		}
	}
	if len(rows) == 0 {
		return notHere(r, rows, "ServiceName "+name+" Not Found"), nil
	}
	return localHealth(r, rows, worst), nil
}

func (h *localHealthHandler) health(s *cluster.Service) (localHealthJSON, cluster.Status) {
	service := toAgentService(s, h.datacenter)
	row := localHealthJSON{Service: &service, Checks: []wire.Check{}}
	all, status := h.registry.LocalChecks(), cluster.Passing
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if c := all[id].Check; c.ServiceID == "" || c.ServiceID == s.ID {
			row.Checks = append(row.Checks, wire.FromCheck(&c))
			if all[id].Definition.Maintenance {
				c.Status = maintenance
			}
			status = worse(status, c.Status)
		}
	}
	row.AggregatedStatus = string(status)
	return row, status
}

// wantsText is whether a client wants one word rather than JSON. Load balancers that cannot write a query say so in a header.
func wantsText(r *exchange.Request) bool {
	return r.Query.Get("format") == "text" || strings.HasPrefix(r.Header.Get("Accept"), "text/plain")
}

// localHealth answers the rows, or as text the state as one word.
func localHealth(r *exchange.Request, rows any, status cluster.Status) *exchange.Reply {
	if wantsText(r) {
		return &exchange.Reply{Status: localStatuses[status], Reason: string(status), Raw: []byte(status), ContentType: "text/plain"}
	}
	return &exchange.Reply{Status: localStatuses[status], Reason: string(status), Body: rows}
}

// notHere answers that this agent has no such instance: with nothing in the rows' place, for clients that read them whatever the status is.
func notHere(r *exchange.Request, rows any, reason string) *exchange.Reply {
	rep := &exchange.Reply{Status: http.StatusNotFound, Reason: printable(reason), Body: rows}
	if wantsText(r) {
		rep.Body, rep.Raw, rep.ContentType = nil, []byte(reason), "text/plain"
	}
	return rep
}

// printable is a text as a header can carry it: names in paths may have any bytes.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}
