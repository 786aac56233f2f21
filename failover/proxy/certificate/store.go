package certificate

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// every is how often at most the files are looked at.
const every = time.Second

// Store is the certificates of some places.
type Store struct {
	places []string
	strict bool
	log    *slog.Logger

	mu     sync.Mutex // guards following
	seen   string     // the files as they were when they were last read
	looked time.Time
	pairs  []pair // by file
	names  map[string]*tls.Certificate
	err    error
}

// Open reads the certificates of places. A strict Store refuses a client that names no server it has a certificate for; another one gives it the first.
// What becomes of changes is logged.
func Open(log *slog.Logger, strict bool, places ...string) (*Store, error) {
	s := &Store{places: places, strict: strict, log: log}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readLocked()
	return s, s.err
}

// GetCertificate chooses the certificate for a client.
func (s *Store) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookLocked()
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if c := s.names[name]; c != nil {
		return c, nil
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		if c := s.names["*."+parent]; c != nil {
			return c, nil
		}
	}
	if s.strict {
		return nil, fmt.Errorf("no certificate is for the server name %q", name)
	}
	return s.pairs[0].certificate, nil
}

// lookLocked reads the files again if it is time.
func (s *Store) lookLocked() {
	if time.Since(s.looked) <= every {
		return
	}
	seen, err := s.seen, s.err
	s.readLocked()
	switch {
	case s.err != nil && (err == nil || err.Error() != s.err.Error()):
		s.log.Error("the certificates cannot be read again: those of before stay in force", "error", s.err)
	case s.err == nil && s.seen != seen:
		s.log.Info("the certificates were read again", "certificates", len(s.pairs))
	}
}

// readLocked reads the files if they are not those of last time. It replaces all, or nothing.
func (s *Store) readLocked() {
	s.looked = time.Now()
	files, seen, err := find(s.places)
	if err != nil {
		s.seen, s.err = "", err
		return
	}
	if seen == s.seen {
		return
	}
	var pairs []pair
	var wrong []error
	for _, f := range files {
		p, ok, err := read(f)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case ok:
			pairs = append(pairs, p)
		}
	}
	if len(pairs) == 0 && wrong == nil {
		wrong = append(wrong, fmt.Errorf("%s holds no certificate: put a file in it that ends in .pem or .crt, with its key", strings.Join(s.places, ", ")))
	}
	s.seen = seen
	if s.err = errors.Join(wrong...); s.err != nil {
		return
	}
	s.pairs = pairs
	s.names = index(pairs)
}

// index finds the certificate for each name. Where several have a name, the one counts that is valid longest.
func index(pairs []pair) map[string]*tls.Certificate {
	byEnd := slices.SortedFunc(slices.Values(pairs), func(a, b pair) int {
		return cmp.Or(a.certificate.Leaf.NotAfter.Compare(b.certificate.Leaf.NotAfter), strings.Compare(b.file, a.file))
	})
	names := map[string]*tls.Certificate{}
	for _, p := range byEnd {
		for _, n := range namesOf(p.certificate) {
			names[strings.ToLower(n)] = p.certificate
		}
	}
	return names
}

func namesOf(c *tls.Certificate) []string {
	if len(c.Leaf.DNSNames) == 0 && c.Leaf.Subject.CommonName != "" {
		return []string{c.Leaf.Subject.CommonName}
	}
	return c.Leaf.DNSNames
}
