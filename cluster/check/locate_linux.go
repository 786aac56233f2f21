package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"

	"holdfast/cluster"
)

// locate finds the process that a check names, and words for it.
func locate(ctx context.Context, d *cluster.ProcessCheck) (pid int, what string, err error) {
	switch {
	case d.PIDFile != "":
		return fromPIDFile(d.PIDFile)
	case d.Command != "":
		return fromCommand(d.Command)
	}
	return fromUnit(ctx, d.Unit)
}

func fromPIDFile(file string) (int, string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, "", fmt.Errorf("the pid file cannot be read: %w", err)
	}
	text := strings.TrimSpace(string(b[:min(len(b), 64)]))
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 0 {
		return 0, "", fmt.Errorf("the pid file %s holds %q, which is no process ID", file, text)
	}
	what := fmt.Sprintf("process %d of %s", pid, file)
	if zombie(pid) {
		return 0, "", fmt.Errorf("%s has ended", what)
	}
	return pid, what, nil
}

// zombie reports whether the process has ended and only waits for its parent to notice.
func zombie(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return true
	}
	i := bytes.LastIndexByte(b, ')')
	return i >= 0 && len(b) > i+2 && b[i+2] == 'Z'
}

// fromCommand looks for the oldest process whose command line begins as wanted.
func fromCommand(command string) (int, string, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, "", err
	}
	best := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || (best != 0 && pid > best) {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || len(b) == 0 {
			continue
		}
		line := string(bytes.ReplaceAll(bytes.TrimRight(b, "\x00"), []byte{0}, []byte{' '}))
		if line == command || strings.HasPrefix(line, command+" ") {
			best = pid
		}
	}
	if best == 0 {
		return 0, "", fmt.Errorf("no process runs %q", command)
	}
	return best, fmt.Sprintf("process %d (%s)", best, command), nil
}

// fromUnit asks systemd for the main process of a unit.
func fromUnit(ctx context.Context, unit string) (int, string, error) {
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return 0, "", fmt.Errorf("systemd cannot be asked about the unit %s: %w", unit, err)
	}
	defer conn.Close()
	prop, err := conn.GetServicePropertyContext(ctx, unit, "MainPID")
	if err != nil {
		return 0, "", fmt.Errorf("systemd does not know the unit %s: %w", unit, err)
	}
	pid, ok := prop.Value.Value().(uint32)
	if !ok || pid == 0 {
		return 0, "", errors.New("the unit " + unit + " is not running")
	}
	return int(pid), fmt.Sprintf("process %d of unit %s", pid, unit), nil
}
