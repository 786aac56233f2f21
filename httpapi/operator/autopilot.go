package operator

import (
	"context"
	"net/http"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// Servers says how the servers are.
type Servers interface {
	// Servers is what the leader thinks of every server, in the order of their names.
	Servers(ctx context.Context) ([]cluster.ServerHealth, error)
}

// autopilotHandler answers /v1/operator/autopilot/.
type autopilotHandler struct {
	reader  exchange.Reader
	writer  exchange.Writer
	servers Servers
}

func (h *autopilotHandler) routes() exchange.Routes {
	return exchange.Routes{
		"/v1/operator/autopilot/configuration": {http.MethodGet: h.configuration, http.MethodPut: h.configure},
		"/v1/operator/autopilot/health":        {http.MethodGet: h.health},
		"/v1/operator/autopilot/state":         {http.MethodGet: h.state},
	}
}

func (h *autopilotHandler) configuration(r *exchange.Request) (*exchange.Reply, error) {
	var conf cluster.Autopilot
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		conf = v.Autopilot()
		return nil
	})
	return exchange.Found(toAutopilot(&conf), meta, err)
}

// configure sets the configuration. What the body leaves out becomes the default, as in Consul.
func (h *autopilotHandler) configure(r *exchange.Request) (*exchange.Reply, error) {
	index, err := exchange.Number(r, "cas")
	if err != nil {
		return nil, err
	}
	body := toAutopilot(new(cluster.DefaultAutopilot()))
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	body.fillIn()
	cmd := &cluster.PutAutopilot{Config: body.config(), CAS: r.Has("cas")}
	cmd.Config.CreateIndex, cmd.Config.ModifyIndex = 0, index
	if err := cmd.Config.Validate(); err != nil {
		return nil, err
	}
	done, err := h.writer.Apply(r.Context(), r.WriteOptions(), cmd)
	if err != nil {
		return nil, err
	}
	return exchange.Answer(done)
}

// health answers how the servers are, with the status 429 where one of them is not well.
func (h *autopilotHandler) health(r *exchange.Request) (*exchange.Reply, error) {
	servers, err := h.servers.Servers(r.Context())
	if err != nil {
		return nil, err
	}
	out := toHealth(servers)
	rep := &exchange.Reply{Body: out}
	if !out.Healthy {
		rep.Status = http.StatusTooManyRequests
	}
	return rep, nil
}

func (h *autopilotHandler) state(r *exchange.Request) (*exchange.Reply, error) {
	servers, err := h.servers.Servers(r.Context())
	if err != nil {
		return nil, err
	}
	return exchange.Answer(toState(servers))
}
