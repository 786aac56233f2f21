//go:build linux

package rootless

import (
	"errors"
	"os/exec"
	"testing"
)

func TestExitCode(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 128 + 15} {
		if got, err := exitCode(exec.Command("sh", "-c", script).Run()); got != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", script, got, err, want)
		}
	}
	if _, err := exitCode(errors.New("no such thing")); err == nil {
		t.Error("an error that is no exit passes for one")
	}
}
