package upstream

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"

	"holdfast/failover/proxy"
	"holdfast/failover/proxy/route"
)

// Spec says what one proxy does: where it listens, and whom it passes to.
type Spec struct {
	Name    string
	Service string   // whose instances it passes to
	Tags    []string // that an instance must have, all of them
	Writer  string   // pass to one instance: the one with this tag, or with a passing check of this name or ID
	Group   string   // pass to one instance: the one on the holder of this group
	Prefix  string   // pass to those whose tags begin so and say what they want; instead of Service
	Options proxy.Options

	Match       route.Match       // how paths of tags and of requests are compared
	TLS         *TLS              // ends TLS at the proxy; nil for none
	Users       map[string]string // files of names and passwords, by the NAME of auth=NAME
	Authorities string            // file of those that sign the certificates of https instances; "" for the system's
}

// TLS is how TLS is ended.
type TLS struct {
	Certificates []string // directories, or patterns of them
	Min          uint16   // the oldest version that is spoken, as crypto/tls numbers it
	Strict       bool     // refuse who names a server that has no certificate
}

// one reports whether the proxy passes to one instance alone.
func (s *Spec) one() bool { return s.Writer != "" || s.Group != "" }

// Validate says in one sentence what is wrong with the spec, or returns nil.
func (s *Spec) Validate() error {
	if s.Prefix != "" && (s.Service != "" || s.one() || len(s.Tags) > 0) {
		return fmt.Errorf("proxy %q takes its routes from tags, and has no service, tags, writer or group", s.Name)
	}
	if s.Service == "" && s.Prefix == "" {
		return fmt.Errorf("proxy %q has no service: name the service whose instances it passes to, as in service = \"mysql\"", s.Name)
	}
	if s.Prefix == "" && slices.Contains([]proxy.Mode{proxy.SNI, proxy.HTTP, proxy.HTTPSNI, proxy.Dynamic}, s.Options.Mode) {
		return fmt.Errorf("proxy %q: mode %q has no service: its routes come from tags", s.Name, s.Options.Mode)
	}
	if !slices.Contains([]route.Match{"", route.Prefix, route.PrefixFold, route.Glob}, s.Match) {
		return fmt.Errorf("proxy %q: match %q is not known: want prefix, iprefix or glob", s.Name, s.Match)
	}
	o := s.Options
	if s.TLS != nil {
		if len(s.TLS.Certificates) == 0 {
			return fmt.Errorf("proxy %q: tls has no certificates: name a directory, as in certificates = \"/etc/holdfast/certificates\"", s.Name)
		}
		o.TLS = &tls.Config{MinVersion: s.TLS.Min}
	}
	if err := o.Validate(); err != nil {
		return fmt.Errorf("proxy %q: %w", s.Name, err)
	}
	return s.validateDynamic()
}

// validateDynamic holds that a dynamic proxy names addresses, and leaves the ports to the tags.
func (s *Spec) validateDynamic() error {
	if s.Options.Mode != proxy.Dynamic {
		return nil
	}
	for _, l := range s.Options.Listen {
		if _, port, _ := net.SplitHostPort(l); port != "0" { // Options.Validate has looked at it
			return fmt.Errorf("proxy %q: listen %q names a port, which in mode tcp-dynamic the tags do: write it as \"0.0.0.0:0\", or with one address", s.Name, l)
		}
	}
	return nil
}
