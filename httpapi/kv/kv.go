package kv

import (
	"net/http"
	"strconv"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// Methods are the endpoints of /v1/kv/, whose path goes on with a key. maxValue bounds values, in bytes.
func Methods(reader exchange.Reader, writer exchange.Writer, maxValue int) exchange.Methods {
	h := &kvHandler{reader, writer, maxValue}
	return exchange.Methods{http.MethodGet: h.read, http.MethodPut: h.put, http.MethodDelete: h.delete}
}

// kvHandler answers /v1/kv/.
type kvHandler struct {
	reader   exchange.Reader
	writer   exchange.Writer
	maxValue int
}

func (h *kvHandler) read(r *exchange.Request) (*exchange.Reply, error) {
	switch {
	case r.Has("keys"):
		return h.keys(r)
	case r.Has("recurse"):
		return h.list(r)
	}
	return h.get(r)
}

func (h *kvHandler) get(r *exchange.Request) (*exchange.Reply, error) {
	key, err := r.Required("key", "key name")
	if err != nil {
		return nil, err
	}
	var e *cluster.KVEntry
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { e = v.KVGet(key); return nil })
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return &exchange.Reply{Status: http.StatusNotFound, Meta: &meta}, nil
	case r.Has("raw"):
		return &exchange.Reply{Raw: e.Value, ContentType: "text/plain", Meta: &meta}, nil
	}
	return &exchange.Reply{Body: (*kvEntry)(e), Meta: &meta}, nil
}

func (h *kvHandler) list(r *exchange.Request) (*exchange.Reply, error) {
	var list []*cluster.KVEntry
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { list = v.KVList(r.PathValue("key")); return nil })
	return foundSome(kvEntries(list), len(list), meta, err)
}

func (h *kvHandler) keys(r *exchange.Request) (*exchange.Reply, error) {
	var keys []string
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		keys = v.KVKeys(r.PathValue("key"), r.Query.Get("separator"))
		return nil
	})
	if r.PathValue("key") == "" { // the root is always there
		return exchange.Found(kvKeys(keys), meta, err)
	}
	return foundSome(kvKeys(keys), len(keys), meta, err)
}

// foundSome is found for a list that is 404 when it has nothing.
func foundSome(body any, n int, meta cluster.QueryMeta, err error) (*exchange.Reply, error) {
	if err == nil && n == 0 {
		return &exchange.Reply{Status: http.StatusNotFound, Meta: &meta}, nil
	}
	return exchange.Found(body, meta, err)
}

func (h *kvHandler) put(r *exchange.Request) (*exchange.Reply, error) {
	key, err := r.Required("key", "key name")
	if err != nil {
		return nil, err
	}
	cmd := &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key}}
	if err := exchange.Conflicting(r, "cas", "acquire", "release"); err != nil {
		return nil, err
	}
	if cmd.Entry.Flags, err = exchange.Number(r, "flags"); err != nil {
		return nil, err
	}
	switch {
	case r.Has("cas"):
		cmd.Verb = cluster.KVCAS
		cmd.Entry.ModifyIndex, err = exchange.Number(r, "cas")
	case r.Has("acquire"):
		cmd.Verb, cmd.Entry.Session = cluster.KVLock, r.Query.Get("acquire")
	case r.Has("release"):
		cmd.Verb, cmd.Entry.Session = cluster.KVUnlock, r.Query.Get("release")
	}
	if err != nil {
		return nil, err
	}
	if cmd.Entry.Value, err = r.ReadBody(h.maxValue, "the value of key "+strconv.Quote(key)); err != nil {
		return nil, err
	}
	ok, err := h.writer.Apply(r.Context(), r.WriteOptions(), cmd)
	if cmd.Entry.Session != "" || cmd.Verb == cluster.KVLock || cmd.Verb == cluster.KVUnlock {
		err = exchange.AsServerError(err)
	}
	return applied(ok, err)
}

func (h *kvHandler) delete(r *exchange.Request) (*exchange.Reply, error) {
	if err := exchange.Conflicting(r, "recurse", "cas"); err != nil {
		return nil, err
	}
	cmd := &cluster.KVWrite{Verb: cluster.KVDelete, Entry: cluster.KVEntry{Key: r.PathValue("key")}}
	var err error
	switch {
	case r.Has("recurse"):
		cmd.Verb = cluster.KVDeleteTree
	case r.Has("cas"):
		cmd.Verb = cluster.KVDeleteCAS
		cmd.Entry.ModifyIndex, err = exchange.Number(r, "cas")
	}
	if err == nil && cmd.Verb != cluster.KVDeleteTree {
		_, err = r.Required("key", "key name")
	}
	if err != nil {
		return nil, err
	}
	ok, err := h.writer.Apply(r.Context(), r.WriteOptions(), cmd)
	return applied(ok, err)
}

// applied answers whether the precondition of a write held.
func applied(result any, err error) (*exchange.Reply, error) {
	if err != nil {
		return nil, err
	}
	ok, _ := result.(bool)
	return exchange.Answer(ok)
}
