package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"

	"holdfast/failover/proxy"
	"holdfast/failover/proxy/certificate"
	"holdfast/failover/proxy/htpasswd"
	"holdfast/failover/proxy/web"
)

// Options are those of the proxies alone, by name, with the certificates read.
func Options(specs []Spec, log *slog.Logger) (map[string]proxy.Options, error) {
	out := map[string]proxy.Options{}
	for _, s := range specs {
		o := s.Options
		if s.TLS != nil {
			store, err := certificate.Open(log.With("proxy", s.Name), s.TLS.Strict, s.TLS.Certificates...)
			if err != nil {
				return nil, fmt.Errorf("proxy %q: %w", s.Name, err)
			}
			o.TLS = &tls.Config{GetCertificate: store.GetCertificate, MinVersion: s.TLS.Min, NextProtos: []string{"h2", "http/1.1"}}
		}
		out[s.Name] = o
	}
	return out, nil
}

// web is how requests are passed on, with the files read.
func (s *Spec) web() (web.Options, error) {
	o := web.Options{ConnectTimeout: s.Options.ConnectTimeout, Idle: s.Options.Idle, Trust: s.Options.AcceptProxy, Users: map[string]*htpasswd.File{}}
	for name, path := range s.Users {
		f, err := htpasswd.Open(path)
		if err != nil {
			return o, fmt.Errorf("proxy %q: auth %s: %w", s.Name, name, err)
		}
		o.Users[name] = f
	}
	if s.Authorities == "" {
		return o, nil
	}
	text, err := os.ReadFile(s.Authorities)
	if err != nil {
		return o, fmt.Errorf("proxy %q: read the authorities: %w", s.Name, err)
	}
	o.Authorities = x509.NewCertPool()
	if !o.Authorities.AppendCertsFromPEM(text) {
		return o, fmt.Errorf("proxy %q: upstream_ca_file %s holds no certificate in PEM", s.Name, s.Authorities)
	}
	return o, nil
}
