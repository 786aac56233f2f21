package proxy

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/pires/go-proxyproto"
)

// Web answers the requests of a proxy in mode HTTP, and says how its backends fare.
type Web interface {
	http.Handler
	Backends() []BackendStatus
}

// serveHTTP answers requests on a listener until it is closed. The handler is the one of the moment: a change of the options drops nobody.
func (p *Proxy) serveHTTP(l net.Listener) {
	o := p.opts.Load()
	if len(o.AcceptProxy) > 0 {
		l = &proxyproto.Listener{Listener: l, ReadHeaderTimeout: greetingTimeout, ConnPolicy: func(c proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if contains(p.opts.Load().AcceptProxy, addrOf(c.Upstream)) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		}}
	}
	s := &http.Server{
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ConnState: p.count,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if h := p.opts.Load().Handler; h != nil {
				h.ServeHTTP(w, r)
				return
			}
			http.Error(w, "the routes are not known yet", http.StatusServiceUnavailable)
		}),
	}
	ended := make(chan struct{})
	p.running.Go(func() {
		select {
		case <-p.ctx.Done():
		case <-ended: // the listener was closed, by Close or by Retire
			ctx, cancel := context.WithTimeout(p.ctx, p.patience())
			defer cancel()
			_ = s.Shutdown(ctx) // who is not done by then is cut
		}
		_ = s.Close()
	})
	_ = s.Serve(l) // it ends with the listener
	close(ended)
}

// patience is how long those who are connected may stay when the proxy retires.
func (p *Proxy) patience() time.Duration {
	if d := p.opts.Load().Drain; d > 0 {
		return d
	}
	return time.Hour
}

// count keeps the number of those who are connected.
func (p *Proxy) count(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		p.gate.enter()
		p.accepted.Add(1)
	case http.StateClosed, http.StateHijacked: // what was hijacked, a websocket, goes on uncounted
		p.gate.leave()
	}
}
