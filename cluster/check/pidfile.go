package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// pidFile finds the process whose ID a file holds.
//
// A number in a file outlives its process and may come to mean another one. So once the process has been seen to end, the
// file is not believed before it is written again. A file that was stale before the agent started cannot be told from a good one.
type pidFile struct {
	path  string
	stale fs.FileInfo // the file as it was when its process had ended, nil for none
}

const maxPIDFile = 64 // bytes

func (p *pidFile) find(context.Context) (int, string, error) {
	f, err := os.Open(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", fmt.Errorf("the pid file %s does not exist", p.path)
	}
	if err != nil {
		return 0, "", fmt.Errorf("the pid file cannot be read: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPIDFile))
	if err != nil {
		return 0, "", fmt.Errorf("the pid file cannot be read: %w", err)
	}
	pid, err := parsePID(b)
	if err != nil {
		return 0, "", fmt.Errorf("the pid file %s holds %w", p.path, err)
	}
	what := fmt.Sprintf("process %d of %s", pid, p.path)
	if now, err := f.Stat(); err == nil && p.stale != nil && os.SameFile(p.stale, now) && p.stale.ModTime().Equal(now.ModTime()) {
		return 0, "", &goneError{what, "has ended", nil}
	}
	return pid, what, nil
}

func (p *pidFile) ended(pid int) {
	p.stale = nil
	if now, _, err := p.find(context.Background()); err != nil || now != pid {
		return // written again already, or gone
	}
	if info, err := os.Stat(p.path); err == nil {
		p.stale = info
	}
}

// parsePID reads a process ID: the first word, for some programs write more behind it.
func parsePID(b []byte) (int, error) {
	words := strings.Fields(string(b))
	if len(words) == 0 {
		return 0, errors.New("nothing")
	}
	pid, err := strconv.ParseInt(words[0], 10, 32)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("%q, which is no process ID", words[0])
	}
	return int(pid), nil
}
