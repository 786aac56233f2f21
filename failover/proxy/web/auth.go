package web

import (
	"net/http"
	"slices"

	"holdfast/failover/proxy/route"
)

// entitled are the targets whose users the client is one of. Where there is none it has answered.
func (h *Handler) entitled(w http.ResponseWriter, r *http.Request, o *Options, targets []route.Target) []route.Target {
	name, password, given := r.BasicAuth()
	admits := map[string]bool{"": true} // by the auth of a route
	for _, t := range targets {
		if _, asked := admits[t.Auth]; !asked {
			f := o.Users[t.Auth]
			admits[t.Auth] = f != nil && given && f.Verify(r.Context(), name, password)
		}
	}
	realm := targets[0].Auth
	targets = slices.DeleteFunc(targets, func(t route.Target) bool { return !admits[t.Auth] })
	if len(targets) == 0 {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+realm+`", charset="UTF-8"`)
		http.Error(w, "a name and a password are needed", http.StatusUnauthorized)
	}
	return targets
}
