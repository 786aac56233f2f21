package dnsapi

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

const (
	zoneRetry      = time.Second            // after a read that failed
	notifyDelay    = 200 * time.Millisecond // changes that come together are told together
	notifyTimeout  = 2 * time.Second
	notifyAttempts = 4
)

// zones follows the zones of the config: one goroutine for each, which puts it together anew whenever its keys change. Questions look at what
// is there and wait for nothing.
type zones struct {
	reader Reader
	log    *slog.Logger

	served  atomic.Pointer[[]*served]
	running sync.WaitGroup
	cancel  context.CancelFunc // ends those that run; nil where none do
}

// served is one zone with its newest content.
type served struct {
	Zone
	content atomic.Pointer[zone] // nil until it was read, and while it has no records
}

// replace begins to follow other zones.
func (z *zones) replace(ctx context.Context, all []Zone) {
	z.close()
	ctx, z.cancel = context.WithCancel(ctx)
	list := make([]*served, 0, len(all))
	for _, cfg := range all {
		cfg.Name = canonicalDomain(cfg.Name)
		s := &served{Zone: cfg}
		list = append(list, s)
		z.running.Go(func() { z.follow(ctx, s) })
	}
	z.served.Store(&list)
}

// close ends what follows.
func (z *zones) close() {
	if z.cancel != nil {
		z.cancel()
		z.running.Wait()
	}
}

// of is the longest zone that a lower-case name lies in, nil for none.
func (z *zones) of(name string) (found *served) {
	list := z.served.Load()
	if list == nil {
		return nil
	}
	for _, s := range *list {
		if within(name, s.Name) && (found == nil || len(s.Name) > len(found.Name)) {
			found = s
		}
	}
	return found
}

// follow reads the zone, and again whenever its keys have changed, until ctx ends.
func (z *zones) follow(ctx context.Context, s *served) {
	index := uint64(0)
	for ctx.Err() == nil {
		var keys []*cluster.KVEntry
		meta, err := z.reader.Query(ctx, cluster.QueryOptions{Consistency: cluster.Stale, MinIndex: index, MaxWait: cluster.MaxWait}, func(v *state.View) error {
			keys = v.KVList(s.Prefix)
			return nil
		})
		if err != nil {
			pause(ctx, zoneRetry)
			continue
		}
		if meta.Index == index {
			continue // the wait was over
		}
		index = meta.Index
		z.take(s, index, keys)
		if s.content.Load() != nil {
			pause(ctx, notifyDelay)
			z.running.Go(func() { z.notify(ctx, s) })
		}
	}
}

// take puts the zone together.
func (z *zones) take(s *served, index uint64, keys []*cluster.KVEntry) {
	rrs, problems := zoneRecords(s.Zone, keys)
	for _, p := range problems {
		z.log.Warn("a record of a zone is left out", "zone", s.Name, "error", p)
	}
	if len(rrs) == 0 {
		s.content.Store(nil)
		return
	}
	s.content.Store(newZone(s.Name, uint32(index), rrs)) //nolint:gosec // a serial wraps (RFC 1982)
	z.log.Debug("a zone has changed", "zone", s.Name, "serial", index, "records", len(rrs))
}

// notify tells the secondaries that there is a newer version (RFC 1996). One that does not answer finds out by itself, when it refreshes.
func (z *zones) notify(ctx context.Context, s *served) {
	for _, to := range s.Secondaries {
		m := new(dns.Msg).SetNotify(s.Name)
		m.Authoritative = true
		if content := s.content.Load(); content != nil {
			m.Answer = []dns.RR{content.soa}
		}
		var err error
		for range notifyAttempts {
			c := dns.Client{Timeout: notifyTimeout}
			if _, _, err = c.ExchangeContext(ctx, m, to); err == nil || ctx.Err() != nil {
				break
			}
		}
		if err != nil && ctx.Err() == nil {
			z.log.Warn("a secondary was not told that a zone has changed", "zone", s.Name, "secondary", to, "error", err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// reply is the answer of a zone.
func (z *zones) reply(h *handler, c *Config, req *dns.Msg, o *dns.OPT, s *served) *dns.Msg {
	content := s.content.Load()
	if content == nil {
		return bare(c, req, o, dns.RcodeServerFailure)
	}
	q := req.Question[0]
	found, leads, authoritative := content.answer(q.Name, q.Qtype)
	if leads != "" {
		h.leadOut(c, &found, leads, q.Qtype)
	}
	m := bare(c, req, o, found.rcode)
	m.Compress, m.Authoritative = !c.DisableCompression, authoritative
	m.Answer, m.Ns = found.answer, found.ns
	m.Extra = append(found.extra, m.Extra...)
	return m
}

// leadOut follows an alias that leads out of a zone: into the catalog's domain, or elsewhere where there are recursors.
func (h *handler) leadOut(c *Config, out *records, to string, qtype uint16) {
	n := parseName(c, strings.ToLower(to))
	if n.kind == foreign {
		if c.recurses() {
			out.chase = append(out.chase, target{name: to, qtype: qtype})
			h.chase(c, out)
		}
		return
	}
	err := h.query(h.ctx, c, func(v *state.View) error {
		there := (&responder{view: v, cfg: c, name: n, owner: to, qtype: qtype, most: maxUDP / leastRecord}).respond()
		out.answer, out.extra = append(out.answer, there.answer...), append(out.extra, there.extra...)
		return nil
	})
	if err != nil {
		h.log.Debug("cannot follow an alias into the catalog", "name", to, "error", err)
	}
}
