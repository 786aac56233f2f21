package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Guard answers 403 to what clients may not ask: paths that begin with one of blocked, and, if writers are given, requests that change something from
// addresses in none of these networks. Who comes over a unix socket has been let in by the owner of its file. It is for what stands before New's
// handler: what the agent asks of itself goes past it.
func Guard(next http.Handler, blocked []string, writers []netip.Prefix) http.Handler {
	if len(blocked)+len(writers) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case slices.ContainsFunc(blocked, func(b string) bool { return strings.HasPrefix(r.URL.Path, b) }):
			http.Error(w, "Endpoint is blocked by agent configuration: http_config.block_endpoints", http.StatusForbidden)
		case len(writers) > 0 && changes(r.Method) && !comesFrom(r, writers):
			http.Error(w, "Access is restricted: http_config.allow_write_http_from of this agent does not have the address that this comes from", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// changes is whether requests of a method may change something.
func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// comesFrom is whether a request comes from one of the networks, or over a unix socket.
func comesFrom(r *http.Request, networks []netip.Prefix) bool {
	if _, unix := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); unix {
		return true
	}
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := a.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
