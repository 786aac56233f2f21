package route

import (
	"net/netip"
	"strings"
	"testing"
)

func parse(t *testing.T, tag string) Route {
	t.Helper()
	r, ok, err := ParseTag(DefaultPrefix, tag)
	if !ok || err != nil {
		t.Fatalf("%s: %v, %v", tag, ok, err)
	}
	return r
}

func TestParseTag(t *testing.T) {
	for tag, want := range map[string]string{
		"urlprefix-/css":                           "|/css||http",
		" urlprefix-Www.Example.org/ ":             "www.example.org|/||http",
		"urlprefix-example.org:80/a":               "example.org|/a||http",
		"urlprefix-example.org:8080/a":             "example.org:8080|/a||http",
		"urlprefix-*.example.org/a proto=https":    "*.example.org|/a||https",
		"urlprefix-:3306 proto=tcp":                "||3306|tcp",
		"urlprefix-db.example.org/ proto=tcp+sni":  "db.example.org|/||tcp+sni",
		"urlprefix-db.example.org proto=tcp":       "db.example.org|/||tcp+sni",
		"urlprefix-10.0.0.5:3306 proto=tcp":        "10.0.0.5||3306|tcp",
		"urlprefix-[::1]:3306 proto=tcp":           "::1||3306|tcp",
		"urlprefix-/pkg.Service proto=grpcs":       "|/pkg.Service||grpcs",
		"urlprefix-/x unknown=option strip=/x":     "|/x||http",
		"urlprefix-/x redirect=301,https://e$path": "|/x||http",
	} {
		r := parse(t, tag)
		if got := strings.Join([]string{r.Host, r.Path, r.Port, r.Proto}, "|"); got != want {
			t.Errorf("%s: %s, want %s", tag, got, want)
		}
	}
	r := parse(t, "urlprefix-/x strip=/x prepend=/y host=dst tlsskipverify=true weight=0.25 proto=https")
	if r.Strip != "/x" || r.Prepend != "/y" || r.SetHost != "dst" || !r.SkipVerify || r.Weight != 0.25 {
		t.Errorf("%+v", r)
	}
	if _, ok, err := ParseTag(DefaultPrefix, "primary"); ok || err != nil {
		t.Errorf("a tag that is no route: %v, %v", ok, err)
	}
}

func TestParseTagRefuses(t *testing.T) {
	for tag, want := range map[string]string{
		"urlprefix-":                         "routes nothing",
		"urlprefix-www":                      "www has no slash",
		"urlprefix-:80":                      "a port alone is routed by proto=tcp",
		"urlprefix-:99999 proto=tcp":         "not a port",
		"urlprefix-/ proto=udp":              "proto=udp is not known",
		"urlprefix-/ proto=tcp+sni":          "routes by a host",
		"urlprefix-/ weight=2":               "weight=2 is not a part",
		"urlprefix-/ weight=NaN":             "weight=NaN is not a part",
		"urlprefix-/ redirect=200,https://x": "redirect=200,https://x is not usable",
		"urlprefix-/ redirect=301":           "redirect=301 is not usable",
		"urlprefix-/ allow=ip:lan":           "lan is neither",
		"urlprefix-/ auth=":                  "auth names nobody",
		"urlprefix-:1 proto=tcp auth=team":   "auth is for requests",
		"urlprefix-[/":                       "not a pattern",
	} {
		if _, ok, err := ParseTag(DefaultPrefix, tag); !ok || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %s", tag, ok, err, want)
		}
	}
}

func TestAdmits(t *testing.T) {
	r := parse(t, "urlprefix-/ allow=ip:10.0.0.0/8,ip:fe80::1 deny=ip:10.9.0.0/16")
	for a, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.9.1.1": false, "192.0.2.1": false, "fe80::1": true} {
		if got := r.Admits(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %t", a, got)
		}
	}
}

// TestFind has routes that fit better and worse, and wants the best.
func TestFind(t *testing.T) {
	var ts []Target
	for _, tag := range []string{
		"urlprefix-/", "urlprefix-/api", "urlprefix-/api/v2", "urlprefix-www.example.org/", "urlprefix-www.example.org/api", "urlprefix-*.example.org/", "urlprefix-*.dev.example.org/",
		"urlprefix-www.example.org:8080/", "urlprefix-only.org/sub", "urlprefix-:3306 proto=tcp",
	} {
		r := parse(t, tag)
		ts = append(ts, Target{Route: r, ID: strings.TrimPrefix(strings.Fields(tag)[0], DefaultPrefix)})
	}
	table := New(ts, Prefix)
	for request, want := range map[string]string{
		"other.net /":                 "/",
		"other.net /apiary":           "/api",
		"other.net /api/v2/x":         "/api/v2",
		"WWW.Example.org /x":          "www.example.org/",
		"www.example.org:443 /api/v2": "www.example.org/api",
		"www.example.org:8080 /api":   "www.example.org:8080/",
		"a.example.org /api":          "*.example.org/",
		"a.dev.example.org /":         "*.dev.example.org/",
		"only.org /":                  "/",
		"only.org /sub/x":             "only.org/sub",
	} {
		host, path, _ := strings.Cut(request, " ")
		if got := table.Find(host, path); len(got) != 1 || got[0].ID != want {
			t.Errorf("%s: %+v, want %s", request, got, want)
		}
	}
	if got := New(nil, Prefix).Find("x", "/"); got != nil {
		t.Errorf("an empty table finds %v", got)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		m           Match
		route, path string
		want        bool
	}{
		{Prefix, "/a", "/ab", true},
		{Prefix, "/a", "/Ab", false},
		{"", "/a", "/ab", true},
		{PrefixFold, "/Api/", "/aPI/x", true},
		{PrefixFold, "/api/", "/api", false},
		{Glob, "/a/*/c", "/a/b/b/c", true},
		{Glob, "/a/*/c", "/a/b/c/d", false},
		{Glob, "/a?c", "/abc", true},
		{Glob, "/a?c", "/ac", false},
		{Glob, "/[ab]", "/b", true},
		{Glob, "/[!ab]", "/b", false},
		{Glob, "/{x,yy}.css", "/yy.css", true},
		{Glob, "/{x,yy}.css", "/z.css", false},
		{Glob, "/a.c", "/abc", false},
		{Glob, `/\*`, "/*", true},
		{Glob, "/{x", "/{x", true},
		{Glob, "/*", "/line\nbreak", true},
	} {
		table := New([]Target{{Route: Route{Path: c.route, Proto: HTTP}, ID: "x"}}, c.m)
		if got := table.Find("h", c.path) != nil; got != c.want {
			t.Errorf("%s %s and %s: %t", c.m, c.route, c.path, got)
		}
	}
}

func TestPick(t *testing.T) {
	target := func(service, id string, weight float64) Target {
		return Target{Service: service, ID: id, Route: Route{Weight: weight}}
	}
	ts := []Target{target("old", "o1", 0), target("old", "o2", 0), target("new", "n1", 0.2), target("new", "n2", 0.2)}
	load := map[string]int64{"o1": 5, "n1": 5}
	for draw, want := range map[float64]string{0: "n2", 0.19: "n2", 0.21: "o2", 0.99: "o2"} {
		if got, ok := Pick(ts, draw, func(t Target) int64 { return load[t.ID] }); !ok || got.ID != want {
			t.Errorf("draw %v: %v, %v; want %s", draw, got.ID, ok, want)
		}
	}
	if _, ok := Pick(nil, 0.5, nil); ok {
		t.Error("picked one of none")
	}
}

func FuzzParseTag(f *testing.F) {
	for _, s := range []string{
		"urlprefix-/css strip=/css", "urlprefix-*.example.org/ proto=https weight=0.2", "urlprefix-:3306 proto=tcp", "urlprefix-/ redirect=301,https://x$path", "urlprefix-/ allow=ip:10.0.0.0/8,ip:::1", "urlprefix-[a-/",
	} {
		f.Add(s, "www.example.org:80", "/css/x")
	}
	f.Fuzz(func(t *testing.T, tag, host, path string) {
		r, ok, err := ParseTag(DefaultPrefix, tag)
		if !ok || err != nil {
			return
		}
		if (r.Path == "") != (r.Proto == TCP) || r.Path != "" && r.Path[0] != '/' || r.Weight < 0 || r.Weight > 1 {
			t.Errorf("%q became %+v", tag, r)
		}
		for _, m := range []Match{Prefix, PrefixFold, Glob} {
			New([]Target{{Route: r}}, m).Find(host, path)
		}
	})
}
