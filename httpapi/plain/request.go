package plain

import (
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// headSize is the length that the head of a plain request has at most. It is less than any limit that net/http can be given.
const headSize = 4 << 10

const (
	method  = "GET "
	version = " HTTP/1.1"
	lineEnd = "\r\n"
)

// head is the head of a plain request, in parts of one string.
type head struct {
	target string
	url    *url.URL
	host   string
	header http.Header
}

// parse takes a head apart. ok is false where it is not plain, or anything follows it.
func parse(b []byte) (h head, ok bool) {
	line, rest, ok := strings.Cut(string(b), lineEnd)
	if !ok || !strings.HasPrefix(line, method) || !strings.HasSuffix(line, version) || len(line) < len(method)+len(version) {
		return h, false
	}
	h.target = line[len(method) : len(line)-len(version)]
	if !isTarget(h.target) {
		return h, false
	}
	if h.header, h.host, ok = parseFields(rest); !ok {
		return h, false
	}
	u, err := url.ParseRequestURI(h.target)
	h.url = u
	return h, err == nil
}

// parseFields takes apart what is behind the request's line: the fields, one of which is the host, and an empty line.
func parseFields(s string) (header http.Header, host string, ok bool) {
	n := strings.Count(s, lineEnd)
	header = make(http.Header, n)
	values := make([]string, n) // of all fields: most have one value
	for {
		line, rest, ok := strings.Cut(s, lineEnd)
		if !ok {
			return nil, "", false
		}
		if line == "" {
			return header, host, rest == "" && host != ""
		}
		s = rest
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isName(name) || !isValue(value) {
			return nil, "", false
		}
		value = strings.Trim(value, " \t")
		switch key := textproto.CanonicalMIMEHeaderKey(name); key {
		case "Host":
			if host != "" || !isHost(value) {
				return nil, "", false
			}
			host = value
		case "Connection":
			if !strings.EqualFold(value, "keep-alive") {
				return nil, "", false
			}
			fallthrough
		default:
			if meansMore[key] {
				return nil, "", false
			}
			values[0] = value
			if had := header[key]; had != nil {
				header[key] = append(had, value)
			} else {
				header[key], values = values[:1:1], values[1:]
			}
		}
	}
}

// meansMore is the fields that mean something to who serves the connection, or change others.
var meansMore = map[string]bool{
	"Content-Length": true, "Transfer-Encoding": true, "Trailer": true, "Te": true, "Expect": true, "Upgrade": true, "Http2-Settings": true,
	"Proxy-Connection": true, "Keep-Alive": true, "Pragma": true,
}

// isTarget reports whether s is a path, with or without a query, of characters that can be seen.
func isTarget(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetterOrDigit(c) && c != '-' {
			return false
		}
	}
	return s != ""
}

func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}

// isHost reports whether s is a name or an address, with or without a port.
func isHost(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetterOrDigit(c) && !strings.ContainsRune("-._:[]", rune(c)) {
			return false
		}
	}
	return s != ""
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

var blank http.Request

// request is the head as net/http would give it to a handler.
func (h head) request(ctx context.Context, remote string) *http.Request {
	r := blank.WithContext(ctx)
	r.Method, r.URL, r.RequestURI = http.MethodGet, h.url, h.target
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.Header, r.Host, r.Body, r.RemoteAddr = h.header, h.host, http.NoBody, remote
	return r
}
