// Package datacenter hands requests of the API to the datacenters that they are meant for, and answers those that come from there.
//
// A request with dc=OTHER is not translated: it goes as it is, HTTP and all, over the port between members (rpc.Layer) to a server of that
// datacenter, which answers it as if a client had asked there. So every endpoint knows every datacenter, a blocking read blocks there and ends
// when the client hangs up here, and a long body is never held whole. An agent that is in no pool between datacenters hands the request
// to a server of its own that is, and that one to the other datacenter: two steps at most, because only who is in that pool goes abroad.
//
// What the other side has certainly not begun with is tried at the next server; so is a read that broke. A write that broke is answered with a
// sentence that says that it may have happened.
//
// What an agent says of itself and does with itself (/v1/agent/) is never handed on, and refused where somebody hands it over.
package datacenter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Ways is how other datacenters are reached.
type Ways interface {
	// Gateways is the members to hand requests for a datacenter to, the first to be tried first; none where there is no way.
	Gateways(datacenter string) []string
	// Hand opens a connection to one of them.
	Hand(ctx context.Context, addr string) (net.Conn, error)
}

// Forwarder hands requests to other datacenters.
type Forwarder struct {
	own   string
	ways  Ways
	known func() []string // the datacenters, nil where this agent has to ask
	http  *http.Transport
	log   *slog.Logger
}

// idle is how long a connection without requests is kept.
const idle = 90 * time.Second

// New makes the forwarder of an agent in the datacenter own. known is the datacenters that this agent knows of itself, the nearest first; it is
// nil where the agent is in no pool between datacenters.
func New(own string, ways Ways, known func() []string, log *slog.Logger) *Forwarder {
	f := &Forwarder{own: own, ways: ways, known: known, log: log}
	f.http = &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			c, err := ways.Hand(ctx, addr)
			if err != nil {
				return nil, unreached{err}
			}
			return c, nil
		},
		MaxIdleConnsPerHost: 64, IdleConnTimeout: idle,
		DisableCompression: true, // the client says what it takes
	}
	return f
}

// Close ends the connections that carry no request.
func (f *Forwarder) Close() { f.http.CloseIdleConnections() }

// unreached is the error of a server that took no connection: it has certainly not begun.
type unreached struct{ error }

// Unwrap gives the reason.
func (u unreached) Unwrap() error { return u.error }

// Forward answers a request in another datacenter. After an error nothing was written.
func (f *Forwarder) Forward(w http.ResponseWriter, r *http.Request, dc string) error {
	servers := f.ways.Gateways(dc)
	if len(servers) == 0 {
		return f.noServer(dc)
	}
	var failed error
	kept := w.Header().Clone()
	clear(w.Header()) // the other side sets its own
	p := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetXForwarded() // who asks may matter: near=_ip
			pr.Out.URL.Scheme, pr.Out.URL.Host, pr.Out.Host = "http", servers[0], ""
			q := pr.Out.URL.Query()
			q.Set("dc", dc)
			pr.Out.URL.RawQuery = q.Encode()
		},
		Transport:     &journey{f.http, servers},
		FlushInterval: -1,
		ErrorHandler:  func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
		ErrorLog:      slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
	}
	p.ServeHTTP(w, r)
	if failed == nil {
		return nil
	}
	maps.Copy(w.Header(), kept)
	return f.problem(r, dc, failed)
}

// problem is what the client is told of a request that was not answered.
func (f *Forwarder) problem(r *http.Request, dc string, err error) error {
	var away unreached
	switch {
	case r.Context().Err() != nil:
		return r.Context().Err()
	case errors.As(err, &away):
		return noPath(dc, "none of its servers takes the request: "+err.Error())
	case readOnly(r.Method):
		return noPath(dc, "no answer came: "+err.Error())
	}
	return cluster.Errorf(cluster.Unknown, "what was asked of datacenter %q may or may not have been done there, no answer came: %v", dc, err)
}

// noServer is the error where there is nobody to hand a request to: of the code NotFound where the datacenter itself is not known.
func (f *Forwarder) noServer(dc string) error {
	if f.known == nil {
		return noPath(dc, "no server of this datacenter is alive and in a pool with other datacenters (ports.serf_wan)")
	}
	known := f.known()
	if slices.Contains(known, dc) {
		return noPath(dc, "none of its servers is alive, as far as is known here")
	}
	return noPathAs(cluster.NotFound, dc, "it is not known here; known are "+strings.Join(known, ", "))
}

// noPath begins as Consul's error does, which clients look for.
func noPath(dc, why string) error { return noPathAs(cluster.Unavailable, dc, why) }

func noPathAs(code cluster.Code, dc, why string) error {
	return exchange.Failed(cluster.Errorf(code, "No path to datacenter: %q: %s", dc, why))
}

func readOnly(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// journey is a RoundTripper that tries one server after another.
type journey struct {
	http    http.RoundTripper
	servers []string
}

// RoundTrip gives the first answer.
func (j *journey) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	for i, addr := range j.servers {
		out := r.Clone(r.Context())
		out.URL.Host = addr
		if r.Body != nil {
			out.Body = io.NopCloser(r.Body) // a server that is not reached would close it
		}
		if resp, err = j.http.RoundTrip(out); err == nil {
			if resp.StatusCode != http.StatusServiceUnavailable || !readOnly(r.Method) || i == len(j.servers)-1 {
				return resp, nil
			}
			_ = resp.Body.Close() // it stops, or has just started: the next may do better
			continue
		}
		var away unreached
		if r.Context().Err() != nil || !errors.As(err, &away) && !readOnly(r.Method) {
			break
		}
	}
	return nil, err
}

// Ask answers a GET in another datacenter, with its body of at most limit bytes.
func (f *Forwarder) Ask(ctx context.Context, dc, path string, query url.Values, limit int64) ([]byte, error) {
	servers := f.ways.Gateways(dc)
	if len(servers) == 0 {
		return nil, f.noServer(dc)
	}
	query.Set("dc", dc)
	u := url.URL{Scheme: "http", Host: servers[0], Path: path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := (&journey{f.http, servers}).RoundTrip(r)
	if err != nil {
		return nil, f.problem(r, dc, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it matters
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of datacenter %q: %w", dc, err)
	case int64(len(b)) > limit:
		return nil, cluster.Errorf(cluster.TooLarge, "the answer of datacenter %q has more than %d bytes", dc, limit)
	case resp.StatusCode != http.StatusOK:
		return nil, cluster.Errorf(cluster.Unavailable, "datacenter %q answers %s: %.300s", dc, resp.Status, strings.TrimSpace(string(b)))
	}
	return b, nil
}

// Arrivals answers the requests that other members hand over, with the API.
func Arrivals(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") || strings.HasPrefix(r.URL.Path, "/v1/agent/") || r.URL.Query().Get("dc") == "" {
			http.Error(w, "only requests of the API that are meant for a datacenter, and no agent's own, are taken from other members", http.StatusForbidden)
			return
		}
		api.ServeHTTP(w, r)
	})
}
