package transport

import (
	"crypto/tls"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster/secure/issue"
)

const day = 24 * time.Hour

// files makes an authority and certificates in a directory, and answers their paths by short names.
func files(t *testing.T) func(string) *string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ca", "other"} {
		signer, err := issue.New(issue.Authority{Name: name, For: 100 * day})
		if err != nil {
			t.Fatal(err)
		}
		write(name, signer.Certificate)
		for suffix, valid := range map[string]time.Duration{"": 30 * day, ".soon": day} {
			pair, err := signer.Issue(issue.Leaf{Names: []string{"server.dc1.consul"}, Server: true, For: valid})
			if err != nil {
				t.Fatal(err)
			}
			write(name+".cert"+suffix, pair.Certificate)
			write(name+".key"+suffix, pair.Key)
		}
	}
	write("text", []byte("no certificate"))
	if err := os.MkdirAll(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	return func(name string) *string { s := filepath.Join(dir, name); return &s }
}

// TestMistakes holds that each names the key that it came from, the file where there is one, and what to do.
func TestMistakes(t *testing.T) {
	at := files(t)
	yes := new(true)
	for want, k := range map[string]Keys{
		"cert_file is " + *at("ca.cert") + " and there is no key to it: set key_file":                                       {Older: Older{Section: Section{CertFile: at("ca.cert")}}},
		"tls.https.key_file is " + *at("ca.key") + " and there is no certificate to it: set tls.https.cert_file":            {Block: &Block{HTTPS: &Section{KeyFile: at("ca.key")}}},
		"tls.defaults.cert_file: cannot read " + *at("gone") + ": no such file":                                             {Block: &Block{Defaults: &Section{CertFile: at("gone"), KeyFile: at("ca.key")}}},
		"key_file: cannot read " + *at("gone") + ": no such file":                                                           {Older: Older{Section: Section{CertFile: at("ca.cert"), KeyFile: at("gone")}}},
		"cert_file " + *at("ca.cert") + " and key_file " + *at("other.key") + " are no certificate with its key: ":          {Older: Older{Section: Section{CertFile: at("ca.cert"), KeyFile: at("other.key")}}},
		"cert_file " + *at("text") + " and key_file " + *at("ca.key") + " are no certificate with its key: ":                {Older: Older{Section: Section{CertFile: at("text"), KeyFile: at("ca.key")}}},
		"ca_file: there is no certificate in " + *at("text") + ": want PEM":                                                 {Older: Older{Section: Section{CAFile: at("text")}}},
		"ca_path: cannot read the directory " + *at("gone") + ": no such file":                                              {Older: Older{Section: Section{CAPath: at("gone")}}},
		"ca_path: there is no file in the directory " + *at("dir"):                                                          {Older: Older{Section: Section{CAPath: at("dir")}}},
		"verify_incoming asks others for a certificate, and there is none to check it by: set tls.https.ca_file or ca_path": {Older: Older{Section: Section{VerifyIncoming: yes}}},
		"verify_incoming_rpc asks for TLS, and this agent has no certificate of its own: set tls.internal_rpc.cert_file":    {Older: Older{Section: Section{CAFile: at("ca")}, VerifyIncomingRPC: yes}},
		"verify_outgoing asks others for a certificate, and there is none to check it by: set tls.internal_rpc.ca_file":     {Older: Older{Section: Section{VerifyOutgoing: yes}}},
		"tls.internal_rpc.verify_server_hostname asks others for a certificate":                                             {Block: &Block{InternalRPC: &Internal{VerifyServerHostname: yes}}},
		`tls.defaults.tls_min_version "TLSv2" is not known: want TLSv1_0`:                                                   {Block: &Block{Defaults: &Section{MinVersion: new("TLSv2")}}},
		`tls_cipher_suites: the cipher suite "TLS_RSA_WITH_RC4_128_SHA" is not known, or not safe: want of TLS_`:            {Older: Older{Section: Section{CipherSuites: new("TLS_AES_128_GCM_SHA256, TLS_RSA_WITH_RC4_128_SHA")}}},
	} {
		if _, err := k.Load("dc1", "consul"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestPrecedence holds which of several keys counts.
func TestPrecedence(t *testing.T) {
	at := files(t)
	yes, no := new(true), new(false)
	pair := Section{CAFile: at("ca"), CertFile: at("ca.cert"), KeyFile: at("ca.key")}
	with := func(change func(*Section)) *Section {
		s := pair
		change(&s)
		return &s
	}
	for name, tt := range map[string]struct {
		keys                    Keys
		https, incoming, strict bool // verify_incoming of HTTPS and of RPC; the names of servers are checked
		outgoing                bool
	}{
		"nothing asked for":                     {keys: Keys{Older: Older{Section: pair}}},
		"the older key for both":                {keys: Keys{Older: Older{Section: *with(func(s *Section) { s.VerifyIncoming = yes })}}, https: true, incoming: true},
		"the older key for both goes first":     {keys: Keys{Older: Older{Section: *with(func(s *Section) { s.VerifyIncoming = yes }), VerifyIncomingHTTPS: no, VerifyIncomingRPC: no}}, https: true, incoming: true},
		"the older key for HTTPS":               {keys: Keys{Older: Older{Section: pair, VerifyIncomingHTTPS: yes}}, https: true},
		"the older key for RPC":                 {keys: Keys{Older: Older{Section: pair, VerifyIncomingRPC: yes}}, incoming: true},
		"the names imply outgoing":              {keys: Keys{Older: Older{Section: pair, VerifyServerHostname: yes}}, outgoing: true, strict: true},
		"defaults":                              {keys: Keys{Block: &Block{Defaults: with(func(s *Section) { s.VerifyIncoming, s.VerifyOutgoing = yes, yes })}}, https: true, incoming: true, outgoing: true},
		"a surface goes before defaults":        {keys: Keys{Block: &Block{Defaults: with(func(s *Section) { s.VerifyIncoming = yes }), HTTPS: &Section{VerifyIncoming: no}}}, incoming: true},
		"defaults go before the older key":      {keys: Keys{Older: Older{Section: *with(func(s *Section) { s.VerifyIncoming = yes })}, Block: &Block{Defaults: &Section{VerifyIncoming: no}}}},
		"a surface goes before its older key":   {keys: Keys{Older: Older{Section: pair, VerifyIncomingHTTPS: yes}, Block: &Block{HTTPS: &Section{VerifyIncoming: no}}}},
		"its older key goes before defaults":    {keys: Keys{Older: Older{Section: pair, VerifyIncomingHTTPS: yes}, Block: &Block{Defaults: &Section{VerifyIncoming: no}}}, https: true},
		"internal_rpc, names and all":           {keys: Keys{Older: Older{Section: pair}, Block: &Block{InternalRPC: &Internal{Section: Section{VerifyIncoming: yes}, VerifyServerHostname: yes}}}, incoming: true, outgoing: true, strict: true},
		"the block goes before the older names": {keys: Keys{Older: Older{Section: pair, VerifyServerHostname: yes}, Block: &Block{InternalRPC: &Internal{VerifyServerHostname: no}}}},
	} {
		got, err := tt.keys.Load("dc1", "consul")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		mutual := func(c *tls.Config) bool { return c.ClientAuth == tls.RequireAndVerifyClientCert && c.ClientCAs != nil }
		if mutual(got.HTTPS) != tt.https || mutual(got.RPC.Server) != tt.incoming || got.RPC.Incoming != tt.incoming || got.RPC.Outgoing != tt.outgoing || (got.RPC.Name == "server.dc1.consul") != tt.strict {
			t.Errorf("%s: HTTPS asks %t, RPC %t; incoming %t, outgoing %t, name %q", name, mutual(got.HTTPS), mutual(got.RPC.Server), got.RPC.Incoming, got.RPC.Outgoing, got.RPC.Name)
		}
	}
}

// TestSurfacesApart holds that HTTPS may show another certificate than the RPC port, and believe others.
func TestSurfacesApart(t *testing.T) {
	at := files(t)
	got, err := Keys{Block: &Block{
		Defaults: &Section{CAFile: at("ca"), CertFile: at("ca.cert"), KeyFile: at("ca.key"), MinVersion: new("TLSv1_3"), VerifyOutgoing: new(true)},
		HTTPS:    &Section{CertFile: at("other.cert"), KeyFile: at("other.key"), MinVersion: new("tls12"), CipherSuites: new("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")},
	}}.Load("dc1", "consul")
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(got.HTTPS.Certificates[0].Certificate[0], got.RPC.Server.Certificates[0].Certificate[0]) {
		t.Error("both surfaces show one certificate")
	}
	if got.HTTPS.MinVersion != tls.VersionTLS12 || got.RPC.Server.MinVersion != tls.VersionTLS13 || got.RPC.Client("").MinVersion != tls.VersionTLS13 {
		t.Errorf("versions %x, %x", got.HTTPS.MinVersion, got.RPC.Server.MinVersion)
	}
	if !slices.Equal(got.HTTPS.NextProtos, []string{"http/1.1"}) {
		t.Errorf("HTTP/2 is offered without a suite that it demands: %q", got.HTTPS.NextProtos)
	}
	want := []string{*at("ca"), *at("ca.cert"), *at("ca.key"), *at("other.cert"), *at("other.key")}
	if slices.Sort(want); !slices.Equal(got.Files, want) {
		t.Errorf("files %q, want %q", got.Files, want)
	}
}

// TestAuthoritiesOfADirectory holds that each file of ca_path counts.
func TestAuthoritiesOfADirectory(t *testing.T) {
	at := files(t)
	for _, name := range []string{"ca", "other"} {
		b, err := os.ReadFile(*at(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*at("dir"), name+".pem"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Keys{Older: Older{Section: Section{CAPath: at("dir"), CertFile: at("ca.cert"), KeyFile: at("ca.key"), VerifyOutgoing: new(true)}}}.Load("dc1", "consul")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.RPC.Client("x").RootCAs.Subjects()); n != 2 { //nolint:staticcheck // the pool is not the system's
		t.Errorf("%d authorities, want 2", n)
	}
}

// TestWarnings holds what is said of a certificate that will not do for long, once for both surfaces, and of an agent that others cannot reach.
func TestWarnings(t *testing.T) {
	at := files(t)
	for want, k := range map[string]Keys{
		"cert_file: the certificate in " + *at("ca.cert.soon") + " expires on ":        {Older: Older{Section: Section{CertFile: at("ca.cert.soon"), KeyFile: at("ca.key.soon")}}},
		"verify_outgoing is set and there is no certificate: members that require TLS": {Older: Older{Section: Section{CAFile: at("ca"), VerifyOutgoing: new(true)}}},
	} {
		got, err := k.Load("dc1", "consul")
		if err != nil || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], want) {
			t.Errorf("got %+v, %v; want %q", got, err, want)
		}
	}
	s := surface{certFile: setting[string]{*at("ca.cert"), "cert_file"}, keyFile: setting[string]{*at("ca.key"), "key_file"}}
	for want, when := range map[string]time.Duration{"is not valid before": -day, "has expired on": 60 * day} {
		id, err := s.read(time.Now().Add(when))
		if err != nil || len(id.warnings) != 1 || !strings.Contains(id.warnings[0], want) {
			t.Errorf("after %s: %+v, %v; want %q", when, id, err, want)
		}
	}
}

func TestVersions(t *testing.T) {
	want := map[string]uint16{
		"": tls.VersionTLS12, "tls10": tls.VersionTLS10, "tls11": tls.VersionTLS11, "tls12": tls.VersionTLS12, "tls13": tls.VersionTLS13,
		"TLSv1_0": tls.VersionTLS10, "TLSv1_1": tls.VersionTLS11, "TLSv1_2": tls.VersionTLS12, "TLSv1_3": tls.VersionTLS13,
	}
	got := map[string]uint16{}
	for name := range want {
		got[name], _ = version(setting[string]{name, "x"})
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
