package httpapi

import (
	"strings"
	"testing"
)

func TestProfiles(t *testing.T) {
	off, on := newMember().handler(), newMember().handler(func(c *Config) { c.Profiles = true })
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile"} {
		talks(t, off, []talk{{"GET " + path, "", 403, "profiles are switched off: set enable_debug…"}})
	}
	for path, want := range map[string]string{
		"/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/cmdline": "httpapi", "/debug/pprof/profile?seconds=1": "", "/debug/pprof/nope": "Unknown profile",
	} {
		w := send(t, on, "GET "+path, "")
		if !strings.Contains(w.Body.String(), want) || w.Code != 200 && want != "Unknown profile" {
			t.Errorf("%s: %d %.100s", path, w.Code, w.Body)
		}
	}
}
