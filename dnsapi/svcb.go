package dnsapi

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"holdfast/cluster/state"
)

// bindingMeta is the key of an instance's metadata that asks for a service binding record of each type (RFC 9460). Its value is the
// parameters as zone files write them, "alpn=h2,h3"; port and address hints are the instance's own where it gives none.
var bindingMeta = map[uint16]string{dns.TypeSVCB: "dns-svcb", dns.TypeHTTPS: "dns-https"}

// bindings answers with the service bindings of the instances that ask for them.
func (r *responder) bindings(out *records, found []state.Instance, ttl uint32) {
	for _, i := range found {
		params, asks := i.Service.Meta[bindingMeta[r.qtype]]
		h := instanceHost(i)
		if !asks || h == (host{}) || len(out.answer) == r.most {
			continue
		}
		to := targetOf(r.cfg, r.name.domain, i, h)
		rr := r.binding(to, params, h, i.Service.Port, ttl)
		if rr == nil {
			continue // what cannot be read is left out: the other instances are as good as before
		}
		out.answer = append(out.answer, rr)
		r.glue(out, to, h, ttl)
	}
}

// binding is one record, nil where the parameters cannot be read.
func (r *responder) binding(to, params string, h host, port int, ttl uint32) dns.RR {
	given := map[string]bool{}
	for p := range strings.FieldsSeq(params) {
		key, _, _ := strings.Cut(p, "=")
		given[key] = true
	}
	if !given["port"] && port > 0 {
		params += fmt.Sprintf(" port=%d", port)
	}
	switch {
	case given["ipv4hint"] || given["ipv6hint"]:
	case h.ip.Is4():
		params += " ipv4hint=" + h.ip.String()
	case h.ip.Is6():
		params += " ipv6hint=" + h.ip.String()
	}
	if strings.ContainsAny(params, "\n\r;()") { // it is one line of a zone file, and no more
		return nil
	}
	rr, err := dns.NewRR(fmt.Sprintf(". %d IN %s 1 %s %s", ttl, dns.TypeToString[r.qtype], to, params))
	if err != nil || rr == nil {
		return nil
	}
	if _, err := dns.PackRR(rr, make([]byte, dns.MaxMsgSize), 0, nil, false); err != nil {
		return nil
	}
	rr.Header().Name = r.owner
	return rr
}
