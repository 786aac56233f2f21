package route

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// DefaultPrefix begins the tags that are routes.
const DefaultPrefix = "urlprefix-"

// The protocols of a route.
const (
	HTTP  = "http"
	HTTPS = "https"
	TCP   = "tcp"
	SNI   = "tcp+sni"
	GRPC  = "grpc"  // HTTP/2 without TLS
	GRPCS = "grpcs" // HTTP/2 with TLS
)

// Route is what one tag says.
type Route struct {
	Host  string // in lower case, may be a glob; "" for every host. Of a TCP route by port an IP address, or ""
	Path  string // "/", "/css"; "" for a port
	Port  string // "3306", of a TCP route by port
	Proto string

	Strip      string // taken from the beginning of the path
	Prepend    string // put before the path
	SetHost    string // the Host header that the instance sees; "dst" for its own address
	SkipVerify bool   // an https instance may have any certificate
	Weight     float64
	Redirect   *Redirect
	Allow      []netip.Prefix
	Deny       []netip.Prefix
	Auth       string // whose users alone are let in
	SendProxy  bool
}

// Scheme is how an instance is asked: http or https.
func (r *Route) Scheme() string {
	if r.Proto == HTTPS || r.Proto == GRPCS {
		return HTTPS
	}
	return HTTP
}

// Redirect is an answer in the place of an instance's.
type Redirect struct {
	Code int
	To   string // $path stands for the path of the request
}

// ParseTag reads a tag. ok is false where it is no route at all; the error is a sentence that names the tag.
func ParseTag(prefix, tag string) (r Route, ok bool, err error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(tag), prefix)
	if !ok {
		return r, false, nil
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return r, true, fmt.Errorf("the tag %q routes nothing: write what, as in %s/path", tag, prefix)
	}
	r.Proto = HTTP
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		if err := r.option(key, value); err != nil {
			return r, true, fmt.Errorf("the tag %q: %w", tag, err)
		}
	}
	if err := r.source(words[0]); err != nil {
		return r, true, fmt.Errorf("the tag %q: %w", tag, err)
	}
	if r.Auth != "" && (r.Proto == TCP || r.Proto == SNI) {
		return r, true, fmt.Errorf("the tag %q: auth is for requests: proto=%s passes what it does not read", tag, r.Proto)
	}
	return r, true, nil
}

// source reads what is routed.
func (r *Route) source(s string) error {
	if port, ok := strings.CutPrefix(s, ":"); ok && !strings.Contains(port, "/") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%s is not a port: want :1 to :65535", s)
		}
		if r.Proto != TCP {
			return errors.New("a port alone is routed by proto=tcp")
		}
		r.Port = port
		return nil
	}
	if a, err := netip.ParseAddrPort(s); err == nil && r.Proto == TCP && a.Port() > 0 {
		r.Host, r.Port = a.Addr().Unmap().String(), strconv.Itoa(int(a.Port()))
		return nil
	}
	i := strings.Index(s, "/")
	switch {
	case i < 0 && (r.Proto == SNI || r.Proto == TCP):
		i, s = len(s), s+"/"
	case i < 0:
		return fmt.Errorf("%s has no slash: write a path, or a host with /", s)
	}
	r.Host, r.Path = strings.ToLower(s[:i]), s[i:]
	if h, port, ok := strings.Cut(r.Host, ":"); ok && (port == "80" || port == "443") {
		r.Host = h // as browsers leave it out
	}
	if _, err := path.Match(r.Host, "x"); err != nil {
		return fmt.Errorf("%s is not a pattern: %w", r.Host, err)
	}
	if r.Proto == TCP {
		r.Proto = SNI // by the name of a host it can only be that
	}
	if r.Proto == SNI && r.Host == "" {
		return errors.New("proto=tcp+sni routes by a host: write one before the slash")
	}
	return nil
}

func (r *Route) option(key, value string) (err error) {
	switch key {
	case "strip":
		r.Strip = value
	case "prepend":
		r.Prepend = value
	case "host":
		r.SetHost = value
	case "proto":
		switch value {
		case HTTP, HTTPS, TCP, SNI, GRPC, GRPCS:
			r.Proto = value
		default:
			return fmt.Errorf("proto=%s is not known here: want http, https, grpc, grpcs, tcp or tcp+sni", value)
		}
	case "tlsskipverify":
		r.SkipVerify = value == "true"
	case "pxyproto":
		r.SendProxy = value == "true"
	case "weight":
		if r.Weight, err = strconv.ParseFloat(value, 64); err != nil || !(r.Weight >= 0 && r.Weight <= 1) {
			return fmt.Errorf("weight=%s is not a part: want 0 to 1", value)
		}
	case "redirect":
		return r.redirect(value)
	case "allow":
		r.Allow, err = prefixes(value)
	case "deny":
		r.Deny, err = prefixes(value)
	case "auth":
		if r.Auth = value; value == "" {
			return errors.New("auth names nobody: write auth=NAME")
		}
	default: // fabio passes over what it does not know, and so do services that were written for it
	}
	return err
}

func (r *Route) redirect(value string) error {
	code, to, ok := strings.Cut(value, ",")
	n, err := strconv.Atoi(code)
	if err != nil || n < 300 || n > 399 || !ok {
		return fmt.Errorf("redirect=%s is not usable: write redirect=301,https://example.org$path", value)
	}
	if _, err := url.Parse(strings.ReplaceAll(to, "$path", "/")); err != nil {
		return fmt.Errorf("redirect=%s names no URL", value)
	}
	r.Redirect = &Redirect{Code: n, To: to}
	return nil
}

func prefixes(value string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for s := range strings.SplitSeq(value, ",") {
		s = strings.TrimPrefix(s, "ip:")
		p, err := netip.ParsePrefix(s)
		if a, aerr := netip.ParseAddr(s); aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s is neither an address nor a network", s)
		}
		out = append(out, p)
	}
	return out, nil
}

// Admits reports whether a client may use the route.
func (r *Route) Admits(client netip.Addr) bool {
	client = client.Unmap()
	for _, p := range r.Deny {
		if p.Contains(client) {
			return false
		}
	}
	for _, p := range r.Allow {
		if p.Contains(client) {
			return true
		}
	}
	return len(r.Allow) == 0
}
