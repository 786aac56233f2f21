package agent

import (
	"holdfast/cluster/rpc"
	"holdfast/cluster/secure"
)

// Secure changes how connections with others are protected from now on. Those inside TLS stay; plain ones that would be refused now are ended.
func (a *Agent) Secure(r secure.Rules) error {
	a.rules.Store(&r)
	if r.Incoming {
		a.server.EndPlain()
	}
	return a.pool.SetTags(a.tags())
}

// port is how the RPC port protects a connection that begins now.
func (a *Agent) port() rpc.Secure { return a.rules.Load().Port(a.Members, a.plainly) }

// plainly says, once for each of them, which members are spoken to in plain text.
func (a *Agent) plainly(member string) {
	if _, told := a.exposed.LoadOrStore(member, true); !told {
		a.log.Warn("a member does not take TLS and is spoken to in plain text until it does: give it a certificate too, and then set verify_incoming everywhere", "member", member)
	}
}
