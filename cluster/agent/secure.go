package agent

import (
	"holdfast/cluster"
	"holdfast/cluster/rpc"
	"holdfast/cluster/secure"
)

// Secure changes how connections with others are protected from now on. Those inside TLS stay; plain ones that would be refused now are ended.
func (a *Agent) Secure(r secure.Rules) error {
	a.rules.Store(&r)
	if r.Incoming {
		a.server.EndPlain()
	}
	return a.announce()
}

// port is how the RPC port protects a connection that begins now.
func (a *Agent) port() rpc.Secure { return a.rules.Load().Port(a.known, a.plainly) }

// known is the members that this one connects to: those of its cluster, and the servers of other datacenters.
func (a *Agent) known() []cluster.Member { return append(a.Members(), a.wan.Abroad()...) }

// plainly says, once for each of them, which members are spoken to in plain text.
func (a *Agent) plainly(member string) {
	if _, told := a.exposed.LoadOrStore(member, true); !told {
		a.log.Warn("a member does not take TLS and is spoken to in plain text until it does: give it a certificate too, and then set verify_incoming everywhere", "member", member)
	}
}
