package web

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
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

	"holdfast/failover/proxy/htpasswd"
	"holdfast/failover/proxy/route"
)

// Options tune a Handler.
type Options struct {
	ConnectTimeout time.Duration             // 0 for a second
	Idle           time.Duration             // how long a client may neither send of a body nor take of an answer; 0 for a minute
	Trust          []netip.Prefix            // other proxies, whose X-Forwarded-For is believed
	Users          map[string]*htpasswd.File // who is let in to routes with auth=NAME, by that name
	Authorities    *x509.CertPool            // of https instances; nil for those of the system
}

// Handler passes requests on.
type Handler struct {
	log    *slog.Logger
	opts   atomic.Pointer[Options]
	table  atomic.Pointer[route.Table]
	counts sync.Map // ID and address of a target -> *counts

	mu   sync.Mutex                     // guards following
	ways map[way]*httputil.ReverseProxy // how instances are spoken to
}

// counts is what is counted of a target.
type counts struct {
	active, served, failed atomic.Int64
}

// New makes a handler without routes.
func New(o Options, log *slog.Logger) *Handler {
	h := &Handler{log: log}
	h.table.Store(route.New(nil, route.Prefix))
	h.Configure(o)
	return h
}

// Configure changes the options for the requests that begin from now on.
func (h *Handler) Configure(o Options) {
	o.ConnectTimeout, o.Idle = cmp.Or(o.ConnectTimeout, time.Second), cmp.Or(o.Idle, time.Minute)
	h.opts.Store(&o)
	h.forget(nil)
}

// Set makes a table the one that counts for the requests that begin from now on.
func (h *Handler) Set(t *route.Table) {
	h.table.Store(t)
	known, ways := map[any]bool{}, map[way]bool{}
	for _, x := range t.Targets() {
		known[key(x)] = true
		ways[wayOf(x)] = true
	}
	h.counts.Range(func(k, _ any) bool {
		if !known[k] {
			h.counts.Delete(k)
		}
		return true
	})
	h.forget(ways)
}

// passage is one request on its way.
type passage struct {
	body   io.ReadCloser // nil for none
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
	o := h.opts.Load()
	client := o.client(r)
	targets = slices.DeleteFunc(slices.Clone(targets), func(t route.Target) bool { return !t.Admits(client) })
	if len(targets) == 0 {
		http.Error(w, "access denied", http.StatusForbidden)
		return
	}
	if targets = h.entitled(w, r, o, targets); len(targets) == 0 {
		return
	}
	w, body := patient(w, r, o.Idle)
	defer body.end()
	p := &passage{}
	if r.Body != http.NoBody {
		p.body = body
	}
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
	in := r.WithContext(context.WithValue(r.Context(), passageKey{}, p))
	if p.body != nil {
		in.Body = p.body
	}
	h.by(wayOf(t)).ServeHTTP(w, in)
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
	r.Out.URL.Scheme, r.Out.URL.Host = t.Scheme(), t.Addr
	r.Out.Trailer = r.In.Trailer // the very map: its values come behind the body
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
	o, peer := h.opts.Load(), addrOf(r.In.RemoteAddr)
	trusted := o.trusts(peer)
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
			r.Out.Header.Set(name, peer.String())
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

// trusts reports whether an address is that of a proxy that is believed.
func (o *Options) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(o.Trust, func(p netip.Prefix) bool { return p.Contains(a) })
}

// client is who asks: the last one in X-Forwarded-For that no proxy to be believed stands behind, else who is connected.
func (o *Options) client(r *http.Request) netip.Addr {
	a := addrOf(r.RemoteAddr)
	via := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, s := range slices.Backward(via) {
		before, err := netip.ParseAddr(strings.TrimSpace(s))
		if !o.trusts(a) || err != nil {
			break
		}
		a = before.Unmap()
	}
	return a
}

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
