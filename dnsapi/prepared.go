package dnsapi

import (
	"errors"
	"math/rand/v2"

	"github.com/miekg/dns"

	"holdfast/cluster/prepared"
)

// prepared answers with what a prepared query gives, in its order and with its TTL.
func (r *responder) prepared(out *records) {
	q, err := prepared.Resolve(r.view, r.name.subject)
	switch {
	case errors.Is(err, prepared.ErrNotFound):
		out.rcode = dns.RcodeNameError
		return
	case err != nil:
		out.err = err
		return
	}
	out.personal = q.Service.Near == nearClient
	o := prepared.Options{Agent: r.cfg.Node, Client: r.client, Shuffle: rand.Shuffle, Datacenter: r.cfg.Datacenter}
	if r.ctx != nil {
		o.Elsewhere = prepared.Beyond(r.ctx, r.cfg.Abroad, q)
	}
	found := prepared.Execute(r.view, q, o).Instances
	if len(found) == 0 {
		out.rcode = dns.RcodeNameError
		return
	}
	ttl := r.cfg.serviceTTL(q.Service.Service)
	if own, given := q.DNS.Duration(); given {
		ttl = seconds(own)
	}
	if r.qtype == dns.TypeSRV {
		r.targets(out, found, ttl)
		return
	}
	r.hosts(out, found, ttl)
}

// nearClient is the Near of queries whose answer depends on who asks.
const nearClient = "_ip"
