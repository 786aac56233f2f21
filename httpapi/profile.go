package httpapi

import (
	"net/http"
	"net/http/pprof"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// addProfiles adds /debug/pprof, or, where the config does not allow it, a sentence that says so: a profile shows what the daemon does, and
// taking one costs it time.
func addProfiles(f *exchange.Front, allowed bool) {
	if !allowed {
		refuse := func(*exchange.Request) (*exchange.Reply, error) {
			return nil, cluster.Errorf(cluster.Unauthorized, "profiles are switched off: set enable_debug = true in this agent's config and start it again")
		}
		f.Add(exchange.Routes{"/debug/pprof/": {http.MethodGet: refuse, http.MethodPost: refuse}})
		return
	}
	f.Handle("/debug/pprof/", http.HandlerFunc(pprof.Index))
	f.Handle("/debug/pprof/cmdline", http.HandlerFunc(pprof.Cmdline))
	f.Handle("/debug/pprof/profile", http.HandlerFunc(pprof.Profile))
	f.Handle("/debug/pprof/symbol", http.HandlerFunc(pprof.Symbol))
	f.Handle("/debug/pprof/trace", http.HandlerFunc(pprof.Trace))
}
