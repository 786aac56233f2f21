package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"holdfast/cmd/holdfast/stage"
	"holdfast/failover/lab"
)

// cuts are the ways that are cut: the second does not hear the first.
type cuts map[[2]string]bool

// reach reports whether two machines reach each other.
func (c cuts) reach(a, b string) bool { return !c[[2]string{a, b}] && !c[[2]string{b, a}] }

// partition is a cluster of three whose machines are parted, and what it does when it has no leader.
type partition struct {
	name, onLoss string
	voteless     bool  // n3 is no server: then n1 and n2 are the voters
	witness      bool  // n3 is a witness
	short        []int // the shapes that are played if not all are, bits of pairs
}

var partitions = []partition{
	{name: "hold", onLoss: "hold", short: []int{1, 3, 7}}, // a pair is apart, one machine is alone, all are; the others are the same with other names
	{name: "release", onLoss: "release", short: []int{7}},
	{name: "hold, a witness", onLoss: "hold", witness: true, short: []int{6}},
	{name: "hold, n3 has no vote", onLoss: "hold", voteless: true, short: []int{1, 3}},
	{name: "release, n3 has no vote", onLoss: "release", voteless: true, short: []int{1}},
}

var (
	partedPairs = [][2]string{{"n1", "n2"}, {"n1", "n3"}, {"n2", "n3"}}
	partedWays  = append(slices.Clone(partedPairs), [2]string{"n2", "n1"}, [2]string{"n3", "n1"}, [2]string{"n3", "n2"})
)

// served reports whether the address is to be served, by a machine that held it when the network was as it is for the last time. With a leader it is:
// whoever leads can hold it, or is a witness beside somebody who can. Without one it is where the holder reaches every voter, and none follows anybody.
func (p partition) served(c cuts, holder string) bool {
	switch {
	case p.voteless:
		return c.reach("n1", "n2") || p.onLoss == "hold" && holder == "n3" && c.reach("n3", "n1") && c.reach("n3", "n2")
	default:
		return slices.ContainsFunc(partedPairs, func(x [2]string) bool { return c.reach(x[0], x[1]) })
	}
}

// TestPartitions parts three machines, and heals them way by way, in one order and in the other. No two machines ever answer. Where a majority reaches
// each other the address is served again within 3 s; where none does it is silent, unless the group is to be held and the holder reaches every voter:
// then it is served without a gap.
//
// With HOLDFAST_LAB_LENGTH=full every way is parted by itself, and all 64 shapes are played in both orders.
func TestPartitions(t *testing.T) {
	full := os.Getenv("HOLDFAST_LAB_LENGTH") == "full"
	for _, p := range partitions {
		t.Run(p.name, func(t *testing.T) {
			o := stage.Options{Group: fmt.Sprintf("service = \"web\"\n  vip \"%s/24\" {}\n  prefer = [\"n3\", \"n1\", \"n2\"]\n  hold_down = \"0s\"\n  on_quorum_loss = %q", stage.VIP4, p.onLoss)}
			if p.witness {
				o.Witness = []string{"n3"}
			}
			if p.voteless {
				o.Voteless = []string{"n3"}
				o.Extra = `failover { lease_ttl = "1500ms" }` // by its end the voters have to know that nobody leads
			}
			s := onStage(t, o)
			if full {
				for shape := 1; shape < 1<<len(partedWays); shape++ {
					for _, reverse := range []bool{false, true} {
						p.play(t, s, shape, partedWays, reverse)
					}
				}
				return
			}
			for i, shape := range p.short {
				p.play(t, s, shape, partedPairs, i%2 == 1)
			}
		})
	}
}

// play plays one shape: a bit for each of the ways that is cut, or for each pair, in both directions.
func (p partition) play(t *testing.T, s *stage.Stage, shape int, bits [][2]string, reverse bool) {
	t.Helper()
	if t.Failed() {
		return // the stage is not as the next shape expects it
	}
	var ways [][2]string
	for i, w := range bits {
		if shape&(1<<i) == 0 {
			continue
		}
		ways = append(ways, w)
		if len(bits) == len(partedPairs) {
			ways = append(ways, [2]string{w[1], w[0]})
		}
	}
	name := fmt.Sprintf("%02x", shape)
	if reverse {
		name += " reversed"
		slices.Reverse(ways)
	}
	t.Run(name, func(t *testing.T) {
		amiss := p.parted(t, s, ways)
		// Who goes on without a leader hears of every voter in time, or it is over: on a busy machine it has six tries.
		for try := 1; try < 6 && len(amiss) > 0 && !t.Failed() && p.voteless && p.onLoss == "hold"; try++ {
			t.Log(amiss)
			amiss = p.parted(t, s, ways)
		}
		for _, a := range amiss {
			t.Error(a)
		}
	})
}

// parted plays one shape, from a settled cluster to a settled cluster, and heals the ways in their order. It answers where the
// address was not served though it was to be.
func (p partition) parted(t *testing.T, s *stage.Stage, ways [][2]string) (amiss []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*labLimit)
	defer cancel()
	var probe *lab.Probe // of the address from when it is served on
	var holder, leader string
	for probe == nil {
		var err error
		if holder, leader, err = s.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		if p.voteless && holder != "n3" {
			if err := s.Put(ctx, leader, "/v1/failover/group/web/move?to=n3"); err != nil {
				t.Fatal(err)
			}
			holder = "n3"
		}
		probe = answered(ctx, t, s, holder) // where the cluster has moved on meanwhile, it is asked again
	}
	defer probe.Close()
	lease := 1500 * time.Millisecond
	if p.voteless {
		lease = 2500 * time.Millisecond
	}
	all, throughout := len(ways), true
	is := cuts{}
	for _, w := range ways {
		is[w] = true
		if err := s.Lab.CutOneWay(w[0], w[1]); err != nil {
			t.Fatal(err)
		}
	}
	for {
		want := p.served(is, holder)
		throughout = throughout && want && p.voteless && !is.reach("n1", "n2")
		began := time.Now()
		ok := eventuallyHeld(ctx, probe, want, began.Add(lease), began.Add(lease+8*time.Second)) // the promise is 3 s, on a machine that is not busy
		t.Logf("cut %v: served is to be %v, and is so after %s", ways, want, time.Since(began).Round(time.Millisecond))
		switch {
		case !ok && want:
			amiss = append(amiss, fmt.Sprintf("cut %v: nobody answers the address for long, and it is to be served", ways))
		case !ok:
			t.Errorf("cut %v: the address is answered by %q, and nobody is to serve it", ways, probe.Holder())
		}
		holder = probe.Holder()
		// Half of the ways are healed, then the others.
		next := ways[min(len(ways), max(1, all/2)):]
		for _, w := range ways[:len(ways)-len(next)] {
			delete(is, w)
			if err := s.Lab.MendOneWay(w[0], w[1]); err != nil {
				t.Fatal(err)
			}
		}
		if ways = next; len(ways) == 0 {
			break
		}
	}
	if _, _, err := s.Settle(ctx); err != nil {
		t.Error(err)
	}
	if err := probe.Await(ctx, ""); err != nil {
		t.Error(err)
	}
	rep := probe.Close()
	t.Logf("leader %s:\n%s", leader, rep)
	if rep.Two > 0 {
		t.Errorf("two machines served at once:\n%s", rep.Detail())
	}
	if throughout && rep.Outage > time.Second {
		amiss = append(amiss, fmt.Sprintf("every voter could let the holder go on, and there was an outage of %s", rep.Outage))
	}
	return amiss
}

// answered begins to ask for the address once its holder answers there. It is nil where that does not come about.
func answered(ctx context.Context, t *testing.T, s *stage.Stage, holder string) *lab.Probe {
	t.Helper()
	soon, cancel := context.WithTimeout(ctx, labLimit/6)
	defer cancel()
	open := func() *lab.Probe {
		p := s.Lab.NewProbe(lab.ProbeOptions{VIP: stage.VIP4})
		if err := p.Open(ctx); err != nil {
			t.Fatal(err)
		}
		if p.Await(soon, holder) != nil {
			p.Close()
			return nil
		}
		return p
	}
	first := open()
	if first == nil {
		return nil
	}
	defer first.Close() // what it has seen begins before the address was served
	return open()
}

// eventuallyHeld reports whether at some moment between two an address was answered, or not, as wanted, and was so still a while later.
func eventuallyHeld(ctx context.Context, p *lab.Probe, wanted bool, from, to time.Time) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var since time.Time
	for time.Now().Before(to) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
		switch {
		case (p.Holder() != "") != wanted:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Now().After(from) && time.Since(since) > 300*time.Millisecond:
			return true
		}
	}
	return false
}
