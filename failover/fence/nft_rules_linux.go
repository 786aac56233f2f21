package fence

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The rules stand in one plain chain for each direction; each interface has a base
// chain of its own, named after it, that jumps there.
const (
	ingressChain, ingressBase = "ingress", "in."
	egressChain, egressBase   = "egress", "out."
)

// addTable asks for the table, its sets as they are, and its rules anew.
func (n *nftDriver) addTable() error {
	n.conn.AddTable(n.table)
	for _, sets := range n.sets {
		if err := errors.Join(n.conn.AddSet(sets.managed, nil), n.conn.AddSet(sets.open, nil)); err != nil {
			return err
		}
	}
	in, out := n.chain(ingressChain), n.chain(egressChain)
	for _, c := range []*nftables.Chain{in, out} {
		n.conn.AddChain(c)
		n.conn.FlushChain(c)
	}
	v4, v6 := n.sets[0], n.sets[1]
	n.drop(in, v4, etherType(etherIPv4), network(16, 4)) // destination
	n.drop(in, v6, etherType(etherIPv6), network(24, 16))
	n.drop(out, v4, etherType(etherIPv4), network(12, 4)) // source
	n.drop(out, v6, etherType(etherIPv6), network(8, 16))
	n.drop(out, v4, etherType(etherARP), network(14, 4)) // sender protocol address
	n.drop(out, v6, slices.Concat(etherType(etherIPv6), icmpv6(icmpAdvertise)), transport(8, 16))
	return nil
}

func (n *nftDriver) chain(name string) *nftables.Chain {
	return &nftables.Chain{Name: name, Table: n.table}
}

// drop adds the rule: of the packets that match, those whose address is managed
// and not open.
func (n *nftDriver) drop(chain *nftables.Chain, sets addressSets, match []expr.Any, address expr.Any) {
	n.conn.AddRule(&nftables.Rule{Table: n.table, Chain: chain, Exprs: append(slices.Clip(match),
		address,
		&expr.Lookup{SourceRegister: 1, SetName: sets.managed.Name, SetID: sets.managed.ID},
		&expr.Lookup{SourceRegister: 1, SetName: sets.open.Name, SetID: sets.open.ID, Invert: true},
		&expr.Verdict{Kind: expr.VerdictDrop})})
}

func etherType(t uint16) []expr.Any {
	return equal(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, binaryutil.BigEndian.PutUint16(t))
}

func icmpv6(kind byte) []expr.Any {
	return append(
		equal(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, []byte{unix.IPPROTO_ICMPV6}),
		equal(transport(0, 1), []byte{kind})...)
}

func equal(load expr.Any, value []byte) []expr.Any {
	return []expr.Any{load, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value}}
}

func network(offset, n uint32) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: n}
}

func transport(offset, n uint32) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: n}
}

// attach also brings back a table that something else has deleted.
func (n *nftDriver) attach(l link) error {
	err := n.commit(func() error {
		if err := n.addTable(); err != nil {
			return err
		}
		n.base(l, egressBase, nftables.ChainHookEgress, egressChain)
		n.base(l, ingressBase, nftables.ChainHookIngress, ingressChain)
		return nil
	})
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return fmt.Errorf("this kernel's nftables cannot filter what leaves an interface (CONFIG_NETFILTER_EGRESS, Linux 5.16): %w", err)
	}
	return err
}

func (n *nftDriver) base(l link, prefix string, hook *nftables.ChainHook, target string) {
	chain := n.conn.AddChain(&nftables.Chain{
		Name: prefix + l.name, Table: n.table, Type: nftables.ChainTypeFilter,
		Hooknum: hook, Priority: nftables.ChainPriorityFirst, Device: l.name,
	})
	n.conn.FlushChain(chain)
	n.conn.AddRule(&nftables.Rule{Table: n.table, Chain: chain, Exprs: []expr.Any{
		&expr.Verdict{Kind: expr.VerdictJump, Chain: target},
	}})
}

func (n *nftDriver) attached() ([]link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	chains, err := n.conn.ListChainsOfTableFamily(n.table.Family)
	if err != nil {
		return nil, fmt.Errorf("list chains: %w", err)
	}
	var links []link
	for _, c := range chains {
		name, ok := strings.CutPrefix(c.Name, egressBase)
		if !ok || c.Table.Name != n.table.Name {
			continue
		}
		found, err := net.InterfaceByName(name)
		if err != nil {
			continue // the interface is gone, or has another name now
		}
		l, err := linkByIndex(found.Index)
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	return links, nil
}
