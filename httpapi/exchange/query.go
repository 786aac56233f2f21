package exchange

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster"
)

// Conflicting refuses requests with more than one of the parameters.
func Conflicting(r *Request, names ...string) error {
	given := slices.DeleteFunc(names, func(n string) bool { return !r.Has(n) })
	if len(given) > 1 {
		return cluster.Errorf(cluster.Invalid, "the parameters %s and %s contradict each other: give one of them", given[0], given[1])
	}
	return nil
}

// Number is a parameter that is a number, 0 where it is not given.
func Number(r *Request, name string) (uint64, error) {
	if !r.Has(name) {
		return 0, nil
	}
	n, err := strconv.ParseUint(r.Query.Get(name), 10, 64)
	if err != nil {
		return 0, cluster.Errorf(cluster.Invalid, "the parameter %s=%s is not a number: want 0 to %d", name, r.Query.Get(name), uint64(1<<64-1))
	}
	return n, nil
}

// parse reads what every request may carry.
func (f *Front) parse(w http.ResponseWriter, r *http.Request) (*Request, error) {
	req := &Request{Request: r, w: w}
	req.Options.MaxWait = f.cfg.DefaultWait
	if r.URL.RawQuery != "" {
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, cluster.Errorf(cluster.Invalid, "the query string %.200q cannot be read: %v", r.URL.RawQuery, err)
		}
		req.Query = q
	}
	req.Options.Token = token(r, req.Query)
	if len(req.Query) == 0 {
		return req, nil
	}
	if err := parseConsistency(req.Query, &req.Options); err != nil {
		return nil, err
	}
	if err := f.parseBlocking(req.Query, &req.Options); err != nil {
		return nil, err
	}
	if f.cfg.NoCache {
		req.Query.Del("cached")
	}
	if req.Has("cached") && req.Options.Consistency == cluster.Consistent {
		return nil, cluster.Errorf(cluster.Invalid, "Cannot specify ?cached with ?consistent, conflicting semantics.")
	}
	return req, parsePlace(r.URL.Path, req.Query, f.cfg.Datacenter)
}

// token is the ACL token, from the first place that has one.
func token(r *http.Request, q url.Values) string {
	if t := q.Get("token"); t != "" {
		return t
	}
	if t := r.Header.Get("X-Consul-Token"); t != "" {
		return t
	}
	if scheme, t, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(t)
	}
	return ""
}

func parseConsistency(q url.Values, opts *cluster.QueryOptions) error {
	stale, consistent := q.Has("stale"), q.Has("consistent")
	switch {
	case stale && consistent:
		return cluster.Errorf(cluster.Invalid, "the parameters stale and consistent contradict each other: give one of them")
	case stale:
		opts.Consistency = cluster.Stale
	case consistent:
		opts.Consistency = cluster.Consistent
	}
	return nil
}

func (f *Front) parseBlocking(q url.Values, opts *cluster.QueryOptions) error {
	if s := q.Get("index"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return cluster.Errorf(cluster.Invalid, "Invalid index %q: want the number that X-Consul-Index had", s)
		}
		opts.MinIndex = n
	}
	if s := q.Get("wait"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			return cluster.Errorf(cluster.Invalid, "Invalid wait time %q: want a duration such as 10s or 5m", s)
		}
		if d > 0 { // clients compute it: what is negative means the default, as in Consul
			opts.MaxWait = min(d, f.cfg.MaxWait)
		}
	}
	return nil
}

// parsePlace refuses what asks for another datacenter (see elsewhere), namespace, partition or peer: there is one of each. What an agent says of itself
// it says wherever it is.
func parsePlace(path string, q url.Values, datacenter string) error {
	if dc := q.Get("dc"); dc != "" && !strings.HasPrefix(path, "/v1/agent/") {
		if err := InDatacenter(dc, datacenter); err != nil {
			return err
		}
	}
	for _, name := range []string{"ns", "namespace", "partition", "ap"} {
		if v := q.Get(name); v != "" && !strings.EqualFold(v, "default") {
			return cluster.Errorf(cluster.Invalid, "the parameter %s=%s asks for a part of Consul Enterprise: leave it out, or give default", name, v)
		}
	}
	for _, name := range []string{"peer", "sg"} {
		if v := q.Get(name); v != "" {
			return cluster.Errorf(cluster.Unsupported, "the parameter %s=%s asks for cluster peering, which Holdfast leaves out", name, v)
		}
	}
	return nil
}
