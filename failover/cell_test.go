package failover

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// cell is a replicated state without a cluster: an Agent whose writes are applied at once.
type cell struct {
	t     testing.TB
	name  string
	store *state.Store

	mu     sync.Mutex // guards following
	index  uint64
	refuse error             // what Apply fails with while it is set
	seen   []cluster.Command // what Apply was given
}

func newCell(tb testing.TB, name string) *cell {
	tb.Helper()
	return &cell{t: tb, name: name, store: state.New(), index: 9}
}

func (c *cell) Name() string           { return c.name }
func (c *cell) WatchView() *state.View { return c.store.WatchView() }

// Apply is the Agent's: it may fail.
func (c *cell) Apply(ctx context.Context, _ cluster.WriteOptions, cmd cluster.Command) (any, error) {
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

func (c *cell) applyLocked(cmd cluster.Command) (any, error) {
	c.index++
	r := c.store.Apply([]state.Entry{{Index: c.index, Time: time.Now(), Command: cmd}})
	return r[0].Value, r[0].Err
}

// do applies commands that must succeed.
func (c *cell) do(cmds ...cluster.Command) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range cmds {
		if _, err := c.applyLocked(cmd); err != nil {
			c.t.Fatalf("%T: %v", cmd, err)
		}
	}
}

// failWith makes the following writes fail; nil ends that.
func (c *cell) failWith(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = err
}

// written is the number of writes that were asked for.
func (c *cell) written() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

func (c *cell) assignment(group string) cluster.Assignment {
	if a := c.store.View().Assignment(group); a != nil {
		return *a
	}
	return cluster.Assignment{}
}

// told is the timeline's sentences of a kind.
func (c *cell) told(kind cluster.TransitionKind) []string {
	var out []string
	for _, t := range c.store.View().Timeline("", 0) {
		if t.Kind == kind {
			out = append(out, t.Why)
		}
	}
	return out
}

// machineOn registers a node with an agent, whose lease channel is live.
func machineOn(node string) []cluster.Command {
	return []cluster.Command{nodeCheck(node, cluster.SerfHealth, "Serf Health Status", cluster.Passing, ""), presenceOf(node, true, "its lease channel is live")}
}

func nodeCheck(node, id, name string, s cluster.Status, output string) cluster.Command {
	return &cluster.Register{
		Node:   cluster.Node{Name: node, ID: "id-" + node, Address: "10.0.0.1"},
		Checks: []*cluster.Check{{Node: node, ID: id, Name: name, Status: s, Output: output, Notes: output}},
	}
}

func presenceOf(node string, live bool, why string) *cluster.Steer {
	return &cluster.Steer{Presences: []cluster.Presence{{Node: node, Live: live, Why: why, Since: time.Unix(1, 0)}}}
}

func unable(node, group, why string) cluster.Command {
	s := presenceOf(node, true, "its lease channel is live")
	s.Presences[0].Unable = map[string]string{group: why}
	return s
}

// instance registers an instance of a service with one check.
func instance(node, id, service string, s cluster.Status, output string) cluster.Command {
	return &cluster.Register{
		Node: cluster.Node{Name: node, ID: "id-" + node, Address: "10.0.0.1"}, Service: &cluster.Service{ID: id, Name: service},
		Checks: []*cluster.Check{{Node: node, ID: id + "-up", Name: id + " up", Status: s, Output: output, ServiceID: id}},
	}
}

func vipOf(prefix string) cluster.VIP { return cluster.VIP{Prefix: netip.MustParsePrefix(prefix)} }

// groupOf is a group with one address or more.
func groupOf(name string, vips ...string) cluster.Group {
	g := cluster.Group{Name: name}
	for _, v := range vips {
		g.VIPs = append(g.VIPs, vipOf(v))
	}
	return g
}

func put(g cluster.Group) cluster.Command { return &cluster.PutGroup{Group: g} }

// assigned commits the next epoch of a group.
func (c *cell) assign(group, node string, moved bool) cluster.Assignment {
	c.t.Helper()
	v := c.store.View()
	a := cluster.Assignment{Group: group, Node: node, Epoch: 1, Moved: moved, VIPs: v.Group(group).VIPs, Why: "so it was decided", Since: time.Unix(1, 0)}
	if old := v.Assignment(group); old != nil {
		a.Epoch = old.Epoch + 1
	}
	if node == "" {
		a.VIPs = nil
	}
	c.do(&cluster.Steer{Assignments: []cluster.Assignment{a}})
	return a
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// patience bounds every wait of a test.
const patience = 10 * time.Second

// eventually waits until ok holds, looking again and again.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("after %s still not: %s", patience, what)
		}
	}
}

// within waits for a channel to be closed or to give something.
func within[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case x := <-ch:
		return x
	case <-time.After(patience):
		t.Fatalf("after %s still not: %s", patience, what)
		panic("unreachable")
	}
}
