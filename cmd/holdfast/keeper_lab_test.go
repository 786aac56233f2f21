package main

import (
	"context"
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
	lengths, err := stage.LengthsOf("")
	if err != nil {
		t.Fatal(err)
	}
	s := onStage(t, stage.Options{Extra: `failover { fence = "exec" }`})
	for _, f := range stage.Faults(lengths) {
		if !slices.Contains([]string{"check", "kill", "freeze", "cut"}, f.Name) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), labLimit)
			defer cancel()
			x, err := s.Begin(ctx, f.Role)
			if err != nil {
				t.Fatal(err)
			}
			err = f.Run(ctx, x)
			if f.Mend != nil && err == nil {
				err = f.Mend(ctx, x)
			}
			if err == nil {
				err = x.AsPlanned(ctx)
			}
			v4, v6 := x.End()
			t.Logf("holder %s, leader %s:\n%s\n%s", x.Holder, x.Leader, v4, v6)
			if err != nil {
				t.Error(err)
			}
			if v4.Two > 0 || v6.Two > 0 {
				t.Errorf("two machines served at once:\n%s\n%s", v4.Detail(), v6.Detail())
			}
		})
		if t.Failed() {
			return
		}
	}
}
