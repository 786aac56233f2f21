package main

import (
	"context"
	"os"
	"testing"
	"time"

	"holdfast/cmd/holdfast/stage"
)

// labLimit is how long a test waits for what must happen.
const labLimit = 60 * time.Second

// onStage opens three machines with real daemons.
func onStage(t *testing.T, o stage.Options) *stage.Stage {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Holdfast, o.Env, o.Dir = []string{self}, append(o.Env, asHoldfast+"=1"), t.TempDir()
	s, err := stage.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("HOLDFAST_TEST_LOGS") != "" {
			showLogs(t, s)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func showLogs(t *testing.T, s *stage.Stage) {
	t.Helper()
	for _, m := range s.Machines() {
		b, _ := os.ReadFile(s.LogFile(m)) // what is there is shown
		t.Logf("--- log of %s\n%s", m, b)
	}
}

// TestFaults plays every fault, one after the other on one stage; with HOLDFAST_LAB_LENGTH=full those that end by themselves as long as the promise says. Whatever happens, no two machines answer at once, and in the end the
// address is where the plan says. How long the outages are is the benchmark's business.
func TestFaults(t *testing.T) {
	lengths, err := stage.LengthsOf(os.Getenv("HOLDFAST_LAB_LENGTH"))
	if err != nil {
		t.Fatal(err)
	}
	s := onStage(t, stage.Options{})
	for _, f := range stage.Faults(lengths) {
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
			return // the stage is not as the next fault expects it
		}
	}
}
