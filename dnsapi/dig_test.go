package dnsapi

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"

	"holdfast/cluster"
)

// TestDig asks with dig, as operators do.
func TestDig(t *testing.T) {
	dig, err := exec.LookPath("dig")
	if err != nil {
		t.Skip("dig is missing: install dnsutils (bind9-dnsutils, bind-utils)")
	}
	w := newWorld(t, append(many(200),
		runs(at("s1", "10.1.0.1"), "consul", 8300),
		in(weighs(runs(at("n.one", "10.1.0.2"), "db", 5432, "primary", "v1.2"), 10, 1), cluster.Warning),
		on(runs(at("n.one", "10.1.0.2"), "api", 443), "fd00::1:2"),
		on(runs(at("n.one", "10.1.0.2"), "ext", 443), "www.example.com"),
		with(at("n.one", "10.1.0.2"), map[string]string{"role": "db"}),
	)...)
	w.Truncate = true
	s := serve(t, w, "127.0.0.1:0")
	host, port, err := net.SplitHostPort(s.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ ask, want string }{ // what dig prints with these words contains this
		{"db.service.consul", "status: NOERROR|flags: qr aa rd|db.service.consul.\t0\tIN\tA\t10.1.0.2"},
		{"dB.serVice.Consul", "dB.serVice.Consul.\t0\tIN\tA\t10.1.0.2"},
		{"primary.db.service.dc1.consul", "10.1.0.2"},
		{"v1.2.db.service.consul", "10.1.0.2"},
		{"_db._tcp.service.consul SRV", "SRV\t1 1 5432 n.one.node.dc1.consul.|n.one.node.dc1.consul.\t0\tIN\tA\t10.1.0.2"},
		{"api.service.consul AAAA", "fd00::1:2"},
		{"api.service.consul SRV", "1 1 443 fd000000000000000000000000010002.addr.dc1.consul.|fd00::1:2"},
		{"ext.service.consul", "CNAME\twww.example.com."},
		{"n.one.node.consul ANY +notcp", "A\t10.1.0.2|TXT\t\"role=db\""},
		{"0a010002.addr.consul", "10.1.0.2"},
		{"-x 10.1.0.2", "PTR\tn.one.node.dc1.consul."},
		{"-x fd00::1:2", "PTR\tapi.service.dc1.consul."},
		{"consul SOA", "SOA\tns.consul. hostmaster.consul."},
		{"consul NS", "NS\ts1.node.dc1.consul.|10.1.0.1"},
		{"db.service.consul AAAA", "status: NOERROR|ANSWER: 0|SOA\tns.consul."},
		{"none.service.consul", "status: NXDOMAIN|SOA\tns.consul."},
		{"db.service.dc2.consul", "status: NXDOMAIN"},
		{"www.example.com", "status: REFUSED"},
		{"consul AXFR", "Transfer failed"},
		{"version.bind TXT CH", "status: REFUSED"},
		{"web.service.consul SRV +tcp", "ANSWER: 200|ADDITIONAL: 201"},
		{"web.service.consul SRV", "TCP|ANSWER: 200"}, // truncated, so asked again
		{"web.service.consul +noedns +ignore", "flags: qr aa tc rd|ANSWER: 3,"},
		{"web.service.consul +bufsize=4096 +ignore", "flags: qr aa rd|ANSWER: 200"},
		{"db.service.consul +subnet=192.0.2.0/24", "CLIENT-SUBNET: 192.0.2.0/24/0"},
		{"db.service.consul +edns=1 +noednsnegotiation", "status: BADVERS"},
		{"db.service.consul +opcode=NOTIFY", "status: NOTIMP"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		args := append([]string{"@" + host, "-p", port, "+tries=5", "+time=2"}, strings.Fields(tt.ask)...)
		out, err := exec.CommandContext(ctx, dig, args...).CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("dig %s: %v", tt.ask, err)
		}
		for want := range strings.SplitSeq(tt.want, "|") {
			if !strings.Contains(plain(string(out)), plain(want)) {
				t.Errorf("dig %s: no %q in\n%s", tt.ask, want, out)
			}
		}
		if strings.Contains(string(out), "malformed") {
			t.Errorf("dig %s warns:\n%s", tt.ask, out)
		}
	}
}

// plain is a text with one blank where dig aligns with many.
func plain(s string) string { return strings.Join(strings.Fields(s), " ") }
