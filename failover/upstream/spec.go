package upstream

import (
	"fmt"

	"holdfast/failover/proxy"
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
	if s.Prefix == "" && (s.Options.Mode == proxy.SNI || s.Options.Mode == proxy.HTTP) {
		return fmt.Errorf("proxy %q: mode %q has no service: its routes come from tags", s.Name, s.Options.Mode)
	}
	if err := s.Options.Validate(); err != nil {
		return fmt.Errorf("proxy %q: %w", s.Name, err)
	}
	return nil
}
