package proxy

import (
	"hash/fnv"
	"math"
	"net/netip"
	"slices"
)

// choose is the backend for a client, or nil where none is left. Those that were tried are passed over, those in doubt come last.
func (p *pool) choose(b Balance, client netip.Addr, tried []*target) *target {
	now := sinceBegan()
	var sure, doubted []*target
	for _, t := range p.targets {
		switch {
		case t.weight.Load() <= 0 || slices.Contains(tried, t) || !t.terms.Load().admits(client):
		case t.doubted.Load() > now:
			doubted = append(doubted, t)
		default:
			sure = append(sure, t)
		}
	}
	if len(sure) == 0 {
		sure = doubted
	}
	switch {
	case len(sure) == 0:
		return nil
	case len(sure) == 1:
		return sure[0]
	case b == RoundRobin:
		return p.turn.smooth(sure)
	case b == Source:
		return rendezvous(sure, client)
	}
	return p.turn.least(sure)
}

// bars reports whether there are backends, and none that the client may use.
func (p *pool) bars(client netip.Addr) bool {
	return len(p.targets) > 0 && !slices.ContainsFunc(p.targets, func(t *target) bool { return t.terms.Load().admits(client) })
}

// least is the one with the fewest connections for its weight; among equals they take turns.
func (t *turn) least(targets []*target) *target {
	start := int(t.next.Add(1) % uint64(len(targets)))
	best, load := (*target)(nil), math.Inf(1)
	for i := range targets {
		x := targets[(start+i)%len(targets)]
		if l := float64(x.active.Load()+1) / float64(x.weight.Load()); l < load {
			best, load = x, l
		}
	}
	return best
}

// smooth is round robin by weight without bursts: everyone earns its weight, and the richest pays for all.
func (t *turn) smooth(targets []*target) *target {
	t.mu.Lock()
	defer t.mu.Unlock()
	best, total := targets[0], 0
	for _, x := range targets {
		w := int(x.weight.Load())
		t.credit[x.identity] += w
		total += w
		if t.credit[x.identity] > t.credit[best.identity] {
			best = x
		}
	}
	t.credit[best.identity] -= total
	return best
}

// rendezvous is the one with the highest score for this client. When a backend goes, only its own clients move. Every proxy on every machine
// scores alike, so that a client keeps its backend when the proxy's address moves.
func rendezvous(targets []*target, client netip.Addr) *target {
	best, score := targets[0], math.Inf(-1)
	key := client.Unmap().As16()
	for _, t := range targets {
		h := fnv.New64a()
		_, _ = h.Write(key[:])                // never fails
		_, _ = h.Write([]byte(t.id + t.addr)) // never fails
		u := (float64(spread(h.Sum64())>>11) + 0.5) / (1 << 53)
		if s := -float64(t.weight.Load()) / math.Log(u); s > score {
			best, score = t, s
		}
	}
	return best
}

// spread lets every bit of a hash depend on every other: FNV leaves the high ones alike for like keys. (The finalizer of MurmurHash3.)
func spread(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
