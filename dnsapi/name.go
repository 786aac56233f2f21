package dnsapi

import (
	"encoding/hex"
	"net/netip"
	"strings"
)

// kind is what a name is about.
type kind uint8

const (
	unknown kind = iota // a name that does not exist
	apex                // the domain itself
	empty               // exists only because names below it do: "service.consul."
	service
	node
	addr
	group
	preparedQuery
	reverse
	abroad  // a service of another datacenter
	foreign // outside of every domain we serve
)

// name is a question's name, understood.
type name struct {
	kind    kind
	domain  string // as configured; the main one for reverse names
	subject string // the service, node, group or prepared query
	tag     string // of a service, "" for any
	srvForm bool   // written as RFC 2782 does
	dc      string // of abroad
	addr    netip.Addr
}

// parseName understands a fully qualified name in lower case, as package dns presents it.
func parseName(c *Config, q string) name {
	if a, k := reverseAddr(q); k != foreign {
		return name{kind: k, domain: c.Domain, addr: a}
	}
	domain := c.domain(q)
	switch domain {
	case "":
		return name{kind: foreign}
	case q:
		return name{kind: apex, domain: domain}
	}
	n := name{domain: domain}
	before, dc := n.cut(c, labels(strings.TrimSuffix(q, domain)))
	other := dc != "" && dc != c.Datacenter
	if other && (n.kind != service || c.Abroad == nil) {
		n.kind = unknown
	}
	n.fill(before)
	if other && n.kind == service {
		n.kind, n.dc = abroad, dc
	}
	return n
}

// cut finds the keyword and gives the labels before it and the datacenter behind it, "" for none.
func (n *name) cut(c *Config, all []string) (before []string, dc string) {
	last := len(all) - 1
	switch {
	case keyword(all[last]) != unknown:
	case last >= 1 && keyword(all[last-1]) != unknown:
		dc, last = all[last], last-1
	case last >= 2 && all[last] == "dc" && keyword(all[last-2]) != unknown:
		dc, last = all[last-1], last-2
	default:
		above := strings.Join(all, ".")
		if above == c.Datacenter || above == "dc" || above == c.Datacenter+".dc" {
			n.kind = empty
		}
		return nil, ""
	}
	n.kind = keyword(all[last])
	return all[:last], dc
}

func keyword(label string) kind {
	switch label {
	case "service":
		return service
	case "node":
		return node
	case "addr":
		return addr
	case "group":
		return group
	case "query":
		return preparedQuery
	}
	return unknown
}

// fill understands the labels before the keyword.
func (n *name) fill(before []string) {
	last := len(before) - 1
	switch {
	case n.kind == unknown || n.kind == empty:
	case last < 0:
		n.kind = empty
	case n.kind == node || n.kind == group:
		n.subject = strings.Join(before, ".") // names of nodes and groups may hold dots
	case n.kind == preparedQuery:
		n.fillQuery(before)
	case n.kind == addr:
		n.kind = unknown
		if b, err := hex.DecodeString(before[0]); err == nil && last == 0 {
			if a, ok := netip.AddrFromSlice(b); ok {
				n.kind, n.addr = addr, a
			}
		}
	case last == 1 && underscored(before[0]) && underscored(before[1]):
		n.subject, n.tag, n.srvForm = before[0][1:], before[1][1:], true
		if n.tag == "tcp" {
			n.tag = ""
		}
	case last == 0 && underscored(before[0]):
		n.kind = empty // "_tcp.service.consul."
	default: // a tag may hold dots, a service name may not
		n.subject, n.tag = before[last], strings.Join(before[:last], ".")
	}
}

// fillQuery understands the labels before "query". Names of queries may hold dots; "_NAME._tcp" is how RFC 2782 writes one.
func (n *name) fillQuery(before []string) {
	switch last := len(before) - 1; {
	case last == 1 && underscored(before[0]) && underscored(before[1]):
		n.subject, n.srvForm = before[0][1:], true
	case last == 0 && (before[0] == "_tcp" || before[0] == "_udp"):
		n.kind = empty
	default:
		n.subject = strings.Join(before, ".")
	}
}

// underscored reports whether a label is written as RFC 2782 writes services and protocols.
func underscored(label string) bool { return len(label) > 1 && label[0] == '_' }

// labels are the labels of a name that ends with a dot, with the escapes undone in which package dns presents them.
func labels(s string) []string {
	if !strings.Contains(s, `\`) {
		return strings.Split(strings.TrimSuffix(s, "."), ".")
	}
	var all []string
	var label []byte
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case b == '.':
			all, label = append(all, string(label)), nil
		case b != '\\':
			label = append(label, b)
		case i+3 < len(s) && digit(s[i+1]) && digit(s[i+2]) && digit(s[i+3]):
			label = append(label, (s[i+1]-'0')*100+(s[i+2]-'0')*10+s[i+3]-'0')
			i += 3
		case i+1 < len(s):
			label = append(label, s[i+1])
			i++
		}
	}
	if len(label) > 0 || len(all) == 0 {
		all = append(all, string(label))
	}
	return all
}

func digit(b byte) bool { return '0' <= b && b <= '9' }
