package exchange

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/cluster"
)

// Endpoint answers one method of one path.
type Endpoint func(*Request) (*Reply, error)

// Methods are the endpoints of one path. HEAD is answered where GET is.
type Methods map[string]Endpoint

// Routes are the methods of each path, in http.ServeMux's pattern language without the method.
type Routes map[string]Methods

// Config is what the transport must know of this agent.
type Config struct {
	Datacenter      string
	ResponseHeaders map[string]string     // on every answer
	BodyTimeout     time.Duration         // for a body to arrive, 0 means 30 s
	NoCache         bool                  // the parameter cached is not heard
	DefaultWait     time.Duration         // of a read that blocks and does not say how long, 0 means cluster.DefaultWait
	MaxWait         time.Duration         // of any, 0 means cluster.MaxWait
	Metrics         prometheus.Registerer // where the answers are counted; nil means nowhere
	Elsewhere       Elsewhere             // the other datacenters; nil where there is no way to any
}

// Front takes every request, finds its endpoint and writes the answer.
type Front struct {
	cfg   Config
	log   *slog.Logger
	mux   *http.ServeMux
	meter *meter // nil where nobody counts
	kv    route  // its keys are any bytes, so the mux never sees them
}

// route is the endpoints of one path, each with what measures its answers.
type route map[string]measured

type measured struct {
	endpoint Endpoint
	gauge    *gauge
}

const kvPath = "/v1/kv/"

// NewFront makes a front without endpoints: everything is answered with 404.
func NewFront(cfg Config, log *slog.Logger) *Front {
	cfg.BodyTimeout = cmp.Or(cfg.BodyTimeout, bodyTimeout)
	cfg.MaxWait = cmp.Or(cfg.MaxWait, cluster.MaxWait)
	cfg.DefaultWait = min(cmp.Or(cfg.DefaultWait, cluster.DefaultWait), cfg.MaxWait)
	f := &Front{cfg: cfg, log: log, mux: http.NewServeMux(), meter: newMeter(cfg.Metrics)}
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.fail(w, cluster.Errorf(cluster.NotFound, "there is no endpoint %.200s: see the API documentation for the paths under /v1", r.URL.Path))
	})
	return f
}

// Add takes the endpoints of a family.
func (f *Front) Add(rs Routes) {
	for pattern, m := range rs {
		rt := f.route(pattern, m)
		f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, rt) })
	}
}

// Handle takes a handler that is not ours, and knows the transport itself.
func (f *Front) Handle(pattern string, h http.Handler) { f.mux.Handle(pattern, h) }

// ServeKV takes the endpoints of the key/value store.
func (f *Front) ServeKV(m Methods) { f.kv = f.route(kvPath, m) }

func (f *Front) route(pattern string, m Methods) route {
	rt := route{}
	for method, e := range m {
		rt[method] = measured{e, &gauge{meter: f.meter, method: method, path: label(pattern)}}
	}
	return rt
}

// ServeHTTP answers a request.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Vary"] = []string{"Accept-Encoding"}
	for k, v := range f.cfg.ResponseHeaders {
		h.Set(k, v)
	}
	defer f.recover(w, r)
	if r.ContentLength != 0 {
		beginBody(w, f.cfg.BodyTimeout)
	}
	if key, ok := strings.CutPrefix(r.URL.Path, kvPath); ok {
		r.SetPathValue("key", key)
		f.serve(w, r, f.kv)
		return
	}
	if r.URL.Path == "/v1/kv" {
		f.serve(w, r, f.kv)
		return
	}
	f.mux.ServeHTTP(w, verbatim(r))
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request, rt route) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	e, ok := rt[method]
	if !ok {
		f.methodNotAllowed(w, r, rt)
		return
	}
	defer e.gauge.took(time.Now())
	r, cancel := patiently(r)
	defer cancel()
	req, err := f.parse(w, r)
	if err != nil {
		f.refuse(w, r, nil, err)
		return
	}
	req.bodyTime = f.cfg.BodyTimeout
	rep, err := answerTo(req, e.endpoint)
	if err != nil {
		f.refuse(w, r, req.body, err)
		return
	}
	if err := rep.write(w, req); err != nil {
		f.log.Debug("an answer was not written whole", "path", r.URL.Path, "error", err)
	}
	if rep.After != nil {
		_ = http.NewResponseController(w).Flush() // who cannot flush has no client to be told
		rep.After()
	}
}

// answerTo asks an endpoint. The end of a request's context means that the server is closing, or that the client has closed its side.
func answerTo(r *Request, ask Endpoint) (*Reply, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if err := r.skipBody(); err != nil {
			return nil, err
		}
	}
	rep, err := ask(r)
	switch {
	case err == nil || r.Context().Err() == nil || !canceled(err):
		return rep, err
	case serverOf(r.Context()).Err() != nil:
		return nil, cluster.Errorf(cluster.Unavailable, "this agent is stopping: ask another")
	}
	return nil, cluster.Errorf(cluster.Unavailable, "the client's side of the connection was closed while the request waited: keep it open")
}

func (f *Front) methodNotAllowed(w http.ResponseWriter, r *http.Request, rt route) {
	var allow []string
	for name := range rt {
		allow = append(allow, name)
		if name == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	w.Header().Set("Allow", strings.Join(allow, ", "))
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusOK)
		return
	}
	f.fail(w, &statusError{http.StatusMethodNotAllowed, fmt.Errorf("method %s is not allowed here: use %s", r.Method, strings.Join(allow, ", "))})
}

// refuse answers a request that was refused: in the datacenter that it is meant for, or with the reason.
func (f *Front) refuse(w http.ResponseWriter, r *http.Request, body []byte, err error) {
	if !f.elsewhere(w, r, body, err) {
		f.fail(w, err)
	}
}

func (f *Front) fail(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if status == http.StatusInternalServerError && cluster.CodeOf(err) == cluster.Internal {
		f.log.Debug("a request failed", "error", err)
	}
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(err.Error())) // a client that is gone needs no answer
}

// recover turns a panic, a mistake of ours, into an answer; the daemon lives on.
func (f *Front) recover(w http.ResponseWriter, r *http.Request) {
	p := recover()
	switch p {
	case nil:
		return
	case http.ErrAbortHandler: // a half of an answer came from another datacenter: the client is to see that it is one
		panic(p)
	}
	f.log.Error("a request made the API panic", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	f.fail(w, cluster.Errorf(cluster.Internal, "the agent failed at %s %s: its log says where", r.Method, r.URL.Path))
}
