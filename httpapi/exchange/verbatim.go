package exchange

import (
	"net/http"
	"path"
	"strings"
)

// verbatim is r with a path that http.ServeMux takes as it is. The mux would redirect a client that asks for a//b, a/./b or a/../b; here
// names and IDs may hold any of these, so what would be cleaned away is escaped, and reads the same again behind the mux.
func verbatim(r *http.Request) *http.Request {
	p := r.URL.EscapedPath()
	if isClean(p) {
		return r
	}
	segments := strings.Split(strings.TrimPrefix(p, "/"), "/")
	var b strings.Builder
	b.WriteByte('/')
	open := true // at the beginning of a segment
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case ".":
			s = "%2E"
		case "..":
			s = "%2E%2E"
		}
		b.WriteString(s)
		open = open && s == ""
		switch {
		case last:
		case open: // a slash that follows a slash is part of the segment
			b.WriteString("%2F")
		default:
			b.WriteByte('/')
			open = true
		}
	}
	r2 := *r
	u := *r.URL
	u.RawPath = b.String()
	r2.URL = &u
	return &r2
}

// isClean reports whether the mux would leave the path alone.
func isClean(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	c := path.Clean(p)
	return c == p || (p[len(p)-1] == '/' && len(c)+1 == len(p) && p[:len(c)] == c)
}
