package event

import (
	"net/http"
	"regexp"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Events is what the agent does with user events.
type Events interface {
	// FireEvent tells the agents that the event's filters select, and answers its ID.
	FireEvent(opts cluster.WriteOptions, e cluster.UserEvent) (string, error)
	// Events is the newest that were meant for this agent, the oldest first, and a channel that is closed when there are others.
	Events() ([]*cluster.UserEvent, <-chan struct{})
}

// eventHandler answers /v1/event/.
type eventHandler struct{ events Events }

// Routes are the endpoints of /v1/event/.
func Routes(events Events) exchange.Routes {
	h := &eventHandler{events}
	return exchange.Routes{
		"/v1/event/fire/{name...}": {http.MethodPut: h.fire},
		"/v1/event/list":           {http.MethodGet: h.list},
	}
}

// maxPayload bounds what is read of a payload: far more than gossip carries, which says itself what is too much.
const maxPayload = 64 << 10

func (h *eventHandler) fire(r *exchange.Request) (*exchange.Reply, error) {
	name, err := r.Required("name", "name")
	if err != nil {
		return nil, err
	}
	e := cluster.UserEvent{Name: name, NodeFilter: r.Query.Get("node"), ServiceFilter: r.Query.Get("service"), TagFilter: r.Query.Get("tag")}
	if e.Payload, err = r.ReadBody(maxPayload, "the payload"); err != nil {
		return nil, err
	}
	if e.ID, err = h.events.FireEvent(r.WriteOptions(), e); err != nil {
		return nil, err
	}
	return exchange.Answer(toEvent(&e))
}

// list answers the events that the parameters select. Where the client has their number, it waits for others.
func (h *eventHandler) list(r *exchange.Request) (*exchange.Reply, error) {
	keep, err := selected(r)
	if err != nil {
		return nil, err
	}
	over := time.NewTimer(r.Wait())
	defer over.Stop()
	for {
		all, changed := h.events.Events()
		rows, index := []eventJSON{}, uint64(1) // never 0: a client would ask again at once
		for _, e := range all {
			if keep(e) {
				rows = append(rows, toEvent(e))
				index, _ = e.Index()
			}
		}
		rep := &exchange.Reply{Body: rows, Index: max(index, 1)}
		if rep.Index != r.Options.MinIndex {
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

// selected is the choice of the parameters: the events of a name, and those whose own filters match the given expressions.
func selected(r *exchange.Request) (func(*cluster.UserEvent) bool, error) {
	name, filters := r.Query.Get("name"), map[string]*regexp.Regexp{}
	for _, p := range []string{"node", "service", "tag"} {
		expr := r.Query.Get(p)
		if expr == "" {
			continue
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			return nil, cluster.Errorf(cluster.Invalid, "the parameter %s=%s is no regular expression: %v", p, expr, err)
		}
		filters[p] = re
	}
	matches := func(p, filter string) bool { return filters[p] == nil || filters[p].MatchString(filter) }
	return func(e *cluster.UserEvent) bool {
		return (name == "" || e.Name == name) && matches("node", e.NodeFilter) && matches("service", e.ServiceFilter) && matches("tag", e.TagFilter)
	}, nil
}

// eventJSON is a user event. Version is that of Consul's format.
type eventJSON struct {
	ID            string
	Name          string
	Payload       []byte
	NodeFilter    string
	ServiceFilter string
	TagFilter     string
	Version       int
	LTime         uint64
}

func toEvent(e *cluster.UserEvent) eventJSON {
	row := eventJSON{ID: e.ID, Name: e.Name, NodeFilter: e.NodeFilter, ServiceFilter: e.ServiceFilter, TagFilter: e.TagFilter, Version: 1, LTime: e.LTime}
	if len(e.Payload) > 0 {
		row.Payload = e.Payload // else null, as Consul has it
	}
	return row
}
