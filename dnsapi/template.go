package dnsapi

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/miekg/dns"

	"holdfast/cluster/state"
)

// template is the answer about a service, ready to be sent: its records in wire form, each of which may stand anywhere in a message. What
// differs from one client to the next (the question's letter case, the order, how many records there is room for) is left to write.
type template struct {
	answers []answer
	glue    []glue
	limit   int // answers in a message, whatever the room
}

// answer is one record of the answer section, whose owner is the question's name.
type answer struct {
	wire []byte
	glue int // the place of its target's address, -1 for none
}

// glue is what belongs to a target: additional records, without their owner.
type glue struct {
	owner   []byte // in full
	address []byte
	text    [][]byte // the metadata of its node
}

// templateKey tells apart what can be asked about one service.
type templateKey struct {
	cfg    *Config // a reload makes all answers anew
	tag    string
	srv    bool // written as RFC 2782 does
	domain string
	qtype  uint16
}

// templateFor is the template that answers for a service; nil where the records are not of the ordinary kind, or there are none.
func templateFor(v *state.View, c *Config, n name, qtype uint16) *template {
	key := templateKey{c, n.tag, n.srvForm, n.domain, qtype}
	t, _ := v.FromInstances(n.subject, key, func([]state.Instance) (any, bool) {
		t := newTemplate(v, c, n, qtype)
		return t, t != nil || n.tag == "" // tags that nobody has could be asked for without end
	}).(*template)
	return t
}

// newTemplate makes the records of all instances and takes them apart.
func newTemplate(v *state.View, c *Config, n name, qtype uint16) *template {
	if qtype != dns.TypeA && qtype != dns.TypeAAAA && qtype != dns.TypeSRV {
		return nil
	}
	for _, i := range instances(v, c, n) {
		if instanceHost(i).name != "" {
			return nil // what an alias leads to may change without the service
		}
	}
	all := *c
	all.ARecordLimit = 0
	found := (&responder{view: v, cfg: &all, name: n, owner: ".", qtype: qtype, most: math.MaxInt}).respond()
	if found.rcode != dns.RcodeSuccess || len(found.answer) == 0 {
		return nil
	}
	t := &template{limit: len(found.answer)}
	if limit := c.ARecordLimit; limit > 0 && qtype != dns.TypeSRV {
		t.limit = min(t.limit, limit)
	}
	if !t.take(found) {
		return nil
	}
	return t
}

// questionName points to the name of the question, which is the first thing in a message.
var questionName = []byte{0xc0, headerSize}

// targetAt is where the target stands in an SRV record behind such an owner.
const targetAt = 2 + 10 + 6

// maxPointer is beyond what a pointer reaches (RFC 1035 section 4.1.4).
const maxPointer = 1 << 14

// take packs the records.
func (t *template) take(found records) bool {
	places := map[string]int{}
	for _, rr := range found.extra {
		owner, body, ok := packRecord(rr)
		if !ok {
			return false
		}
		if i, known := places[rr.Header().Name]; known {
			t.glue[i].text = append(t.glue[i].text, body)
			continue
		}
		places[rr.Header().Name] = len(t.glue)
		t.glue = append(t.glue, glue{owner: owner, address: body})
	}
	for _, rr := range found.answer {
		_, body, ok := packRecord(rr)
		if !ok {
			return false
		}
		a := answer{append(questionName[:2:2], body...), -1}
		if srv, ok := rr.(*dns.SRV); ok {
			if i, ok := places[srv.Target]; ok {
				a.glue = i
			}
		}
		t.answers = append(t.answers, a)
	}
	return true
}

// packRecord is a record in wire form: its owner, and the rest.
func packRecord(rr dns.RR) (owner, body []byte, ok bool) {
	b := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, b, 0, nil, false)
	if err != nil {
		return nil, nil, false
	}
	end, err := dns.PackDomainName(rr.Header().Name, make([]byte, maxName+1), 0, nil, false)
	if err != nil {
		return nil, nil, false
	}
	return b[:end], b[end:n], true
}

// writer writes messages from templates. It belongs to one goroutine.
type writer struct {
	order []int   // a permutation, some of which are drawn for each message
	drawn []drawn // the glue of this message
	has   []bool  // whether a piece of glue is among it
}

// drawn is glue that belongs into a message, and where its owner stands there already.
type drawn struct{ glue, at int }

// write appends the message that answers q, with the answers in random order, as many as there is room for. flags are those of the answer.
func (w *writer) write(out []byte, q *question, t *template, space room, flags uint16, truncate bool) []byte {
	out = binary.BigEndian.AppendUint16(out, q.id)
	out = append(out, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	out = append(out, q.name...)
	out = append(out, byte(q.qtype>>8), byte(q.qtype), 0, dns.ClassINET)
	size := space.size
	if q.edns {
		size -= optSize
	}
	limit := t.limit
	if space.answers > 0 {
		limit = min(limit, space.answers)
	}
	out, answers, left := w.answers(out, t, limit, size)
	extra := uint16(len(w.drawn)) //nolint:gosec // no message holds so many
	for _, d := range w.drawn {
		g := &t.glue[d.glue]
		out = append(g.appendOwner(out, d.at), g.address...)
		w.has[d.glue] = false
	}
	if answers == limit {
		var texts uint16
		out, texts = w.texts(out, t, left)
		extra += texts
	}
	if q.edns {
		out = appendOPT(out, q.do)
		extra++
	}
	if answers < t.limit && (truncate || answers == 0) {
		flags |= flagTC
	}
	binary.BigEndian.PutUint16(out[2:], flags|q.flags&(flagRD|flagCD))
	binary.BigEndian.PutUint16(out[6:], uint16(answers)) //nolint:gosec // no message holds so many
	binary.BigEndian.PutUint16(out[10:], extra)
	return out
}

// answers appends answers until limit, or until they and their glue fill the size, and says how much of it is left. The glue is noted for later.
func (w *writer) answers(out []byte, t *template, limit, size int) (_ []byte, count, left int) {
	w.prepare(t)
	used := len(out)
	for n := range limit {
		j := n + rand.IntN(len(t.answers)-n)
		w.order[n], w.order[j] = w.order[j], w.order[n]
		p := &t.answers[w.order[n]]
		need := len(p.wire)
		added := p.glue >= 0 && !w.has[p.glue]
		if added {
			need += t.glue[p.glue].ownerSize(len(out)+targetAt) + len(t.glue[p.glue].address)
		}
		if used+need > size {
			return out, n, 0
		}
		if added {
			w.has[p.glue], w.drawn = true, append(w.drawn, drawn{p.glue, len(out) + targetAt})
		}
		out, used = append(out, p.wire...), used+need
	}
	return out, limit, size - used
}

// texts appends the metadata of the targets' nodes, all of it or, where that is too much, none: nobody asked for it.
func (w *writer) texts(out []byte, t *template, left int) (_ []byte, count uint16) {
	for _, d := range w.drawn {
		for _, text := range t.glue[d.glue].text {
			left -= t.glue[d.glue].ownerSize(d.at) + len(text)
		}
	}
	if left < 0 {
		return out, 0
	}
	for _, d := range w.drawn {
		g := &t.glue[d.glue]
		for _, text := range g.text {
			out = append(g.appendOwner(out, d.at), text...)
			count++
		}
	}
	return out, count
}

func (w *writer) prepare(t *template) {
	w.order, w.drawn = w.order[:0], w.drawn[:0]
	for i := range t.answers {
		w.order = append(w.order, i)
	}
	for len(w.has) < len(t.glue) {
		w.has = append(w.has, false)
	}
}

// appendOwner appends the name that stands at a place of the message already.
func (g *glue) appendOwner(out []byte, at int) []byte {
	if at < maxPointer {
		return append(out, 0xc0|byte(at>>8), byte(at))
	}
	return append(out, g.owner...)
}

// ownerSize is the length of the name that appendOwner appends.
func (g *glue) ownerSize(at int) int {
	if at < maxPointer {
		return 2
	}
	return len(g.owner)
}

// appendOPT appends the OPT record of an answer (RFC 6891).
func appendOPT(out []byte, do bool) []byte {
	out = append(out, 0, 0, byte(dns.TypeOPT), takeUDP>>8, takeUDP&0xff, 0, 0)
	if do {
		out = append(out, flagDO>>8, 0)
	} else {
		out = append(out, 0, 0)
	}
	return append(out, 0, 0)
}
