package effect

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"holdfast/cluster"
)

// natTable is our table; nobody else has a reason to touch it.
const natTable = "holdfast_nat"

// natText is a rule in words. It stands in the rule itself, so that a later daemon knows what it finds.
func natText(n cluster.NAT) string {
	s := "masquerade " + n.Source.String()
	if n.Interface != "" {
		s += " out of " + n.Interface
	}
	if n.To.IsValid() {
		s += " to " + n.To.String()
	}
	return s
}

// setNAT makes our table hold the rules that are wanted, in one step: what is forwarded meanwhile meets the old rules or the new ones. Flows
// that exist keep their translation, which lies in connection tracking.
func (h *Host) setNAT(want []Wanted, prune bool, done *Changes, fail func(string, error)) {
	var rules []cluster.NAT
	var texts, groups []string
	for _, w := range want {
		for _, n := range w.Effects.NATs {
			if text := natText(n); w.Open && !slices.Contains(texts, text) {
				rules, texts, groups = append(rules, n), append(texts, text), append(groups, w.Group)
			}
		}
	}
	if len(rules)+len(h.nat) == 0 && (h.natOld || !prune) {
		return
	}
	have, err := natRules()
	if err == nil && !prune {
		for _, t := range have { // whose it is will be known later
			if !slices.Contains(texts, t) {
				return
			}
		}
	}
	if err == nil && !slices.Equal(have, texts) {
		err = putNAT(rules, len(have) > 0)
	}
	if err != nil {
		if len(rules) > 0 { // a machine without nftables has no rules to remove either
			fail(groups[0], fmt.Errorf("the NAT rules cannot be set: %w", err))
		}
		h.natOld = true
		return
	}
	for _, t := range texts {
		switch {
		case slices.Contains(have, t):
		case slices.Contains(h.nat, t):
			done.Restored = append(done.Restored, t)
		default:
			done.Added = append(done.Added, t)
		}
	}
	for _, t := range have {
		if !slices.Contains(texts, t) {
			done.Removed = append(done.Removed, t)
		}
	}
	h.nat, h.natOld = texts, true
}

func ourTable() *nftables.Table {
	return &nftables.Table{Name: natTable, Family: nftables.TableFamilyINet}
}

func ourChain(t *nftables.Table) *nftables.Chain {
	return &nftables.Chain{
		Name: "postrouting", Table: t, Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	}
}

// natRules are the rules that lie in our table, in words.
func natRules() ([]string, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, err
	}
	t := ourTable()
	rules, err := c.GetRules(t, &nftables.Chain{Name: "postrouting", Table: t})
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rules {
		out = append(out, string(r.UserData))
	}
	return out, nil
}

// putNAT replaces the table. there says that it exists.
func putNAT(rules []cluster.NAT, there bool) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	t := c.AddTable(ourTable()) // so that there is one to delete
	if there || len(rules) == 0 {
		c.DelTable(t)
	}
	if len(rules) > 0 {
		if there {
			c.AddTable(t)
		}
		chain := c.AddChain(ourChain(t))
		c.FlushChain(chain)
		for _, n := range rules {
			c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: natExprs(n), UserData: []byte(natText(n))})
		}
	}
	return c.Flush()
}

// natExprs are the program of a rule: of packets from a network that leave by an interface, rewrite the source.
func natExprs(n cluster.NAT) []expr.Any {
	family, offset := uint32(unix.NFPROTO_IPV4), uint32(12)
	if n.Source.Addr().Is6() {
		family, offset = unix.NFPROTO_IPV6, 8
	}
	size := uint32(n.Source.Addr().BitLen() / 8)
	out := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(family)}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: mask(n.Source), Xor: make([]byte, size)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: n.Source.Addr().AsSlice()},
	}
	if n.Interface != "" {
		name := make([]byte, unix.IFNAMSIZ)
		copy(name, n.Interface)
		out = append(out, &expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name})
	}
	if !n.To.IsValid() {
		return append(out, &expr.Masq{})
	}
	return append(out, &expr.Immediate{Register: 1, Data: n.To.AsSlice()}, &expr.NAT{Type: expr.NATTypeSourceNAT, Family: family, RegAddrMin: 1})
}

func mask(p netip.Prefix) []byte {
	return net.CIDRMask(p.Bits(), p.Addr().BitLen())
}
