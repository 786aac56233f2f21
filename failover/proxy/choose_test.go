package proxy

import (
	"fmt"
	"net/netip"
	"testing"
)

func poolOf(weights ...int) *pool {
	var bs []Backend
	for i, w := range weights {
		bs = append(bs, Backend{ID: fmt.Sprintf("b%d", i), Addr: fmt.Sprintf("10.0.0.%d:1", i+1), Weight: w})
	}
	next, _ := (&table{}).merge(map[string][]Backend{"": bs})
	return next.pools[""]
}

// spreadOver counts whom n clients get. Each stays connected.
func spreadOver(p *pool, b Balance, n int) map[string]int {
	got := map[string]int{}
	for i := range n {
		t := p.choose(b, netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), nil)
		t.active.Add(1)
		got[t.id]++
	}
	return got
}

func TestShares(t *testing.T) {
	for _, b := range []Balance{Least, RoundRobin, Source} {
		got := spreadOver(poolOf(1, 2, 0, 1), b, 4000)
		slack := 0
		if b == Source {
			slack = 200
		}
		for id, want := range map[string]int{"b0": 1000, "b1": 2000, "b2": 0, "b3": 1000} {
			if n := got[id]; n < want-slack || n > want+slack || want == 0 && n > 0 {
				t.Errorf("%s: %s got %d clients, want %d", b, id, n, want)
			}
		}
	}
}

func TestRoundRobinHasNoBursts(t *testing.T) {
	p, last := poolOf(3, 2, 1), ""
	runs := 0
	for range 60 {
		x := p.choose(RoundRobin, netip.Addr{}, nil)
		if x.id == last {
			runs++
		}
		last = x.id
	}
	if runs > 10 {
		t.Errorf("%d of 60 went where the one before went", runs)
	}
}

// TestSourceStays takes one backend away: only its own clients go elsewhere. The choice is the same in every process, for the proxy's address
// may move.
func TestSourceStays(t *testing.T) {
	p := poolOf(1, 1, 1)
	for i := range 1000 {
		a := netip.AddrFrom4([4]byte{192, 168, byte(i >> 8), byte(i)})
		before := p.choose(Source, a, nil)
		after := p.choose(Source, a, []*target{p.targets[0]})
		if before != p.targets[0] && after != before {
			t.Fatalf("%s goes from %s to %s because b0 has gone", a, before.id, after.id)
		}
		if v6 := p.choose(Source, netip.AddrFrom16(a.As16()), nil); v6 != before {
			t.Fatalf("%s goes elsewhere in its IPv6 form", a)
		}
	}
	if got := p.choose(Source, netip.MustParseAddr("203.0.113.9"), nil).id; got != "b2" {
		t.Errorf("203.0.113.9 goes to %s, and went to b2 in the release before: clients would lose their backend at an upgrade", got)
	}
}

func TestDoubtedComesLast(t *testing.T) {
	p := poolOf(1, 1)
	p.targets[0].fail(errClosed)
	for range 10 {
		if x := p.choose(Least, netip.Addr{}, nil); x.id != "b1" {
			t.Fatalf("got %s", x.id)
		}
	}
	if x := p.choose(Least, netip.Addr{}, p.targets[1:]); x == nil || x.id != "b0" {
		t.Errorf("with nobody else there: %v", x)
	}
	if x := p.choose(Least, netip.Addr{}, p.targets); x != nil {
		t.Errorf("with all tried: %v", x)
	}
}

// TestWeightKeeps changes a weight, and wants the backend to keep what it counts.
func TestWeightKeeps(t *testing.T) {
	p := opened(t, nil)
	p.Set(Table{Routes: plain(Backend{ID: "a", Addr: "127.0.0.1:1", Weight: 1})})
	x := p.table.Load().pools[""].targets[0]
	p.Set(Table{Routes: plain(Backend{ID: "a", Addr: "127.0.0.1:1", Weight: 0})})
	if y := p.table.Load().pools[""].targets[0]; y != x || y.weight.Load() != 0 {
		t.Errorf("another weight made another backend: %+v", p.Status())
	}
}
