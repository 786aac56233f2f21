package htpasswd

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// every is how often at most the file is looked at.
const every = time.Second

// remembered is how many right passwords are remembered.
const remembered = 1000

// File is a file of names and passwords.
type File struct {
	path   string
	trying chan struct{} // whoever tries a password

	mu     sync.Mutex // guards following
	seen   string     // the file as it was when it was last read
	looked time.Time
	hashes map[string]string // by name
	right  map[[sha256.Size]byte]bool
	err    error
}

// Open reads a file.
func Open(path string) (*File, error) {
	f := &File{path: path, trying: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readLocked()
	return f, f.err
}

// Verify reports whether a name has this password. It is false, too, when ctx ends before it is its turn.
func (f *File) Verify(ctx context.Context, name, password string) bool {
	hash, ok := f.hash(name)
	if !ok {
		return false
	}
	proof := sha256.Sum256([]byte(name + "\x00" + hash + "\x00" + password))
	if f.wasRight(proof) {
		return true
	}
	select {
	case f.trying <- struct{}{}:
		defer func() { <-f.trying }()
	case <-ctx.Done():
		return false
	}
	if f.wasRight(proof) { // meanwhile
		return true
	}
	if !matches(hash, password) {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.right) >= remembered {
		clear(f.right)
	}
	f.right[proof] = true
	return true
}

func (f *File) hash(name string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) > every {
		f.readLocked()
	}
	h, ok := f.hashes[name]
	return h, ok
}

func (f *File) wasRight(proof [sha256.Size]byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.right[proof]
}

// readLocked reads the file if it is not as it was.
func (f *File) readLocked() {
	f.looked = time.Now()
	info, err := os.Stat(f.path)
	if err != nil {
		f.seen, f.err = "", fmt.Errorf("read the passwords: %w", err)
		return
	}
	seen := fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	if seen == f.seen {
		return
	}
	f.seen = seen
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.err = fmt.Errorf("read the passwords: %w", err)
		return
	}
	hashes, err := parse(string(text))
	if f.err = err; err != nil {
		f.err = fmt.Errorf("%s: %w", f.path, err)
		return
	}
	f.hashes, f.right = hashes, map[[sha256.Size]byte]bool{}
}

// parse reads the lines of a file.
func parse(text string) (map[string]string, error) {
	hashes := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, hash, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("line %d is not NAME:HASH", i+1)
		}
		if !known(hash) {
			return nil, fmt.Errorf("line %d: the password of %s is hashed in a way that is not known: write it with htpasswd -B, -m or -s", i+1, name)
		}
		hashes[name] = hash
	}
	return hashes, nil
}
