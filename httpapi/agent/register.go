package agent

import (
	"cmp"
	"net/http"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// registryHandler answers what /v1/agent/ says of the services and checks that this agent registered.
type registryHandler struct {
	registry Registry
	cfg      Config
}

func (h *registryHandler) routes() exchange.Routes {
	return exchange.Routes{
		"/v1/agent/services":                   {http.MethodGet: h.services},
		"/v1/agent/service/{id...}":            {http.MethodGet: h.service},
		"/v1/agent/service/register":           {http.MethodPut: h.registerService},
		"/v1/agent/service/deregister/{id...}": {http.MethodPut: h.deregisterService},
		"/v1/agent/checks":                     {http.MethodGet: h.checks},
		"/v1/agent/check/register":             {http.MethodPut: h.registerCheck},
		"/v1/agent/check/deregister/{id...}":   {http.MethodPut: h.deregisterCheck},
		"/v1/agent/check/pass/{id...}":         {http.MethodPut: h.note(cluster.Passing)},
		"/v1/agent/check/warn/{id...}":         {http.MethodPut: h.note(cluster.Warning)},
		"/v1/agent/check/fail/{id...}":         {http.MethodPut: h.note(cluster.Critical)},
		"/v1/agent/check/update/{id...}":       {http.MethodPut: h.update},
	}
}

func (h *registryHandler) services(r *exchange.Request) (*exchange.Reply, error) {
	rows := map[string]agentServiceJSON{}
	for id, s := range h.registry.LocalServices() {
		rows[id] = toAgentService(s, h.cfg.Datacenter)
	}
	rows, err := exchange.FilterMap(r, rows)
	if err != nil {
		return nil, err
	}
	return exchange.Answer(rows)
}

// service is one instance. Where the client has the hash of its content, it waits for another.
func (h *registryHandler) service(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "service ID")
	if err != nil {
		return nil, err
	}
	over := time.NewTimer(r.Wait())
	defer over.Stop()
	for {
		changed := h.registry.Changed() // before what is read
		s := h.registry.LocalServices()[id]
		if s == nil {
			return nil, cluster.Errorf(cluster.NotFound, "unknown service ID: %s", id)
		}
		row := toAgentService(s, h.cfg.Datacenter)
		if row.ContentHash, err = contentHash(s); err != nil {
			return nil, err
		}
		rep := &exchange.Reply{Body: row, Hash: row.ContentHash}
		if row.ContentHash != r.Query.Get("hash") {
			return rep, nil
		}
		select {
		case <-changed:
		case <-over.C:
			return rep, nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func (h *registryHandler) checks(r *exchange.Request) (*exchange.Reply, error) {
	rows := map[string]wire.Check{}
	for id, c := range h.registry.LocalChecks() {
		rows[id] = wire.FromCheck(&c.Check)
	}
	rows, err := exchange.FilterMap(r, rows)
	if err != nil {
		return nil, err
	}
	return exchange.Answer(rows)
}

func (h *registryHandler) registerService(r *exchange.Request) (*exchange.Reply, error) {
	var body agentRegistrationJSON
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	replace, err := r.Flag("replace-existing-checks")
	if err != nil {
		return nil, err
	}
	s, checks, err := body.service()
	if err == nil {
		err = h.scriptsAllowed(checks...)
	}
	if err == nil {
		err = h.registry.RegisterService(r.Context(), s, checks, replace, cmp.Or(r.Options.Token, body.Token))
	}
	return silent(err)
}

func (h *registryHandler) deregisterService(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "service ID")
	if err == nil {
		err = h.registry.DeregisterService(r.Context(), id)
	}
	return silent(err)
}

func (h *registryHandler) registerCheck(r *exchange.Request) (*exchange.Reply, error) {
	var body checkDefinitionJSON
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	d, err := body.alone()
	if err == nil {
		err = h.scriptsAllowed(d)
	}
	if err == nil {
		err = h.registry.RegisterCheck(r.Context(), d, cmp.Or(r.Options.Token, body.Token))
	}
	return silent(err)
}

// scriptsAllowed refuses checks that run programs, unless the agent's config lets clients of the API run them.
func (h *registryHandler) scriptsAllowed(checks ...cluster.CheckDefinition) error {
	for _, d := range checks {
		if len(d.Args) > 0 && !h.cfg.ScriptChecks {
			return cluster.Errorf(cluster.Invalid, "check %q runs a program, which clients of this agent's API may not: set enable_script_checks = true in its config to allow it", d.ID)
		}
	}
	return nil
}

func (h *registryHandler) deregisterCheck(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "check ID")
	if err == nil {
		err = h.registry.DeregisterCheck(r.Context(), id)
	}
	return silent(err)
}

// note takes a status for a TTL check, with a note as its output.
func (h *registryHandler) note(status cluster.Status) exchange.Endpoint {
	return func(r *exchange.Request) (*exchange.Reply, error) {
		id, err := r.Required("id", "check ID")
		if err == nil {
			err = h.registry.UpdateTTL(r.Context(), id, status, r.Query.Get("note"))
		}
		return silent(err)
	}
}

// update takes a status for a TTL check, with its output.
func (h *registryHandler) update(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "check ID")
	if err != nil {
		return nil, err
	}
	var body struct{ Status, Output string }
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	status := cluster.Status(body.Status)
	if !status.Valid() {
		return nil, cluster.Errorf(cluster.Invalid, "Invalid check status: %q; want passing, warning or critical in the field Status", body.Status)
	}
	return silent(h.registry.UpdateTTL(r.Context(), id, status, body.Output))
}

// silent answers without a body, as Consul's agent does after a change.
func silent(err error) (*exchange.Reply, error) {
	if err != nil {
		return nil, err
	}
	return &exchange.Reply{}, nil
}
