package exchange

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"holdfast/cluster"
)

// Request is an HTTP request with what every endpoint may need of it, parsed.
type Request struct {
	*http.Request
	w        http.ResponseWriter // for the limits on the body alone; endpoints give replies
	bodyTime time.Duration       // for the body to arrive
	body     []byte              // what ReadBody has read, nil before
	Query    url.Values
	Options  cluster.QueryOptions
}

// WriteOptions is what a write carries.
func (r *Request) WriteOptions() cluster.WriteOptions {
	return cluster.WriteOptions{Token: r.Options.Token}
}

// CachedOptions are the options of a read that Consul's agent answers from its cache where the request says cached. Here it is answered from the
// state beside us, which is never older than such a cache, and like it is there while there is no leader.
func (r *Request) CachedOptions() cluster.QueryOptions {
	o := r.Options
	if r.Has("cached") && o.Consistency == cluster.Default {
		o.Consistency = cluster.Stale
	}
	return o
}

// Wait is how long a read blocks at most that does not read the state: the parameter wait within its bounds, with Consul's jitter.
func (r *Request) Wait() time.Duration {
	wait := r.Options.MaxWait
	return wait + rand.N(wait/cluster.WaitJitterPart+1)
}

// ClientAddr is the address of who asks: the first that X-Forwarded-For names, else the other end of the connection. It is invalid where
// there is none, as on a unix socket.
func (r *Request) ClientAddr() netip.Addr {
	for s := range strings.SplitSeq(r.Header.Get("X-Forwarded-For"), ",") {
		if a, err := netip.ParseAddr(strings.TrimSpace(s)); err == nil {
			return a.Unmap()
		}
	}
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// Has reports whether a flag such as ?raw is given.
func (r *Request) Has(name string) bool { return r.Query.Has(name) }

// Flag is a flag that may carry a boolean: ?passing, ?passing=1 and ?passing=true are true, ?passing=false and no flag are false.
func (r *Request) Flag(name string) (bool, error) {
	if !r.Query.Has(name) {
		return false, nil
	}
	switch v := r.Query.Get(name); strings.ToLower(v) {
	case "", "1", "t", "true":
		return true, nil
	case "0", "f", "false":
		return false, nil
	default:
		return false, cluster.Errorf(cluster.Invalid, "the parameter %s=%s is not a boolean: want true or false", name, v)
	}
}

// Required is a part of the path that must not be empty.
func (r *Request) Required(name, what string) (string, error) {
	if v := r.PathValue(name); v != "" {
		return v, nil
	}
	return "", cluster.Errorf(cluster.Invalid, "Missing %s: give it at the end of the path", what)
}
