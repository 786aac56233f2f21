package failovertest

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Cell is a replicated state without a cluster: an Agent whose writes are applied at once.
type Cell struct {
	t     testing.TB
	name  string
	Store *state.Store

	mu     sync.Mutex // guards following
	index  uint64
	refuse error             // what Apply fails with while it is set
	seen   []cluster.Command // what Apply was given
}

// NewCell is the state of a cluster as the member name has it.
func NewCell(tb testing.TB, name string) *Cell {
	tb.Helper()
	return &Cell{t: tb, name: name, Store: state.New(), index: 9}
}

// Name is the member's.
func (c *Cell) Name() string { return c.name }

// WatchView is the Agent's.
func (c *Cell) WatchView() *state.View { return c.Store.WatchView() }

// Apply is the Agent's: it may fail.
func (c *Cell) Apply(ctx context.Context, _ cluster.WriteOptions, cmd cluster.Command) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, cmd)
	if c.refuse != nil {
		return nil, c.refuse
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.applyLocked(cmd)
}

func (c *Cell) applyLocked(cmd cluster.Command) (any, error) {
	c.index++
	r := c.Store.Apply([]state.Entry{{Index: c.index, Time: time.Now(), Command: cmd}})
	return r[0].Value, r[0].Err
}

// Do applies commands that must succeed.
func (c *Cell) Do(cmds ...cluster.Command) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range cmds {
		if _, err := c.applyLocked(cmd); err != nil {
			c.t.Fatalf("%T: %v", cmd, err)
		}
	}
}

// FailWith makes the following writes fail; nil ends that.
func (c *Cell) FailWith(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = err
}

// Written is the number of writes that were asked for.
func (c *Cell) Written() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

// Seen are the writes that were asked for.
func (c *Cell) Seen() []cluster.Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// Assignment is that of a group, the zero value for none.
func (c *Cell) Assignment(group string) cluster.Assignment {
	if a := c.Store.View().Assignment(group); a != nil {
		return *a
	}
	return cluster.Assignment{}
}

// Told is the timeline's sentences of a kind.
func (c *Cell) Told(kind cluster.TransitionKind) []string {
	var out []string
	for _, t := range c.Store.View().Timeline("", 0) {
		if t.Kind == kind {
			out = append(out, t.Why)
		}
	}
	return out
}

// Restore lets a snapshot supersede the state, as an operator's restore does.
func (c *Cell) Restore(from *state.Store) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	sn, r := from.Snapshot(), c.Store.Restore()
	if err := sn.Records(r.Add); err != nil { // from is not used any more
		c.t.Fatal(err)
	}
	c.index++
	if err := r.Supersede(c.index, sn.StateIndex(), time.Unix(1, 0)); err != nil {
		c.t.Fatal(err)
	}
}

// MachineOn registers a node with an agent, whose lease channel is live.
func MachineOn(node string) []cluster.Command {
	return []cluster.Command{NodeCheck(node, cluster.SerfHealth, "Serf Health Status", cluster.Passing, ""), PresenceOf(node, true, "its lease channel is live")}
}

// Three are machines n1, n2 and n3.
func Three() []cluster.Command {
	return slices.Concat(MachineOn("n1"), MachineOn("n2"), MachineOn("n3"))
}

// NodeCheck registers a node with a check of its own.
func NodeCheck(node, id, name string, s cluster.Status, output string) cluster.Command {
	return &cluster.Register{
		Node:   cluster.Node{Name: node, ID: "id-" + node, Address: "10.0.0.1"},
		Checks: []*cluster.Check{{Node: node, ID: id, Name: name, Status: s, Output: output, Notes: output}},
	}
}

// PresenceOf is what the leader says of a machine.
func PresenceOf(node string, live bool, why string) *cluster.Steer {
	return &cluster.Steer{Presences: []cluster.Presence{{Node: node, Live: live, Why: why, Since: time.Unix(1, 0)}}}
}

// Unable is the presence of a machine that cannot carry a group.
func Unable(node, group, why string) cluster.Command {
	s := PresenceOf(node, true, "its lease channel is live")
	s.Presences[0].Unable = map[string]string{group: why}
	return s
}

// Instance registers an instance of a service with one check.
func Instance(node, id, service string, s cluster.Status, output string) cluster.Command {
	return &cluster.Register{
		Node: cluster.Node{Name: node, ID: "id-" + node, Address: "10.0.0.1"}, Service: &cluster.Service{ID: id, Name: service},
		Checks: []*cluster.Check{{Node: node, ID: id + "-up", Name: id + " up", Status: s, Output: output, ServiceID: id}},
	}
}

// VIPOf is an address with the prefix of its network.
func VIPOf(prefix string) cluster.VIP { return cluster.VIP{Prefix: netip.MustParsePrefix(prefix)} }

// GroupOf is a group with one address or more.
func GroupOf(name string, vips ...string) cluster.Group {
	g := cluster.Group{Name: name}
	for _, v := range vips {
		g.VIPs = append(g.VIPs, VIPOf(v))
	}
	return g
}

// Put writes a group.
func Put(g cluster.Group) cluster.Command { return &cluster.PutGroup{Group: g} }

// Assign commits the next epoch of a group.
func (c *Cell) Assign(group, node string, moved bool) cluster.Assignment {
	c.t.Helper()
	v := c.Store.View()
	a := cluster.Assignment{Group: group, Node: node, Epoch: 1, Moved: moved, VIPs: v.Group(group).VIPs, Why: "so it was decided", Since: time.Unix(1, 0)}
	if old := v.Assignment(group); old != nil {
		a.Epoch = old.Epoch + 1
	}
	if node == "" {
		a.VIPs = nil
	}
	c.Do(&cluster.Steer{Assignments: []cluster.Assignment{a}})
	return a
}

// Quiet is a log that nobody reads.
func Quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Patience bounds every wait of a test.
const Patience = 10 * time.Second

// Eventually waits until ok holds, looking again and again.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("after %s still not: %s", Patience, what)
		}
	}
}

// Within waits for a channel to be closed or to give something.
func Within[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case x := <-ch:
		return x
	case <-time.After(Patience):
		t.Fatalf("after %s still not: %s", Patience, what)
		panic("unreachable")
	}
}
