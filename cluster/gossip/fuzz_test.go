package gossip

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
	"holdfast/cluster/gossip/message"
)

func node(name string) cluster.Member {
	return cluster.Member{Name: name, Addr: netip.MustParseAddrPort("10.0.0.1:8301"), Tags: map[string]string{"name": name}}
}

// fresh is a pool that was never opened, to be given bytes.
func fresh() *Pool {
	p := New(quick("n1"), slog.New(slog.DiscardHandler))
	p.change(func(t *membership.Table) {
		t.Joined(node("n1"))
		t.Joined(node("n2"))
		t.Joined(node("n3"))
		t.Lost("n3")
	})
	return p
}

func FuzzMessage(f *testing.F) {
	for _, i := range []message.Intent{
		{Kind: message.JoinIntent, Name: "n1", Time: 300},
		{Kind: message.LeaveIntent, Name: "n2", Time: 1},
		{Kind: message.PruneIntent, Name: "n3", Time: 2},
		{Kind: message.LeaveIntent, Name: "n1", Time: 1 << 40},
	} {
		f.Add(i.Encode())
	}
	f.Add(message.UserEvent{Time: 3, Origin: "n2", Payload: []byte("x")}.Encode())
	f.Add(message.KeyRequest{ID: 1, From: "n2", Op: cluster.ListKeys}.Encode())
	f.Add(message.KeyAnswer{ID: 1, Keys: [][]byte{{1}}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p := fresh()
		_ = p.receive(b)
		checkSane(t, p)
		before := len(p.events.take())
		_ = p.receive(b) // heard twice, it changes nothing
		if after := len(p.events.take()); after != 0 {
			t.Fatalf("%d events, then %d of the same message", before, after)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add(message.State{Clock: 300, Events: 2, Known: []message.Entry{{Status: message.EntryLeft, Name: "n4", Time: 8, Addr: netip.MustParseAddrPort("[fd00::4]:8301")}}, Recent: []message.UserEvent{{Time: 2, Origin: "n1", Payload: []byte("hi")}}, Owner: "id-a"}.Encode())
	f.Add(message.State{Known: []message.Entry{{Status: message.EntryLeaving, Time: 5, Name: "n1"}, {Status: message.EntryPruned, Time: 6, Name: "n3"}}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p := fresh()
		delegate{p}.MergeRemoteState(b, true)
		checkSane(t, p)
		if _, err := message.DecodeState(p.state().Encode()); err != nil {
			t.Fatalf("what it tells then cannot be read: %v", err)
		}
	})
}

// checkSane fails where bytes from outside have upset what must hold.
func checkSane(t *testing.T, p *Pool) {
	t.Helper()
	if got := p.Self().Status; got != cluster.StatusAlive {
		t.Fatalf("it believes that it is %v", got)
	}
	if now := p.state().Clock; now > 3<<32 {
		t.Fatalf("the clock jumped to %d", now)
	}
	for _, m := range p.Members() {
		if err := message.CheckName(m.Name); err != nil || !m.Addr.IsValid() || m.Status == cluster.StatusNone {
			t.Fatalf("member %+v, %v", m, err)
		}
	}
	if got := p.living.Load(); got < 1 || got > 2 {
		t.Fatalf("%d are alive", got)
	}
}

func FuzzCoordinate(f *testing.F) {
	f.Add(message.EncodeCoordinate(cluster.Coordinate{Vec: []float64{0.5, 0, 0, 0, 0, 0, 0, -1}, Error: 1.5, Adjustment: -0.25, Height: 0.125}), int64(time.Millisecond))
	f.Add([]byte{1, 8}, int64(-1))
	f.Fuzz(func(t *testing.T, b []byte, rtt int64) {
		p := fresh()
		d := delegate{p}
		for range 3 {
			d.NotifyPingComplete(&memberlist.Node{Name: "n2"}, time.Duration(rtt), b)
		}
		c := p.Coordinate()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		if back, err := message.DecodeCoordinate(d.AckPayload()); err != nil || !back.Equal(&c) {
			t.Fatalf("%v is told as %v, %v", &c, &back, err)
		}
		d.NotifyLeave(&memberlist.Node{Name: "n2"})
	})
}
