package query

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/prepared"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// Queries makes prepared queries.
type Queries interface {
	CreatePreparedQuery(ctx context.Context, opts cluster.WriteOptions, q cluster.PreparedQuery) (string, error)
}

// Abroad is the other datacenters.
type Abroad = prepared.Abroad

// handler answers /v1/query/.
type handler struct {
	reader     exchange.Reader
	writer     exchange.Writer
	queries    Queries
	others     Abroad // nil where there is no way to other datacenters
	datacenter string
	node       string // of this agent
}

// Routes are the endpoints of /v1/query. node is this agent's: what is near=_agent is near to it.
func Routes(reader exchange.Reader, writer exchange.Writer, queries Queries, others Abroad, datacenter, node string) exchange.Routes {
	h := &handler{reader, writer, queries, others, datacenter, node}
	return exchange.Routes{
		"/v1/query": {http.MethodGet: h.list, http.MethodPost: h.create},
		"/v1/query/{id...}": {
			http.MethodGet: h.get, http.MethodPut: h.change, http.MethodDelete: h.remove,
		},
	}
}

func (h *handler) list(r *exchange.Request) (*exchange.Reply, error) {
	var all []*cluster.PreparedQuery
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { all = v.PreparedQueries(); return nil })
	return exchange.FoundConsistently(exchange.Each(all, toQuery), meta, err)
}

// bodyJSON is the body of a create or an update.
type bodyJSON struct {
	exchange.Place
	queryJSON
	Token string // the query's own, not that of the request
}

// body reads a query, and says what is wrong with it.
func (h *handler) body(r *exchange.Request) (cluster.PreparedQuery, error) {
	var body bodyJSON
	if err := r.Decode(&body); err != nil {
		return cluster.PreparedQuery{}, err
	}
	if err := exchange.InDatacenter(body.Datacenter, h.datacenter); err != nil {
		return cluster.PreparedQuery{}, err
	}
	body.queryJSON.Token = body.Token
	q, err := body.query()
	if err != nil {
		return q, err
	}
	return q, prepared.Check(&q)
}

func (h *handler) create(r *exchange.Request) (*exchange.Reply, error) {
	q, err := h.body(r)
	if err != nil {
		return nil, err
	}
	if q.ID != "" {
		return nil, cluster.Errorf(cluster.Invalid, "ID must be empty when creating a new prepared query: PUT /v1/query/%s changes one", q.ID)
	}
	id, err := h.queries.CreatePreparedQuery(r.Context(), r.WriteOptions(), q)
	if err != nil {
		return nil, exchange.AsServerError(err)
	}
	return exchange.Answer(struct{ ID string }{id})
}

// get answers for the query with an ID, and for the results of one: what stands before /execute may be any name.
func (h *handler) get(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "prepared query ID")
	if err != nil {
		return nil, err
	}
	if name, ok := strings.CutSuffix(id, "/execute"); ok {
		return h.execute(r, name)
	}
	if name, ok := strings.CutSuffix(id, "/explain"); ok {
		return h.explain(r, name)
	}
	var q *cluster.PreparedQuery
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { q = v.PreparedQuery(id); return nil })
	if err == nil && q == nil {
		err = prepared.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return exchange.FoundConsistently([]queryJSON{toQuery(q)}, meta, nil)
}

func (h *handler) change(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "prepared query ID")
	if err != nil {
		return nil, err
	}
	q, err := h.body(r)
	if err != nil {
		return nil, err
	}
	q.ID = id // whatever the body says, as in Consul
	if _, err := h.writer.Apply(r.Context(), r.WriteOptions(), &cluster.PutPreparedQuery{Query: q, Update: true}); err != nil {
		return nil, exchange.AsServerError(err)
	}
	return &exchange.Reply{}, nil
}

func (h *handler) remove(r *exchange.Request) (*exchange.Reply, error) {
	id, err := r.Required("id", "prepared query ID")
	if err != nil {
		return nil, err
	}
	if _, err := h.writer.Apply(r.Context(), r.WriteOptions(), &cluster.DeletePreparedQuery{ID: id}); err != nil {
		return nil, err
	}
	return &exchange.Reply{}, nil
}

// once is the options of a read that does not block.
func once(r *exchange.Request) cluster.QueryOptions {
	return cluster.QueryOptions{Consistency: r.Options.Consistency, Token: r.Options.Token}
}

// execute answers the instances that a query selects. It does not block, as in Consul.
func (h *handler) execute(r *exchange.Request, name string) (*exchange.Reply, error) {
	o, err := h.options(r)
	if err != nil {
		return nil, err
	}
	var q *cluster.PreparedQuery
	var found prepared.Result
	opts := once(r)
	opts.Consistency = r.CachedOptions().Consistency
	meta, err := h.reader.Query(r.Context(), opts, func(v *state.View) (err error) {
		if q, err = prepared.Resolve(v, name); err == nil {
			o.Elsewhere = prepared.Beyond(r.Context(), h.others, q)
			found = prepared.Execute(v, q, o)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	meta.Consistency = r.Options.Consistency
	return exchange.FoundCached(resultJSON{
		Service: q.Service.Service, Nodes: exchange.Each(found.Instances, wire.FromInstance), DNS: dnsJSON(q.DNS),
		Datacenter: found.Datacenter, Failovers: found.Failovers, metaJSON: toMeta(meta),
	}, meta, nil)
}

// options is how a query is to be executed.
func (h *handler) options(r *exchange.Request) (prepared.Options, error) {
	o := prepared.Options{Near: r.Query.Get("near"), Agent: h.node, Client: r.ClientAddr(), Shuffle: rand.Shuffle, Datacenter: h.datacenter}
	if connect, err := r.Flag("connect"); err != nil || connect {
		return o, cmp.Or(err, error(cluster.Errorf(cluster.Unsupported, "the parameter connect asks for the service mesh, which Holdfast leaves out")))
	}
	if s := r.Query.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return o, cluster.Errorf(cluster.Invalid, "Bad limit: limit=%s is not a number", s)
		}
		o.Limit = n
	}
	return o, nil
}

// explain answers the query that would be executed.
func (h *handler) explain(r *exchange.Request, name string) (*exchange.Reply, error) {
	var q *cluster.PreparedQuery
	meta, err := h.reader.Query(r.Context(), once(r), func(v *state.View) (err error) {
		q, err = prepared.Resolve(v, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return exchange.FoundConsistently(explanationJSON{Query: toQuery(q), metaJSON: toMeta(meta)}, meta, nil)
}
