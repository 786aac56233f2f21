package web

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/failover/proxy/route"
)

// Options tune a Handler.
type Options struct {
	ConnectTimeout time.Duration
	Trust          []netip.Prefix // other proxies, whose X-Forwarded-For is passed on
}

// Handler passes requests on.
type Handler struct {
	opts   Options
	log    *slog.Logger
	table  atomic.Pointer[route.Table]
	safe   *httputil.ReverseProxy
	lax    *httputil.ReverseProxy // to instances with any certificate
	counts sync.Map               // ID and address of a target -> *counts
}

// counts is what is counted of a target.
type counts struct {
	active, served, failed atomic.Int64
}

// New makes a handler without routes.
func New(o Options, log *slog.Logger) *Handler {
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = time.Second
	}
	h := &Handler{opts: o, log: log}
	h.table.Store(route.New(nil))
	h.safe, h.lax = h.reverse(false), h.reverse(true)
	return h
}

// Set makes a table the one that counts for the requests that begin from now on.
func (h *Handler) Set(t *route.Table) {
	h.table.Store(t)
	known := map[any]bool{}
	for _, x := range t.Targets() {
		known[key(x)] = true
	}
	h.counts.Range(func(k, _ any) bool {
		if !known[k] {
			h.counts.Delete(k)
		}
		return true
	})
}

func (h *Handler) reverse(lax bool) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: h.rewrite, ErrorHandler: h.failed, FlushInterval: -1, ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: h.opts.ConnectTimeout}).DialContext,
			TLSClientConfig:     &tls.Config{InsecureSkipVerify: lax}, //nolint:gosec // as the route says
			MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, DisableCompression: true, ForceAttemptHTTP2: true,
		},
	}
}

// passage is one request on its way.
type passage struct {
	target route.Target
	tried  []string
	failed error
}

type passageKey struct{}

// ServeHTTP finds the route and the instance. What is not routed is 404, what nobody takes 502.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	targets := h.table.Load().Find(r.Host, r.URL.Path)
	if len(targets) == 0 {
		http.Error(w, "no service has a route for "+r.Host+r.URL.Path, http.StatusNotFound)
		return
	}
	client := addrOf(r.RemoteAddr)
	targets = slices.DeleteFunc(slices.Clone(targets), func(t route.Target) bool { return !t.Admits(client) })
	if len(targets) == 0 {
		http.Error(w, "access denied", http.StatusForbidden)
		return
	}
	p := &passage{}
	for {
		left := slices.DeleteFunc(slices.Clone(targets), func(t route.Target) bool { return slices.Contains(p.tried, key(t)) })
		t, ok := route.Pick(left, rand.Float64(), h.load) //nolint:gosec // any will do
		if !ok {
			h.log.Debug("a request found no instance", "host", r.Host, "path", r.URL.Path, "error", p.failed)
			http.Error(w, "no instance took the request", http.StatusBadGateway)
			return
		}
		if t.Redirect != nil {
			http.Redirect(w, r, strings.ReplaceAll(t.Redirect.To, "$path", r.URL.RequestURI()), t.Redirect.Code)
			return
		}
		if h.pass(w, r, p, t) {
			return
		}
	}
}

// pass hands a request to an instance. It reports false where the instance took nothing of it, and another may have it.
func (h *Handler) pass(w http.ResponseWriter, r *http.Request, p *passage, t route.Target) bool {
	p.target, p.failed = t, nil
	p.tried = append(p.tried, key(t))
	c := h.countsOf(t)
	c.active.Add(1)
	defer c.active.Add(-1)
	to := h.safe
	if t.SkipVerify {
		to = h.lax
	}
	to.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), passageKey{}, p)))
	if p.failed != nil {
		c.failed.Add(1)
		return false
	}
	c.served.Add(1)
	return true
}

// failed answers for an instance that did not, unless another may still.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, err error) {
	p := r.Context().Value(passageKey{}).(*passage)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && r.Context().Err() == nil {
		p.failed = err
		return
	}
	h.log.Debug("a request failed", "instance", p.target.ID, "error", err)
	w.WriteHeader(http.StatusBadGateway)
}

// rewrite makes the request that the instance sees.
func (h *Handler) rewrite(r *httputil.ProxyRequest) {
	t := r.In.Context().Value(passageKey{}).(*passage).target
	r.Out.URL.Scheme, r.Out.URL.Host = t.Proto, t.Addr
	if t.Strip != "" || t.Prepend != "" {
		setPath(r.Out.URL, t.Prepend+strings.TrimPrefix(r.In.URL.EscapedPath(), t.Strip))
	}
	switch t.SetHost {
	case "":
		r.Out.Host = r.In.Host
	case "dst":
		r.Out.Host = t.Addr
	default:
		r.Out.Host = t.SetHost
	}
	h.forwarded(r)
}

// setPath sets an escaped path. It begins with a slash in any case.
func setPath(u *url.URL, escaped string) {
	if !strings.HasPrefix(escaped, "/") {
		escaped = "/" + escaped
	}
	if path, err := url.PathUnescape(escaped); err == nil {
		u.Path, u.RawPath = path, escaped
	}
}

// forwarded tells the instance who asks, and for what.
func (h *Handler) forwarded(r *httputil.ProxyRequest) {
	client := addrOf(r.In.RemoteAddr)
	trusted := slices.ContainsFunc(h.opts.Trust, func(p netip.Prefix) bool { return p.Contains(client) })
	if trusted {
		for _, name := range []string{"X-Forwarded-For", "Forwarded"} {
			r.Out.Header[name] = r.In.Header[name]
		}
	}
	r.SetXForwarded()
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip"} {
		if v := r.In.Header.Values(name); trusted && len(v) > 0 {
			r.Out.Header[name] = v
			continue
		}
		switch name {
		case "X-Forwarded-Port":
			if local, ok := r.In.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
				_, port, _ := net.SplitHostPort(local.String())
				r.Out.Header.Set(name, port)
			}
		case "X-Real-Ip":
			r.Out.Header.Set(name, client.String())
		}
	}
	if t := r.In.Context().Value(passageKey{}).(*passage).target; t.Strip != "" {
		r.Out.Header.Set("X-Forwarded-Prefix", t.Strip)
	}
}

func key(t route.Target) string { return t.ID + " " + t.Addr }

func (h *Handler) countsOf(t route.Target) *counts {
	if c, ok := h.counts.Load(key(t)); ok {
		return c.(*counts)
	}
	c, _ := h.counts.LoadOrStore(key(t), &counts{})
	return c.(*counts)
}

func (h *Handler) load(t route.Target) int64 { return h.countsOf(t).active.Load() }

func addrOf(s string) netip.Addr {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// Counts is how a target fares.
type Counts struct {
	route.Target
	Active, Served, Failed int64
}

// Counts are all targets of the table, with what was counted since each was first asked.
func (h *Handler) Counts() []Counts {
	var out []Counts
	for _, t := range h.table.Load().Targets() {
		c := h.countsOf(t)
		out = append(out, Counts{t, c.active.Load(), c.served.Load(), c.failed.Load()})
	}
	return out
}
