package web

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"holdfast/failover/proxy/route"
)

// way is how an instance is spoken to. Instances that are spoken to alike share a pool of connections.
type way struct {
	proto string
	lax   bool   // with any certificate
	name  string // in the certificate, "" for that of the address
}

func wayOf(t route.Target) way {
	w := way{proto: t.Proto, lax: t.SkipVerify}
	if t.Scheme() == "https" && t.SetHost != "dst" {
		w.name = t.SetHost
	}
	return w
}

// by is the proxy for a way.
func (h *Handler) by(w way) *httputil.ReverseProxy {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.ways[w]
	if p == nil {
		p = h.reverse(w)
		h.ways[w] = p
	}
	return p
}

// forget drops the ways that nobody needs any more. What is under way by them goes on.
func (h *Handler) forget(needed map[way]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w, p := range h.ways {
		if !needed[w] {
			p.Transport.(*http.Transport).CloseIdleConnections()
			delete(h.ways, w)
		}
	}
	if h.ways == nil {
		h.ways = map[way]*httputil.ReverseProxy{}
	}
}

func (h *Handler) reverse(w way) *httputil.ReverseProxy {
	o := h.opts.Load()
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: o.ConnectTimeout}).DialContext,
		TLSClientConfig:       &tls.Config{InsecureSkipVerify: w.lax, ServerName: w.name, RootCAs: o.Authorities}, //nolint:gosec // as the route says
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second, // an instance may refuse a body before it is sent
		MaxIdleConnsPerHost:   64, IdleConnTimeout: 30 * time.Second, DisableCompression: true, Protocols: &http.Protocols{},
	}
	switch w.proto {
	case route.GRPC:
		t.Protocols.SetUnencryptedHTTP2(true)
	case route.GRPCS:
		t.Protocols.SetHTTP2(true)
	default:
		t.Protocols.SetHTTP1(true)
		t.Protocols.SetHTTP2(true)
	}
	return &httputil.ReverseProxy{
		Rewrite: h.rewrite, ErrorHandler: h.failed, FlushInterval: -1, ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug), Transport: t,
	}
}
