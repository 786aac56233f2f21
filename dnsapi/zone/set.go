package zone

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/cluster/pause"
	"holdfast/cluster/state"
)

const (
	zoneRetry      = time.Second            // after a read that failed
	notifyDelay    = 200 * time.Millisecond // changes that come together are told together
	notifyTimeout  = 2 * time.Second
	notifyAttempts = 4
)

// Reader is what the records are read from.
type Reader interface {
	Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error)
}

// Set follows zones: one goroutine for each, which puts it together anew whenever its keys change. Questions look at what is there and wait
// for nothing.
type Set struct {
	reader Reader
	log    *slog.Logger

	served  atomic.Pointer[[]*Served]
	running sync.WaitGroup
	cancel  context.CancelFunc // ends those that run; nil where none do
}

// NewSet makes a set without zones.
func NewSet(r Reader, log *slog.Logger) *Set { return &Set{reader: r, log: log} }

// Served is one zone with its newest content.
type Served struct {
	Config
	content atomic.Pointer[Content]
}

// Content is the newest content, nil until it was read, and while the zone has no records.
func (s *Served) Content() *Content { return s.content.Load() }

// Replace begins to follow other zones, until ctx ends.
func (z *Set) Replace(ctx context.Context, all []Config) {
	z.Close()
	ctx, z.cancel = context.WithCancel(ctx)
	list := make([]*Served, 0, len(all))
	for _, cfg := range all {
		cfg.Name = strings.ToLower(strings.TrimSuffix(cfg.Name, ".")) + "."
		s := &Served{Config: cfg}
		if old := z.Of(cfg.Name); old != nil && reflect.DeepEqual(old.Config, cfg) {
			s.content.Store(old.content.Load()) // it answers on while it is read again
		}
		list = append(list, s)
		z.running.Go(func() { z.follow(ctx, s) })
	}
	z.served.Store(&list)
}

// Close ends what follows, and waits for it.
func (z *Set) Close() {
	if z.cancel != nil {
		z.cancel()
		z.running.Wait()
	}
}

// Of is the longest zone that a lower-case name lies in, nil for none.
func (z *Set) Of(name string) (found *Served) {
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
func (z *Set) follow(ctx context.Context, s *Served) {
	index := uint64(0)
	for ctx.Err() == nil {
		var keys []*cluster.KVEntry
		meta, err := z.reader.Query(ctx, cluster.QueryOptions{Consistency: cluster.Stale, MinIndex: index, MaxWait: cluster.MaxWait}, func(v *state.View) error {
			keys = v.KVList(s.Prefix)
			return nil
		})
		if err != nil {
			pause.For(ctx, zoneRetry)
			continue
		}
		if meta.Index == index {
			continue // the wait was over
		}
		index = meta.Index
		z.take(s, index, keys)
		if s.content.Load() != nil {
			pause.For(ctx, notifyDelay)
			z.running.Go(func() { z.notify(ctx, s) })
		}
	}
}

// take puts the zone together.
func (z *Set) take(s *Served, index uint64, keys []*cluster.KVEntry) {
	rrs, problems := records(s.Config, keys)
	for _, p := range problems {
		z.log.Warn("a record of a zone is left out", "zone", s.Name, "error", p)
	}
	if len(rrs) == 0 {
		s.content.Store(nil)
		return
	}
	s.content.Store(newContent(s.Name, uint32(index), rrs)) //nolint:gosec // a serial wraps (RFC 1982)
	z.log.Debug("a zone has changed", "zone", s.Name, "serial", index, "records", len(rrs))
}

// notify tells the secondaries that there is a newer version (RFC 1996). One that does not answer finds out by itself, when it refreshes.
func (z *Set) notify(ctx context.Context, s *Served) {
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
