package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// identity is what a surface shows, whom it believes, and how it speaks: its files, read and checked.
type identity struct {
	certificate *tls.Certificate // nil for none
	authorities *x509.CertPool   // nil for none
	version     uint16
	suites      []uint16 // nil for the usual ones
	files       []string // that were read
	warnings    []string
}

// read reads the files of a surface.
func (s surface) read(now time.Time) (*identity, error) {
	var id identity
	var err error
	if id.version, err = version(s.minVersion); err != nil {
		return nil, err
	}
	if id.suites, err = suites(s.cipherSuites); err != nil {
		return nil, err
	}
	if err := id.readPair(s, now); err != nil {
		return nil, err
	}
	if err := id.readAuthorities(s); err != nil {
		return nil, err
	}
	return &id, nil
}

// readPair reads the certificate and its key.
func (id *identity) readPair(s surface, now time.Time) error {
	cert, key := s.certFile, s.keyFile
	switch {
	case cert.value == "" && key.value == "":
		return nil
	case cert.value == "":
		return fmt.Errorf("%s is %s and there is no certificate to it: set %s", key.key, key.value, beside(key.key, "cert_file"))
	case key.value == "":
		return fmt.Errorf("%s is %s and there is no key to it: set %s", cert.key, cert.value, beside(cert.key, "key_file"))
	}
	chain, err := id.file(cert)
	if err != nil {
		return err
	}
	secret, err := id.file(key)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(chain, secret)
	if err != nil {
		return fmt.Errorf("%s %s and %s %s are no certificate with its key: %w", cert.key, cert.value, key.key, key.value, err)
	}
	id.certificate = &pair
	const soon = 7 * 24 * time.Hour
	switch leaf := pair.Leaf; {
	case now.Before(leaf.NotBefore):
		id.warnings = append(id.warnings, fmt.Sprintf("%s: the certificate in %s is not valid before %s, and is refused until then", cert.key, cert.value, leaf.NotBefore.Format(time.RFC3339)))
	case now.After(leaf.NotAfter):
		id.warnings = append(id.warnings, fmt.Sprintf("%s: the certificate in %s has expired on %s, and is refused: put a new one there and reload", cert.key, cert.value, leaf.NotAfter.Format(time.RFC3339)))
	case now.Add(soon).After(leaf.NotAfter):
		id.warnings = append(id.warnings, fmt.Sprintf("%s: the certificate in %s expires on %s: put a new one there and reload", cert.key, cert.value, leaf.NotAfter.Format(time.RFC3339)))
	}
	return nil
}

// readAuthorities reads the certificates that others' are to be signed by. A file goes before a directory.
func (id *identity) readAuthorities(s surface) error {
	sources := []setting[string]{s.caFile}
	switch {
	case s.caFile.value != "":
	case s.caPath.value != "":
		entries, err := os.ReadDir(s.caPath.value)
		if err != nil {
			return fmt.Errorf("%s: cannot read the directory %s: %w", s.caPath.key, s.caPath.value, reason(err))
		}
		sources = nil
		for _, e := range entries {
			if !e.IsDir() {
				sources = append(sources, setting[string]{filepath.Join(s.caPath.value, e.Name()), s.caPath.key})
			}
		}
		if len(sources) == 0 {
			return fmt.Errorf("%s: there is no file in the directory %s", s.caPath.key, s.caPath.value)
		}
	default:
		return nil
	}
	id.authorities = x509.NewCertPool()
	for _, source := range sources {
		b, err := id.file(source)
		if err != nil {
			return err
		}
		if !id.authorities.AppendCertsFromPEM(b) {
			return fmt.Errorf("%s: there is no certificate in %s: want PEM", source.key, source.value)
		}
	}
	return nil
}

// file reads the file that a key names.
func (id *identity) file(s setting[string]) ([]byte, error) {
	id.files = append(id.files, s.value)
	b, err := os.ReadFile(s.value)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read %s: %w", s.key, s.value, reason(err))
	}
	return b, nil
}

// beside is another key of the block that key stands in.
func beside(key, other string) string {
	return key[:strings.LastIndex(key, ".")+1] + other
}

// reason is an error without the path that the sentence around it names.
func reason(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// version reads a version of TLS: TLSv1_2, or tls12 in the older form.
func version(s setting[string]) (uint16, error) {
	name := strings.ToLower(s.value)
	if name == "" {
		return tls.VersionTLS12, nil
	}
	name = strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(name, "tls"), "v"), "_", "")
	v, ok := map[string]uint16{"10": tls.VersionTLS10, "11": tls.VersionTLS11, "12": tls.VersionTLS12, "13": tls.VersionTLS13}[name]
	if !ok {
		return 0, fmt.Errorf("%s %q is not known: want TLSv1_0, TLSv1_1, TLSv1_2 or TLSv1_3", s.key, s.value)
	}
	return v, nil
}

// suites reads the names of cipher suites, which count for TLS 1.2 and before.
func suites(s setting[string]) ([]uint16, error) {
	known := map[string]uint16{}
	var names []string
	for _, c := range tls.CipherSuites() {
		known[c.Name] = c.ID
		names = append(names, c.Name)
	}
	var out []uint16
	for name := range strings.SplitSeq(s.value, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		id, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("%s: the cipher suite %q is not known, or not safe: want of %s", s.key, name, strings.Join(names, ", "))
		}
		out = append(out, id)
	}
	return out, nil
}
