package secure

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/secure/issue"
)

func member(name, role, port, takesTLS string) cluster.Member {
	return cluster.Member{
		Name: name, Status: cluster.StatusAlive, Addr: netip.MustParseAddrPort("10.0.0.1:8301"),
		Tags: map[string]string{cluster.TagRole: role, cluster.TagPort: port, cluster.TagTLS: takesTLS},
	}
}

// TestOut holds who is called how. The name in a configuration is what the peer's certificate must bear.
func TestOut(t *testing.T) {
	gone := member("n6", "consul", "6", "")
	gone.Status = cluster.StatusLeft
	members := []cluster.Member{
		member("n1", "consul", "1", "1"), member("n2", "consul", "2", ""), member("n3", "node", "3", "1"), member("n4", "node", "4", ""),
		gone, member("n7", "consul", "6", "1"),
	}
	const name = "server.dc1.consul"
	for what, tt := range map[string]struct {
		rules Rules
		want  string // for each port: "-" for plain, "+" for any name, "S" for a server's, "!" for an error
	}{
		"nothing asked for":     {Rules{}, "------"},
		"only taken":            {Rules{Server: &tls.Config{}, Incoming: true}, "------"},
		"outgoing":              {Rules{Outgoing: true}, "+-+-++"},
		"outgoing and incoming": {Rules{Outgoing: true, Incoming: true}, "+!+!++"},
		"names":                 {Rules{Outgoing: true, Name: name}, "S!+!SS"},
	} {
		tt.rules.Client = func(name string) *tls.Config { return &tls.Config{ServerName: name} }
		var plain []string
		out := tt.rules.Port(func() []cluster.Member { return members }, func(m string) { plain = append(plain, m) }).Out
		got := ""
		for _, port := range []string{"1", "2", "3", "4", "5", "6"} {
			var c *tls.Config
			var err error
			if out != nil {
				c, err = out("10.0.0.1:" + port)
			}
			switch {
			case err != nil:
				got += "!"
				if !strings.Contains(err.Error(), "n"+port+" at 10.0.0.1:"+port+" does not take TLS, which is required here") {
					t.Errorf("%s: %v", what, err)
				}
			case c == nil:
				got += "-"
			case c.ServerName == name:
				got += "S"
			default:
				got += "+"
			}
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", what, got, tt.want)
		}
		if told := strings.Join(plain, " "); tt.want == "+-+-++" && told != "n2 n4" {
			t.Errorf("%s: told of %q", what, told)
		}
	}
}

func TestStrangers(t *testing.T) {
	client := func(string) *tls.Config { return &tls.Config{} }
	for want, r := range map[string]Rules{"plain": {}, "tls plain": {Outgoing: true}, "tls": {Outgoing: true, Incoming: true}, "tls ": {Outgoing: true, Name: "x"}} {
		var got []string
		r.Client = client
		for _, way := range r.Strangers() {
			if out := way().Out; out == nil {
				got = append(got, "plain")
			} else if c, err := out("a:1"); err == nil && c != nil {
				got = append(got, "tls")
			}
		}
		if strings.Join(got, " ") != strings.TrimSpace(want) {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
	}
}

// TestRaft holds that raft is spoken with servers alone, once names count.
func TestRaft(t *testing.T) {
	if (&Rules{Incoming: true}).Port(nil, nil).Raft != nil || (&Rules{Outgoing: true, Name: "x"}).Port(nil, nil).Raft != nil {
		t.Error("peers are asked for what they need not show")
	}
	signer, err := issue.New(issue.Authority{Name: "test", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	raft := (&Rules{Incoming: true, Name: "server.dc1.consul"}).Port(nil, nil).Raft
	for name, want := range map[string]string{"server.dc1.consul": "", "client.dc1.consul": "not server.dc1.consul", "": "shows no certificate"} {
		var state tls.ConnectionState
		if name != "" {
			p, err := signer.Issue(issue.Leaf{Names: []string{name, "localhost"}, For: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			pair, err := tls.X509KeyPair(p.Certificate, p.Key)
			if err != nil {
				t.Fatal(err)
			}
			state.PeerCertificates = []*x509.Certificate{pair.Leaf}
		}
		if err := raft(state); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}
