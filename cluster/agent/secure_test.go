package agent_test

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
	"holdfast/cluster/rpc"
	"holdfast/cluster/secure"
	"holdfast/cluster/secure/issue"
)

// authority signs the certificates of a test.
type authority struct {
	t      *testing.T
	signer *issue.Signer
	roots  *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	s, err := issue.New(issue.Authority{Name: "test", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Certificate)
	return &authority{t, s, roots}
}

const serverName = "server.dc1.consul"

// rules are those of a member whose certificate has this name.
func (a *authority) rules(name string) secure.Rules {
	a.t.Helper()
	p, err := a.signer.Issue(issue.Leaf{Names: []string{name}, Server: true, For: time.Hour})
	if err != nil {
		a.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	return secure.Rules{
		Outgoing: true,
		Server:   &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		Client: func(name string) *tls.Config {
			c := &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: a.roots, ServerName: name, MinVersion: tls.VersionTLS12}
			if name == "" {
				c.InsecureSkipVerify = true
				c.VerifyConnection = func(s tls.ConnectionState) error { return secure.Verify(s, a.roots) }
			}
			return c
		},
	}
}

// strict is r with all that can be asked of others.
func (a *authority) strict(r secure.Rules) secure.Rules {
	r.Incoming, r.Name = true, serverName
	r.Server = r.Server.Clone()
	r.Server.ClientAuth, r.Server.ClientCAs = tls.RequireAndVerifyClientCert, a.roots
	return r
}

// TestTLS runs a cluster in which nothing but TLS is spoken: it elects, writes through each member, and elects again when its leader is gone.
func TestTLS(t *testing.T) {
	a, c := newAuthority(t), clustertest.New(t)
	for _, name := range []string{"n1", "n2", "n3"} {
		c.Add(agent.Config{Name: name, Server: true, BootstrapExpect: 3, Secure: a.strict(a.rules(serverName))})
	}
	leader := c.WaitLeader()
	client := c.Add(agent.Config{Name: "n4", Secure: a.strict(a.rules("client.dc1.consul"))})
	c.Wait("the agent has the state", func() bool { return len(client.WatchView().ServiceInstances("consul")) == 3 })
	for _, x := range c.Agents {
		c.Put(x, "from/"+x.Name(), "x")
	}
	plain := rpc.NewClient(rpc.Options{})
	defer plain.Close()
	if _, err := plain.Call(t.Context(), c.Agents[leader].Self().RPCAddr(), 1, nil); cluster.CodeOf(err) != cluster.Unavailable || !strings.Contains(err.Error(), "TLS connections only") {
		t.Errorf("a plain connection to the leader: %v", err)
	}
	c.Kill(leader)
	c.WaitLeader()
	c.Put(client, "after", "x")
}

// TestChangeToTLS moves a cluster from plain text to TLS, member by member and while it is written to, and leaves one out.
func TestChangeToTLS(t *testing.T) {
	c := clustertest.Start(t, 3)
	a := newAuthority(t)
	var rules []secure.Rules
	for range 3 {
		rules = append(rules, a.rules(serverName))
	}
	put := func() {
		t.Helper()
		for _, x := range c.Agents {
			c.Put(x, "key", "x")
		}
	}
	change := func(i int, r secure.Rules) {
		t.Helper()
		if err := c.Agents[i].Secure(r); err != nil {
			t.Fatal(err)
		}
	}
	known := func(i int) {
		t.Helper()
		name := c.Agents[i].Name()
		c.Wait("all know that "+name+" takes TLS", func() bool {
			return !slices.ContainsFunc(c.Agents, func(x *agent.Agent) bool {
				return !slices.ContainsFunc(x.Members(), func(m cluster.Member) bool { return m.Name == name && m.Tags[cluster.TagTLS] == "1" })
			})
		})
	}
	put()
	for i := range c.Agents { // certificates, and TLS to those that have got there
		change(i, rules[i])
		known(i)
		put()
	}
	for i := range c.Agents { // and nothing else any more
		change(i, a.strict(rules[i]))
		c.WaitLeader()
		put()
	}
	c.WaitLeader()
	late := c.Add(agent.Config{Name: "late"})
	c.Wait("the late one is a member", func() bool { return len(c.Agents[0].Members()) == 4 })
	if v := late.WatchView().ServiceInstances("consul"); len(v) > 0 {
		t.Errorf("a member without TLS has the state: %v", v)
	}
}

// TestServerNames holds that an agent with a certificate of its own kind has no part in raft as a server.
func TestServerNames(t *testing.T) {
	a, c := newAuthority(t), clustertest.New(t)
	for _, name := range []string{"n1", "n2", "n3"} {
		c.Add(agent.Config{Name: name, Server: true, BootstrapExpect: 3, Secure: a.strict(a.rules(serverName))})
	}
	c.WaitLeader()
	false3 := c.Add(agent.Config{Name: "false", Server: true, Secure: a.strict(a.rules("client.dc1.consul"))})
	c.Wait("it is a member", func() bool { return len(c.Agents[0].Members()) == 4 })
	c.Put(c.Agents[0], "key", "x")
	if v := false3.WatchView().ServiceInstances("consul"); len(v) > 0 {
		t.Errorf("it has the state: %v", v)
	}
	dialer := rpc.NewClient(rpc.Options{Secure: func() rpc.Secure {
		r := a.rules("client.dc1.consul")
		return rpc.Secure{Out: func(string) (*tls.Config, error) { return r.Client(serverName), nil }}
	}})
	defer dialer.Close()
	if _, err := dialer.Call(t.Context(), c.Agents[0].Self().RPCAddr(), 1, nil); cluster.CodeOf(err) == cluster.Unavailable {
		t.Errorf("an agent may call: %v", err)
	}
}
