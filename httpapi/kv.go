package httpapi

import (
	"net/http"
	"slices"
	"strconv"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// kvHandler answers /v1/kv/.
type kvHandler struct {
	reader   Reader
	writer   Writer
	maxValue int
}

func (h *kvHandler) methods() methods {
	return methods{http.MethodGet: h.read, http.MethodPut: h.put, http.MethodDelete: h.delete}
}

func (h *kvHandler) read(r *request) (*reply, error) {
	switch {
	case r.has("keys"):
		return h.keys(r)
	case r.has("recurse"):
		return h.list(r)
	}
	return h.get(r)
}

func (h *kvHandler) get(r *request) (*reply, error) {
	key, err := r.required("key", "key name")
	if err != nil {
		return nil, err
	}
	var e *cluster.KVEntry
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error { e = v.KVGet(key); return nil })
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return &reply{status: http.StatusNotFound, meta: &meta}, nil
	case r.has("raw"):
		return &reply{raw: e.Value, contentType: "text/plain", meta: &meta}, nil
	}
	return &reply{body: (*kvEntry)(e), meta: &meta}, nil
}

func (h *kvHandler) list(r *request) (*reply, error) {
	var list []*cluster.KVEntry
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error { list = v.KVList(r.PathValue("key")); return nil })
	return foundSome(kvEntries(list), len(list), meta, err)
}

func (h *kvHandler) keys(r *request) (*reply, error) {
	var keys []string
	meta, err := h.reader.Query(r.Context(), r.opts, func(v *state.View) error {
		keys = v.KVKeys(r.PathValue("key"), r.query.Get("separator"))
		return nil
	})
	return foundSome(keys, len(keys), meta, err)
}

// foundSome is found for a list that is 404 when it has nothing.
func foundSome(body any, n int, meta cluster.QueryMeta, err error) (*reply, error) {
	if err == nil && n == 0 {
		return &reply{status: http.StatusNotFound, meta: &meta}, nil
	}
	return found(body, meta, err)
}

func (h *kvHandler) put(r *request) (*reply, error) {
	key, err := r.required("key", "key name")
	if err != nil {
		return nil, err
	}
	cmd := &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key}}
	if err := conflicting(r, "cas", "acquire", "release"); err != nil {
		return nil, err
	}
	if cmd.Entry.Flags, err = number(r, "flags"); err != nil {
		return nil, err
	}
	switch {
	case r.has("cas"):
		cmd.Verb = cluster.KVCAS
		cmd.Entry.ModifyIndex, err = number(r, "cas")
	case r.has("acquire"):
		cmd.Verb, cmd.Entry.Session = cluster.KVLock, r.query.Get("acquire")
	case r.has("release"):
		cmd.Verb, cmd.Entry.Session = cluster.KVUnlock, r.query.Get("release")
	}
	if err != nil {
		return nil, err
	}
	if cmd.Entry.Value, err = r.body(h.maxValue, "the value of key "+strconv.Quote(key)); err != nil {
		return nil, err
	}
	ok, err := h.writer.Apply(r.Context(), r.write(), cmd)
	if cmd.Entry.Session != "" || cmd.Verb == cluster.KVLock || cmd.Verb == cluster.KVUnlock {
		err = asServerError(err)
	}
	return applied(ok, err)
}

func (h *kvHandler) delete(r *request) (*reply, error) {
	if err := conflicting(r, "recurse", "cas"); err != nil {
		return nil, err
	}
	cmd := &cluster.KVWrite{Verb: cluster.KVDelete, Entry: cluster.KVEntry{Key: r.PathValue("key")}}
	var err error
	switch {
	case r.has("recurse"):
		cmd.Verb = cluster.KVDeleteTree
	case r.has("cas"):
		cmd.Verb = cluster.KVDeleteCAS
		cmd.Entry.ModifyIndex, err = number(r, "cas")
	}
	if err == nil && cmd.Verb != cluster.KVDeleteTree {
		_, err = r.required("key", "key name")
	}
	if err != nil {
		return nil, err
	}
	ok, err := h.writer.Apply(r.Context(), r.write(), cmd)
	return applied(ok, err)
}

// applied answers whether the precondition of a write held.
func applied(result any, err error) (*reply, error) {
	if err != nil {
		return nil, err
	}
	ok, _ := result.(bool)
	return answer(ok)
}

// conflicting refuses requests with more than one of the parameters.
func conflicting(r *request, names ...string) error {
	given := slices.DeleteFunc(names, func(n string) bool { return !r.has(n) })
	if len(given) > 1 {
		return cluster.Errorf(cluster.Invalid, "the parameters %s and %s contradict each other: give one of them", given[0], given[1])
	}
	return nil
}

// number is a parameter that is a number, 0 where it is not given.
func number(r *request, name string) (uint64, error) {
	if !r.has(name) {
		return 0, nil
	}
	n, err := strconv.ParseUint(r.query.Get(name), 10, 64)
	if err != nil {
		return 0, cluster.Errorf(cluster.Invalid, "the parameter %s=%s is not a number: want 0 to %d", name, r.query.Get(name), uint64(1<<64-1))
	}
	return n, nil
}
