package effect

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sysctlRoot is where the kernel shows its settings.
var sysctlRoot = "/proc/sys"

func sysctlPath(name string) string {
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, ".", "/")
	}
	return filepath.Join(sysctlRoot, name)
}

func readSysctl(name string) (string, error) {
	b, err := os.ReadFile(sysctlPath(name))
	return strings.Join(strings.Fields(string(b)), " "), err
}

func writeSysctl(name, value string) error {
	return os.WriteFile(sysctlPath(name), []byte(value), 0o600) //nolint:gosec // the file is the kernel's
}

// setSysctls gives each wanted sysctl its value, and the others back what they had.
func (h *Host) setSysctls(want []Wanted, prune bool, done *Changes, fail func(string, error)) {
	wanted := map[string]bool{}
	for _, w := range want {
		for _, name := range slices.Sorted(maps.Keys(w.Effects.Sysctls)) {
			wanted[name] = true
			fail(w.Group, h.setSysctl(name, w.Effects.Sysctls[name], done))
		}
	}
	if !prune {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(h.ledger.Sysctls)) {
		if !wanted[name] {
			fail("", h.resetSysctl(name, done))
		}
	}
}

func (h *Host) setSysctl(name, value string, done *Changes) error {
	value = strings.Join(strings.Fields(value), " ")
	now, err := readSysctl(name)
	if err != nil {
		return fmt.Errorf("the sysctl %s cannot be read: %w", name, err)
	}
	if now == value {
		return nil
	}
	text := fmt.Sprintf("sysctl %s = %s", name, value)
	note, known := h.ledger.Sysctls[name]
	if !known {
		note.Before = now
	}
	if !known || note.Value != value {
		note.Value = value
		h.ledger.Sysctls[name] = note
		if err := h.ledger.write(); err != nil {
			return err
		}
		done.Added = append(done.Added, text)
	} else {
		done.Restored = append(done.Restored, text)
	}
	if err := writeSysctl(name, value); err != nil {
		return fmt.Errorf("the sysctl %s cannot be set to %s: %w", name, value, err)
	}
	return nil
}

// resetSysctl gives a sysctl back what it had, unless somebody else has changed it meanwhile.
func (h *Host) resetSysctl(name string, done *Changes) error {
	note := h.ledger.Sysctls[name]
	delete(h.ledger.Sysctls, name)
	now, err := readSysctl(name)
	if err == nil && now == note.Value && now != note.Before {
		err = writeSysctl(name, note.Before)
		done.Removed = append(done.Removed, fmt.Sprintf("sysctl %s, which is %s again", name, note.Before))
	}
	if err != nil {
		err = fmt.Errorf("the sysctl %s cannot be set back to %s: %w", name, note.Before, err)
	}
	if e := h.ledger.write(); err == nil {
		err = e
	}
	return err
}
