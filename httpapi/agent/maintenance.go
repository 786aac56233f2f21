package agent

import (
	"net/http"
	"strconv"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// maintenanceHandler puts the node or a service into maintenance, and lifts it: a critical check that keeps traffic and addresses away.
type maintenanceHandler struct{ registry Registry }

func (h *maintenanceHandler) routes() exchange.Routes {
	return exchange.Routes{
		"/v1/agent/maintenance":                 {http.MethodPut: h.node},
		"/v1/agent/service/maintenance/{id...}": {http.MethodPut: h.service},
	}
}

func (h *maintenanceHandler) node(r *exchange.Request) (*exchange.Reply, error) { return h.set(r, "") }

func (h *maintenanceHandler) service(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "service ID")
	if err != nil {
		return nil, err
	}
	return h.set(r, id)
}

func (h *maintenanceHandler) set(r *exchange.Request, serviceID string) (*exchange.Reply, error) {
	v := r.Query.Get("enable")
	if v == "" {
		return nil, cluster.Errorf(cluster.Invalid, "Missing value for enable: give ?enable=true or ?enable=false")
	}
	enable, err := strconv.ParseBool(v)
	if err != nil {
		return nil, cluster.Errorf(cluster.Invalid, "Invalid value for enable: %q; want true or false", v)
	}
	if !enable {
		return silent(h.registry.EndMaintenance(r.Context(), serviceID))
	}
	return silent(h.registry.Maintain(r.Context(), serviceID, r.Query.Get("reason"), r.Options.Token))
}
