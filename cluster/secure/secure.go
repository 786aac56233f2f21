// Package secure is how a member protects its connections with the others, by the rules that Consul documents for tls.internal_rpc.
//
// A member that takes TLS on its RPC port says so in gossip (cluster.TagTLS). With Outgoing, those that do are spoken to in no other way. One that does not, because its
// turn in a change to TLS has not come, is spoken to in plain text for as long as this member takes plain text itself; with Incoming or Name there
// is no connection to it at all. So a cluster changes over member by member, and answers all the time: first each gets its certificates
// and Outgoing, then, when all have them, Incoming and Name.
//
// Names: without Name a certificate that the cluster's own CA has signed is enough, whatever it names. With it, the certificate of a server must
// name it (server.dc1.consul), so that nobody can pass for a server with the certificate of another agent: neither where a server is called, nor
// where raft is spoken to this member.
package secure

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/rpc"
)

// Rules are those of one member at one moment. The zero value is plain text.
type Rules struct {
	Server   *tls.Config                   // for incoming connections; nil where this member has no certificate
	Client   func(name string) *tls.Config // for outgoing ones, to a peer whose certificate must bear name, "" for any name
	Incoming bool                          // plain connections are refused (verify_incoming)
	Outgoing bool                          // connections to others use TLS (verify_outgoing)
	Name     string                        // that the certificate of every server must bear, "" for any (verify_server_hostname)
	Checks   *tls.Config                   // how health checks show who this agent is, nil where they do not (enable_agent_tls_for_checks)
}

// Port is what the RPC port is told. members are those that gossip knows; plainly is told of one that is spoken to in plain text.
func (r *Rules) Port(members func() []cluster.Member, plainly func(member string)) rpc.Secure {
	s := rpc.Secure{In: r.Server, Required: r.Incoming}
	if r.Outgoing {
		s.Out = func(addr string) (*tls.Config, error) { return r.to(addr, members(), plainly) }
	}
	if r.Incoming && r.Name != "" {
		s.Raft = r.fromServer
	}
	return s
}

// Strangers are the ways to speak to a server that nothing is known of, in the order to be tried.
func (r *Rules) Strangers() []func() rpc.Secure {
	plain := func() rpc.Secure { return rpc.Secure{} }
	if !r.Outgoing {
		return []func() rpc.Secure{plain}
	}
	hidden := func() rpc.Secure {
		return rpc.Secure{Out: func(string) (*tls.Config, error) { return r.Client(r.Name), nil }}
	}
	if r.strict() {
		return []func() rpc.Secure{hidden}
	}
	return []func() rpc.Secure{hidden, plain}
}

// strict reports whether there is no connection to a member that does not take TLS.
func (r *Rules) strict() bool { return r.Incoming || r.Name != "" }

// to is the TLS configuration for a connection to addr, nil for a plain one. Who is not known yet is taken for a server that takes TLS: when gossip
// brings it, the next attempt knows better.
func (r *Rules) to(addr string, members []cluster.Member, plainly func(string)) (*tls.Config, error) {
	for _, m := range members {
		if m.RPCAddr() != addr || m.Status == cluster.StatusLeft {
			continue
		}
		switch {
		case m.Tags[cluster.TagTLS] == "" && r.strict():
			return nil, fmt.Errorf("%s at %s does not take TLS, which is required here (verify_incoming, verify_server_hostname): give it a certificate (cert_file, key_file)", m.Name, addr)
		case m.Tags[cluster.TagTLS] == "":
			plainly(m.Name)
			return nil, nil //nolint:nilnil // plain
		case !m.IsServer():
			return r.Client(""), nil
		}
		return r.Client(r.nameOf(m)), nil
	}
	return r.Client(r.Name), nil
}

// nameOf is the name that the certificate of a server must bear: that of its datacenter, which is the second label.
func (r *Rules) nameOf(m cluster.Member) string {
	labels, dc := strings.SplitN(r.Name, ".", 3), m.Tags[cluster.TagDatacenter]
	if len(labels) == 3 && dc != "" {
		return labels[0] + "." + dc + "." + labels[2]
	}
	return r.Name
}

// fromServer refuses a raft connection whose peer has no certificate of a server: nobody else has a vote, or a log to send.
func (r *Rules) fromServer(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return fmt.Errorf("it calls for raft and shows no certificate: want one for %s (verify_server_hostname)", r.Name)
	}
	if err := s.PeerCertificates[0].VerifyHostname(r.Name); err != nil {
		return fmt.Errorf("it calls for raft without the certificate of a server (verify_server_hostname): %w", err)
	}
	return nil
}

// Verify checks that the chain of a peer leads to roots, whatever it names. An agent's certificate may be made for either role.
func Verify(s tls.ConnectionState, roots *x509.CertPool) error {
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, c := range s.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(opts)
	return err
}
