package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"holdfast/cmd/holdfast/stage"
	"holdfast/failover/lab"
)

// TestPartitions parts three machines, with a group that is to be held without a leader: a pair is apart, one machine is alone, all are. With
// HOLDFAST_LAB_LENGTH=full each way is parted by itself, and all 64 shapes are played. No two machines ever answer; where two machines
// reach each other the address is served again within 3 s; where none do it is not, because the voters cannot let the holder go on.
func TestPartitions(t *testing.T) {
	full := os.Getenv("HOLDFAST_LAB_LENGTH") == "full"
	s := onStage(t, stage.Options{Group: fmt.Sprintf("service = \"web\"\n  vip \"%s/24\" {}\n  on_quorum_loss = \"hold\"", stage.VIP4)})
	pairs := [][2]string{{"n1", "n2"}, {"n1", "n3"}, {"n2", "n3"}}
	ways := append(pairs, [2]string{"n2", "n1"}, [2]string{"n3", "n1"}, [2]string{"n3", "n2"})
	n := 1 << len(pairs)
	if full {
		n = 1 << len(ways)
	}
	for shape := 1; shape < n; shape++ {
		if !full && shape != 1 && shape != 3 && shape != 7 {
			continue // the same with other names
		}
		cut := map[[2]string]bool{}
		for i, w := range ways {
			if shape&(1<<(i%len(ways))) != 0 && (full || i < len(pairs)) {
				cut[w] = true
				if !full {
					cut[[2]string{w[1], w[0]}] = true
				}
			}
		}
		t.Run(fmt.Sprintf("%02x", shape), func(t *testing.T) { parted(t, s, pairs, cut) })
		if t.Failed() {
			return
		}
	}
}

// parted plays one shape, from a settled cluster to a settled cluster.
func parted(t *testing.T, s *stage.Stage, pairs [][2]string, cut map[[2]string]bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), labLimit)
	defer cancel()
	holder, leader, err := s.Settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	probe := s.Lab.NewProbe(lab.ProbeOptions{VIP: stage.VIP4})
	if err := probe.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	if err := probe.Await(ctx, holder); err != nil {
		t.Fatal(err)
	}
	for w := range cut {
		if err := s.Lab.CutOneWay(w[0], w[1]); err != nil {
			t.Fatal(err)
		}
	}
	majority := false
	for _, p := range pairs {
		majority = majority || !cut[p] && !cut[[2]string{p[1], p[0]}]
	}
	// With a majority somebody serves within 3 s. Without one, whoever served is silent by the end of the lease.
	const wait = 8 * time.Second // the promise is 3 s, on a machine that is not busy
	parted := time.Now()
	settled := eventuallyHeld(ctx, probe, majority, parted.Add(1500*time.Millisecond), parted.Add(wait))
	t.Logf("as it must be after %s", time.Since(parted).Round(time.Millisecond))
	if err := s.Lab.Heal(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Settle(ctx); err != nil {
		t.Error(err)
	}
	rep := probe.Close()
	t.Logf("holder %s, leader %s, cut %v:\n%s", holder, leader, cut, rep)
	if rep.Two > 0 {
		t.Errorf("two machines served at once:\n%s", rep.Detail())
	}
	if !settled {
		t.Errorf("a majority reaches each other: %v; %s is answered by %q after %s", majority, stage.VIP4, probe.Holder(), wait)
	}
}

// eventuallyHeld reports whether at some moment between two an address was answered, or not, as wanted.
func eventuallyHeld(ctx context.Context, p *lab.Probe, wanted bool, from, to time.Time) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(to) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
		if time.Now().After(from) && (p.Holder() != "") == wanted {
			return true
		}
	}
	return false
}
