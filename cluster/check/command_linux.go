package check

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// command finds the oldest process whose command line begins as wanted.
type command struct{ line string }

func (c *command) find(ctx context.Context) (int, string, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return 0, "", err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return 0, "", err
	}
	best, since := 0, uint64(math.MaxUint64)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() || !c.matches(name) {
			continue
		}
		if st, ok := statOf(name); ok && (st.began < since || st.began == since && pid < best) {
			best, since = pid, st.began
		}
		if ctx.Err() != nil {
			return 0, "", ctx.Err()
		}
	}
	if best == 0 {
		return 0, "", fmt.Errorf("no process runs %q", c.line)
	}
	return best, fmt.Sprintf("process %d (%s)", best, c.line), nil
}

func (c *command) ended(int) {}

// matches reports whether the process's command line is the wanted one or goes on behind it. That of a zombie is empty.
func (c *command) matches(pid string) bool {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	if err != nil || len(b) == 0 {
		return false
	}
	line := string(bytes.ReplaceAll(bytes.TrimRight(b, "\x00"), []byte{0}, []byte{' '}))
	return line == c.line || strings.HasPrefix(line, c.line+" ")
}
