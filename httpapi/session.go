package httpapi

import (
	"cmp"
	"net/http"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// sessionHandler answers /v1/session/.
type sessionHandler struct {
	reader   Reader
	writer   Writer
	sessions Sessions
	node     string // sessions are tied to this node where they name none
	minTTL   time.Duration
}

func (h *sessionHandler) routes() routes {
	return routes{
		"/v1/session/create":          {http.MethodPut: h.create},
		"/v1/session/renew/{id...}":   {http.MethodPut: h.renew},
		"/v1/session/destroy/{id...}": {http.MethodPut: h.destroy},
		"/v1/session/info/{id...}":    {http.MethodGet: h.info},
		"/v1/session/node/{node...}":  {http.MethodGet: h.ofNode},
		"/v1/session/list":            {http.MethodGet: h.list},
	}
}

func (h *sessionHandler) create(r *request) (*reply, error) {
	var body newSessionJSON
	if err := r.decodeOptional(&body); err != nil {
		return nil, err
	}
	s, err := body.session(h.node, h.minTTL)
	if err != nil {
		return nil, err
	}
	id, err := h.sessions.CreateSession(r.Context(), cmp.Or(r.write(), body.token()), s)
	if err != nil {
		return nil, asServerError(err)
	}
	return answer(struct{ ID string }{id})
}

// renew answers the session, whose time begins again.
func (h *sessionHandler) renew(r *request) (*reply, error) {
	id, err := r.required("id", "session ID")
	if err != nil {
		return nil, err
	}
	if err := h.sessions.RenewSession(r.Context(), r.write(), id); err != nil {
		return nil, asServerError(err)
	}
	s, meta, err := h.read(r, id)
	if err == nil && s == nil {
		err = cluster.Errorf(cluster.NotFound, "Session id '%s' not found", id)
	}
	if err != nil {
		return nil, err
	}
	return found([]sessionJSON{toSession(s)}, meta, nil)
}

func (h *sessionHandler) read(r *request, id string) (s *cluster.Session, meta cluster.QueryMeta, err error) {
	meta, err = h.reader.Query(r.Context(), r.opts, func(v *state.View) error { s = v.Session(id); return nil })
	return s, meta, err
}

func (h *sessionHandler) destroy(r *request) (*reply, error) {
	id, err := r.required("id", "session ID")
	if err != nil {
		return nil, err
	}
	_, err = h.writer.Apply(r.Context(), r.write(), &cluster.SessionDestroy{ID: id})
	return done(err)
}

// info is a list of one session, or of none.
func (h *sessionHandler) info(r *request) (*reply, error) {
	id, err := r.required("id", "session ID")
	if err != nil {
		return nil, err
	}
	s, meta, err := h.read(r, id)
	rows := []sessionJSON{}
	if s != nil {
		rows = append(rows, toSession(s))
	}
	return found(rows, meta, err)
}

func (h *sessionHandler) list(r *request) (*reply, error) {
	return h.many(r, func(v *state.View) []*cluster.Session { return v.Sessions() })
}

func (h *sessionHandler) ofNode(r *request) (*reply, error) {
	node, err := r.required("node", "node name")
	if err != nil {
		return nil, err
	}
	return h.many(r, func(v *state.View) []*cluster.Session { return v.NodeSessions(node) })
}

func (h *sessionHandler) many(r *request, read func(*state.View) []*cluster.Session) (*reply, error) {
	var list []*cluster.Session
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error { list = read(v); return nil })
	return found(each(list, toSession), meta, err)
}
