package main

import (
	"os/exec"
	"slices"
	"testing"

	"holdfast/cmd/holdfast/stage"
)

// TestFaultsWithCommands plays what matters to a lease where the kernel enforces nothing: commands add the address, and the keeper removes it, also
// where the daemon is killed, stopped or cut off.
func TestFaultsWithCommands(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("the exec driver's commands on Linux need ip: install iproute2")
	}
	faults := slices.DeleteFunc(stage.Faults(stage.Short), func(f stage.Fault) bool {
		return !slices.Contains([]string{"check", "kill", "freeze", "cut"}, f.Name)
	})
	playFaults(t, onStage(t, stage.Options{Extra: `failover { fence = "exec" }`}), faults)
}
