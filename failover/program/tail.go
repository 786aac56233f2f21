package program

import (
	"strings"
	"sync"
)

// MaxOutput is how much of a program's output is kept: its end.
const MaxOutput = 4096

// Tail keeps the end of what is written to it. Several goroutines may write.
type Tail struct {
	Limit int // in bytes

	mu   sync.Mutex // guards following
	kept []byte
	cut  bool
}

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	t.cut = t.cut || len(t.kept)+n > t.Limit
	p = p[max(0, n-t.Limit):]
	if over := len(t.kept) + len(p) - t.Limit; over > 0 {
		t.kept = t.kept[:copy(t.kept, t.kept[over:])]
	}
	t.kept = append(t.kept, p...)
	return n, nil
}

// String is what was kept, behind a mark where something was lost.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.ToValidUTF8(string(t.kept), "\uFFFD")
	if t.cut {
		return "…" + s
	}
	return s
}
