package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"holdfast/cluster"
)

// request is an HTTP request with what every endpoint may need of it, parsed.
type request struct {
	*http.Request
	w     http.ResponseWriter // for the limits on the body alone; endpoints give replies
	query url.Values
	opts  cluster.QueryOptions
}

// write is what a write carries.
func (r *request) write() cluster.WriteOptions { return cluster.WriteOptions{Token: r.opts.Token} }

// has reports whether a flag such as ?raw is given.
func (r *request) has(name string) bool { return r.query.Has(name) }

// flag is a flag that may carry a boolean: ?passing, ?passing=1 and ?passing=true are true, ?passing=false and no flag are false.
func (r *request) flag(name string) (bool, error) {
	if !r.query.Has(name) {
		return false, nil
	}
	switch v := r.query.Get(name); strings.ToLower(v) {
	case "", "1", "t", "true":
		return true, nil
	case "0", "f", "false":
		return false, nil
	default:
		return false, cluster.Errorf(cluster.Invalid, "the parameter %s=%s is not a boolean: want true or false", name, v)
	}
}

// required is a part of the path that must not be empty.
func (r *request) required(name, what string) (string, error) {
	if v := r.PathValue(name); v != "" {
		return v, nil
	}
	return "", cluster.Errorf(cluster.Invalid, "Missing %s: give it at the end of the path", what)
}
