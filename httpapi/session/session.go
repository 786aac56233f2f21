package session

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// Sessions creates sessions and gives them their time again.
type Sessions interface {
	CreateSession(ctx context.Context, opts cluster.WriteOptions, s cluster.Session) (string, error)
	RenewSession(ctx context.Context, opts cluster.WriteOptions, id string) error
}

// sessionHandler answers /v1/session/.
type sessionHandler struct {
	reader   exchange.Reader
	writer   exchange.Writer
	sessions Sessions
	node     string // sessions are tied to this node where they name none
	minTTL   time.Duration
}

// Routes are the endpoints of /v1/session/. node is what sessions are tied to where they name none.
func Routes(reader exchange.Reader, writer exchange.Writer, sessions Sessions, node string, minTTL time.Duration) exchange.Routes {
	h := &sessionHandler{reader, writer, sessions, node, minTTL}
	return exchange.Routes{
		"/v1/session/create":          {http.MethodPut: h.create},
		"/v1/session/renew/{id...}":   {http.MethodPut: h.renew},
		"/v1/session/destroy/{id...}": {http.MethodPut: h.destroy},
		"/v1/session/info/{id...}":    {http.MethodGet: h.info},
		"/v1/session/node/{node...}":  {http.MethodGet: h.ofNode},
		"/v1/session/list":            {http.MethodGet: h.list},
	}
}

func (h *sessionHandler) create(r *exchange.Request) (*exchange.Reply, error) {
	var body newSessionJSON
	if err := r.DecodeLoosely(&body); err != nil {
		return nil, err
	}
	s, err := body.session(h.node, h.minTTL)
	if err != nil {
		return nil, err
	}
	id, err := h.sessions.CreateSession(r.Context(), cmp.Or(r.WriteOptions(), body.WriteOptions()), s)
	if err != nil {
		return nil, exchange.AsServerError(err)
	}
	return exchange.Answer(struct{ ID string }{id})
}

// renew answers the session, whose time begins again.
func (h *sessionHandler) renew(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "session ID")
	if err != nil {
		return nil, err
	}
	if err := h.sessions.RenewSession(r.Context(), r.WriteOptions(), id); err != nil {
		return nil, exchange.AsServerError(err)
	}
	s, meta, err := h.read(r, id)
	if err == nil && s == nil {
		err = cluster.Errorf(cluster.NotFound, "Session id '%s' not found", id)
	}
	if err != nil {
		return nil, err
	}
	return exchange.Found([]sessionJSON{toSession(s)}, meta, nil)
}

func (h *sessionHandler) read(r *exchange.Request, id string) (s *cluster.Session, meta cluster.QueryMeta, err error) {
	meta, err = h.reader.Query(r.Context(), r.Options, func(v *state.View) error { s = v.Session(id); return nil })
	return s, meta, err
}

func (h *sessionHandler) destroy(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "session ID")
	if err != nil {
		return nil, err
	}
	_, err = h.writer.Apply(r.Context(), r.WriteOptions(), &cluster.SessionDestroy{ID: id})
	return exchange.Done(err)
}

// info is a list of one session, or of none.
func (h *sessionHandler) info(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "session ID")
	if err != nil {
		return nil, err
	}
	s, meta, err := h.read(r, id)
	rows := []sessionJSON{}
	if s != nil {
		rows = append(rows, toSession(s))
	}
	return exchange.Found(rows, meta, err)
}

func (h *sessionHandler) list(r *exchange.Request) (*exchange.Reply, error) {
	return h.many(r, func(v *state.View) []*cluster.Session { return v.Sessions() })
}

func (h *sessionHandler) ofNode(r *exchange.Request) (*exchange.Reply, error) {
	node, err := r.Required("node", "node name")
	if err != nil {
		return nil, err
	}
	return h.many(r, func(v *state.View) []*cluster.Session { return v.NodeSessions(node) })
}

func (h *sessionHandler) many(r *exchange.Request, read func(*state.View) []*cluster.Session) (*exchange.Reply, error) {
	var list []*cluster.Session
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { list = read(v); return nil })
	return exchange.Found(exchange.Each(list, toSession), meta, err)
}
