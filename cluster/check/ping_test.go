package check

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"holdfast/cluster"
)

func TestPing(t *testing.T) {
	if e, err := newEcho(net.IPv4(127, 0, 0, 1)); err != nil {
		t.Skip("this machine lets the test send no pings")
	} else {
		_ = e.conn.Close()
	}
	for _, x := range []row{
		{"v4", cluster.CheckDefinition{Ping: "127.0.0.1"}, cluster.Passing, "127.0.0.1 answers in "},
		{"a name", cluster.CheckDefinition{Ping: "localhost"}, cluster.Passing, " answers in "},
		{"no name", cluster.CheckDefinition{Ping: "no.such.host.invalid"}, cluster.Critical, "cannot resolve no.such.host.invalid"},
	} {
		x.try(t, limit)
	}
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
		_ = c.Close()
		row{"v6", cluster.CheckDefinition{Ping: "::1"}, cluster.Passing, "::1 answers in "}.try(t, limit)
	}
	// Nobody may have an address of class E: the kernel says so, or nobody answers.
	row{"nobody", cluster.CheckDefinition{Ping: "240.0.0.1"}, cluster.Critical, "240.0.0.1"}.try(t, 600*time.Millisecond)
}

// TestRawPing holds that the socket for machines that allow no other works as well.
func TestRawPing(t *testing.T) {
	c, err := net.ListenPacket("ip4:icmp", "127.0.0.1")
	if err != nil {
		t.Skip("this machine lets the test open no raw sockets")
	}
	defer c.Close()
	e, err := openRaw(net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer e.conn.Close()
	if _, err := e.try(t.Context(), 1); err != nil {
		t.Error(err)
	}
	for n := range 2 { // a raw socket hears the pings of all: those of others are no answer
		other, err := openRaw(net.IPv4(127, 0, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.try(t.Context(), n); err != nil {
			t.Error(err)
		}
		_ = other.conn.Close()
	}
	e.request = ipv4.ICMPTypeTimestamp // which is not answered with an echo
	if _, err := e.try(t.Context(), 2); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want no answer", err)
	}
}

// nameServer answers over UDP and TCP.
func nameServer(t *testing.T) string {
	t.Helper()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", p.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	var lost atomic.Bool
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Name == "lossy." && !lost.Swap(true) {
			return
		}
		m := new(dns.Msg).SetReply(q)
		records := map[string][]string{
			"web.": {"web. 0 IN A 10.0.0.1", "web. 0 IN A 10.0.0.2", "web. 0 IN AAAA fd00::1", "web. 0 IN MX 10 Mail.web.", `web. 0 IN TXT "v=1 x"`},
			"www.": {"www. 0 IN CNAME web.", "web. 0 IN A 10.0.0.1"}, "long.": {"long. 0 IN A 10.0.0.3"}, "lossy.": {"lossy. 0 IN A 10.0.0.4"},
		}[q.Question[0].Name]
		for _, s := range records {
			rr, err := dns.NewRR(s)
			if err != nil {
				panic(err)
			}
			if rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
		}
		if records == nil {
			m.Rcode = dns.RcodeNameError
		}
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp && q.Question[0].Name == "long." {
			m.Answer, m.Truncated = nil, true
		}
		_ = w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{{PacketConn: p, Handler: answer}, {Listener: l, Handler: answer}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return p.LocalAddr().String()
}

func TestDNS(t *testing.T) {
	at := nameServer(t)
	check := func(name, typ string, expect ...string) cluster.CheckDefinition {
		return cluster.CheckDefinition{DNS: &cluster.DNSCheck{Server: at, Name: name, Type: typ, Expect: expect}}
	}
	for _, x := range []row{
		{"any address", check("web", ""), cluster.Passing, "A web. at " + at + ": 10.0.0.1, 10.0.0.2"},
		{"this address", check("web.", "a", "10.0.0.2"), cluster.Passing, "10.0.0.2"},
		{"both", check("web", "A", "10.0.0.2", "10.0.0.1"), cluster.Passing, ""},
		{"another one", check("web", "A", "10.0.0.2", "10.0.0.9"), cluster.Critical, "10.0.0.9 is not among 10.0.0.1, 10.0.0.2"},
		{"v6, however it is written", check("web", "AAAA", "FD00:0::1"), cluster.Passing, ""},
		{"mail", check("web", "mx", "10 mail.web"), cluster.Passing, ""},
		{"text", check("web", "TXT", "v=1 x"), cluster.Passing, ""},
		{"behind an alias", check("www", "A", "10.0.0.1"), cluster.Passing, ""},
		{"too long for UDP", check("long", "A", "10.0.0.3"), cluster.Passing, ""},
		{"the first datagram is lost", check("lossy", "A", "10.0.0.4"), cluster.Passing, ""},
		{"no record of the type", check("web", "SRV"), cluster.Critical, "no such record"},
		{"no such name", check("nope", "A"), cluster.Critical, "NXDOMAIN"},
		{"no such type", check("web", "B"), cluster.Critical, "there is no DNS record type B"},
	} {
		x.try(t, 6*time.Second)
	}
	row{"a server that is not there", cluster.CheckDefinition{DNS: &cluster.DNSCheck{Server: closedPort(t), Name: "a"}}, cluster.Critical, "refused"}.try(t, limit)
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	row{"a server that is silent", cluster.CheckDefinition{DNS: &cluster.DNSCheck{Server: p.LocalAddr().String(), Name: "a"}}, cluster.Critical, "timeout"}.try(t, 300*time.Millisecond)
}
