package transport

import (
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"holdfast/cluster/secure"
)

// TLS is what the surfaces are told.
type TLS struct {
	HTTPS    *tls.Config  // nil where there is no certificate for it
	RPC      secure.Rules // of the connections between members
	Files    []string     // that were read
	Warnings []string     // sentences
}

// Load reads the files, and says in one sentence what is wrong with them or with the keys. The certificates of servers name the datacenter and the domain.
func (k Keys) Load(datacenter, domain string) (*TLS, error) {
	forHTTPS, forRPC := k.surfaces()
	for _, s := range []surface{forHTTPS, forRPC} {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	web, err := forHTTPS.read(now)
	if err != nil {
		return nil, err
	}
	internal, err := forRPC.read(now)
	if err != nil {
		return nil, err
	}
	t := &TLS{HTTPS: web.server(forHTTPS.incoming.value), Files: append(web.files, internal.files...)}
	if t.HTTPS != nil {
		t.HTTPS.NextProtos = web.protocols()
	}
	t.RPC = secure.Rules{
		Server: internal.server(forRPC.incoming.value), Client: internal.client, Incoming: forRPC.incoming.value,
		Outgoing: forRPC.outgoing.value || forRPC.serverHostname.value,
	}
	if t.RPC.Server != nil {
		t.RPC.Server.SessionTicketsDisabled = true // members do not come back often, and a ticket that nobody reads hides that a peer is gone
	}
	if forRPC.serverHostname.value {
		t.RPC.Name = "server." + datacenter + "." + domain
	}
	t.Warnings = append(web.warnings, internal.warnings...)
	if t.RPC.Outgoing && t.RPC.Server == nil {
		t.Warnings = append(t.Warnings, fmt.Sprintf("%s is set and there is no certificate: members that require TLS cannot reach this one, to which the leader sends the log; set %s and key_file",
			forRPC.outgoingKey(), forRPC.certFile.key))
	}
	slices.Sort(t.Files)
	t.Files = slices.Compact(t.Files)
	slices.Sort(t.Warnings)
	t.Warnings = slices.Compact(t.Warnings) // both surfaces may use one certificate
	return t, nil
}

// check says what is missing for what is asked for.
func (s surface) check() error {
	authority := s.caFile.value != "" || s.caPath.value != ""
	switch {
	case s.incoming.value && !authority:
		return fmt.Errorf("%s asks others for a certificate, and there is none to check it by: set %s or ca_path", s.incoming.key, s.caFile.key)
	case s.incoming.value && s.certFile.value == "" && (s.name == "internal_rpc" || s.keyFile.value != ""):
		return fmt.Errorf("%s asks for TLS, and this agent has no certificate of its own: set %s and key_file", s.incoming.key, s.certFile.key)
	case s.name == "internal_rpc" && (s.outgoing.value || s.serverHostname.value) && !authority:
		return fmt.Errorf("%s asks others for a certificate, and there is none to check it by: set %s or ca_path", s.outgoingKey(), s.caFile.key)
	}
	return nil
}

// outgoingKey is the key that asks for outgoing connections inside TLS.
func (s surface) outgoingKey() string {
	if s.outgoing.value {
		return s.outgoing.key
	}
	return s.serverHostname.key
}

// server is the configuration for incoming connections, nil where there is no certificate to show.
func (id *identity) server(verify bool) *tls.Config {
	if id.certificate == nil {
		return nil
	}
	c := &tls.Config{Certificates: []tls.Certificate{*id.certificate}, MinVersion: id.version, CipherSuites: id.suites} //nolint:gosec // an older version was asked for
	if verify {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, id.authorities
	}
	return c
}

// client is the configuration for a connection to a peer whose certificate must bear name, "" for any.
func (id *identity) client(name string) *tls.Config {
	c := &tls.Config{RootCAs: id.authorities, ServerName: name, MinVersion: id.version, CipherSuites: id.suites} //nolint:gosec // the same
	if name == "" {
		c.InsecureSkipVerify = true //nolint:gosec // the following looks at everything but the name
		c.VerifyConnection = func(s tls.ConnectionState) error { return secure.Verify(s, id.authorities) }
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if id.certificate == nil {
			return &tls.Certificate{}, nil
		}
		return id.certificate, nil
	}
	return c
}

// protocols are those of HTTP that can be spoken: version 2 demands one of two suites (RFC 9113, section 9.2.2).
func (id *identity) protocols() []string {
	demanded := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	if id.suites != nil && !slices.ContainsFunc(demanded, func(s uint16) bool { return slices.Contains(id.suites, s) }) {
		return []string{"http/1.1"}
	}
	return []string{"h2", "http/1.1"}
}
