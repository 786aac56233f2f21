package exchange

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"holdfast/cluster"
)

// Elsewhere is the other datacenters.
type Elsewhere interface {
	// Forward answers a request in another datacenter. After an error nothing was written.
	Forward(w http.ResponseWriter, r *http.Request, datacenter string) error
	// Datacenters is the names of all that are known, this agent's first and then the nearest.
	Datacenters(ctx context.Context) []string
}

// elsewhere is the error of a request that is meant for another datacenter. The beginning of the sentence is Consul's: clients look for it.
type elsewhere struct {
	datacenter string
	error
}

// Unwrap gives the error as it is told where there is no way to other datacenters.
func (e *elsewhere) Unwrap() error { return e.error }

// InDatacenter refuses any datacenter but ours. The front hands what is refused so to the datacenter that is meant, as far as there is a way.
func InDatacenter(dc, ours string) error {
	if dc == "" || strings.EqualFold(dc, ours) {
		return nil
	}
	return &elsewhere{strings.ToLower(dc), AsServerError(cluster.Errorf(cluster.Invalid, "No path to datacenter: %q is not known here, this is %q", dc, ours))}
}

// elsewhere answers a request that was refused because it is meant for another datacenter there, and reports whether that was so. body is what was
// read of its body, nil where nothing was.
func (f *Front) elsewhere(w http.ResponseWriter, r *http.Request, body []byte, refused error) bool {
	var to *elsewhere
	if f.cfg.Elsewhere == nil || !errors.As(refused, &to) {
		return false
	}
	out := *r
	if body != nil {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	} else if r.ContentLength != 0 {
		out.Body = io.NopCloser((&Request{Request: r, w: w, bodyTime: f.cfg.BodyTimeout}).LongBody())
	}
	if err := f.cfg.Elsewhere.Forward(w, &out, to.datacenter); err != nil {
		f.fail(w, err)
	}
	return true
}
