package dnsapi

import (
	"context"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"holdfast/dnsapi/recursor"
)

// maxChased bounds how many names one answer asks for elsewhere, maxChasing how many of them at a time.
const (
	maxChased  = 64
	maxChasing = 16
)

// recursion is who is asked about names that are not ours.
func (c *Config) recursion() recursor.Config {
	return recursor.Config{Servers: c.Recursors, Timeout: c.RecursorTimeout, Random: c.RecursorRandom}
}

// recurses reports whether names outside of our domains are asked for elsewhere.
func (c *Config) recurses() bool { return len(c.Recursors) > 0 }

// chase adds what the names outside of our domains lead to that were met on the way, each of them asked for once. What cannot be found is left to
// the client.
func (h *handler) chase(c *Config, found *records) {
	var targets []target
	for _, t := range found.chase {
		if !slices.Contains(targets, t) && len(targets) < maxChased {
			targets = append(targets, t)
		}
	}
	rrs := make([][]dns.RR, len(targets))
	free := make(chan struct{}, maxChasing)
	var asking sync.WaitGroup
	for i, t := range targets {
		free <- struct{}{}
		asking.Go(func() {
			defer func() { <-free }()
			rrs[i] = h.lookup(h.ctx, c, t)
		})
	}
	asking.Wait()
	for i, t := range targets {
		if t.extra {
			found.extra = append(found.extra, rrs[i]...)
		} else {
			found.answer = append(found.answer, rrs[i]...)
		}
	}
}

func (h *handler) lookup(ctx context.Context, c *Config, t target) []dns.RR {
	rrs, err := h.recursion.Lookup(ctx, c.recursion(), t.name, t.qtype)
	if err != nil {
		h.log.Debug("cannot resolve the name that an instance is registered with", "name", t.name, "error", err)
	}
	return rrs
}
