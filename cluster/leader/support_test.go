package leader

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// fakeCluster is a member that leads: a state, a pool and a peer set.
type fakeCluster struct {
	store *state.Store

	mu      sync.Mutex // guards following
	index   uint64
	members []cluster.Member
	peers   []cluster.Peer
	cmds    []cluster.Command
	changes []string // of the peer set
	fail    func(cluster.Command) error
	removes func(id string)                // called before a peer is removed
	ill     map[string]cluster.ServerStats // servers that are not as they should be; a zero LastTerm is no answer
}

func (f *fakeCluster) ServerStats(_ context.Context, servers []cluster.Peer) map[string]cluster.ServerStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]cluster.ServerStats{}
	for _, s := range servers {
		stats, ill := f.ill[s.ID]
		switch {
		case !ill:
			out[s.ID] = cluster.ServerStats{LastTerm: 2, LastIndex: 1000}
		case stats.LastTerm > 0:
			out[s.ID] = stats
		}
	}
	return out
}

func (f *fakeCluster) Apply(ctx context.Context, cmd cluster.Command) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	f.cmds = append(f.cmds, cmd)
	if f.fail != nil {
		if err := f.fail(cmd); err != nil {
			return nil, err
		}
	}
	res := f.commit(cmd)
	return res.Value, res.Err
}

// commit writes an entry; mu is held.
func (f *fakeCluster) commit(cmd cluster.Command) state.Result {
	f.index++
	return f.store.Apply([]state.Entry{{Index: f.index, Time: time.Now(), Command: cmd}})[0]
}

func (f *fakeCluster) WatchView() *state.View { return f.store.WatchView() }

func (f *fakeCluster) Members() []cluster.Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.members)
}

func (f *fakeCluster) Peers() ([]cluster.Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.peers), nil
}

// AddPeer is as strict as Raft: an address belongs to one member, and who votes keeps its vote.
func (f *fakeCluster) AddPeer(_ context.Context, p cluster.Peer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, fmt.Sprintf("+%s %s %v", p.ID, p.Addr, p.Voter))
	for _, o := range f.peers {
		if o.Addr == p.Addr && o.ID != p.ID {
			return cluster.Errorf(cluster.Conflict, "the address %s belongs to %s", p.Addr, o.ID)
		}
	}
	for i := range f.peers {
		if f.peers[i].ID == p.ID {
			f.peers[i].Addr, f.peers[i].Voter = p.Addr, f.peers[i].Voter || p.Voter
			return nil
		}
	}
	f.peers = append(f.peers, p)
	return nil
}

func (f *fakeCluster) RemovePeer(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.removes != nil {
		f.removes(id)
	}
	had := len(f.peers)
	f.peers = slices.DeleteFunc(f.peers, func(p cluster.Peer) bool { return p.ID == id })
	if len(f.peers) < had {
		f.changes = append(f.changes, "-"+id)
	}
	return nil
}

// set changes the pool: each word is name:status or name:status:last byte of the address:ID:role.
func (f *fakeCluster) set(words string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setLocked(words)
}

func (f *fakeCluster) setLocked(words string) {
	f.members = nil
	for w := range strings.FieldsSeq(words) {
		f.members = append(f.members, member(w))
	}
}

func member(word string) cluster.Member {
	p := strings.Split(word, ":")
	for len(p) < 5 {
		p = append(p, "")
	}
	number := strings.TrimLeft(p[0], "ncx")
	status := map[string]cluster.MemberStatus{"alive": cluster.StatusAlive, "leaving": cluster.StatusLeaving, "left": cluster.StatusLeft, "failed": cluster.StatusFailed}[p[1]]
	if status == 0 {
		panic("no status in " + word)
	}
	last, id := number, "id-"+p[0]
	if p[2] != "" {
		last = p[2]
	}
	if p[3] != "" {
		id = p[3]
	}
	tags := map[string]string{cluster.TagRole: "consul", cluster.TagID: id, cluster.TagPort: "8300", cluster.TagBuild: "1.21.4:x"}
	if strings.HasPrefix(p[0], "c") || p[4] == "client" {
		tags[cluster.TagRole] = "node"
	}
	if p[4] == "nonvoter" {
		tags[cluster.TagNonVoter] = "1"
	}
	return cluster.Member{Name: p[0], Status: status, Tags: tags, Addr: netip.MustParseAddrPort("10.0.0." + last + ":8301")}
}

// nodes are the nodes of the catalog with their health, in order; an address only where it is not the usual one.
func (f *fakeCluster) nodes() string {
	var out []string
	v := f.store.View()
	for _, n := range v.Nodes() {
		word := n.Name
		if n.Address != "10.0.0."+strings.TrimLeft(n.Name, "nc") {
			word += "@" + n.Address
		}
		if n.ID != "id-"+n.Name {
			word += "#" + n.ID
		}
		for _, c := range v.NodeChecks(n.Name) {
			if c.ID == cluster.SerfHealth {
				word = fmt.Sprintf("%s=%s", word, c.Status)
			}
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

// seats are the peers, a non-voter in brackets.
func (f *fakeCluster) seats() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, p := range f.peers {
		word := strings.TrimPrefix(p.ID, "id-")
		if p.Addr != "10.0.0."+strings.TrimLeft(word, "nc")+":8300" {
			word += "@" + p.Addr
		}
		if !p.Voter {
			word = "(" + word + ")"
		}
		out = append(out, word)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// take is what commands were committed and how the peer set was changed since the last call. What every leader sees to at its beginning is
// left out.
func (f *fakeCluster) take() (cmds []cluster.Command, changes []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	cmds, changes = slices.DeleteFunc(f.cmds, func(c cluster.Command) bool {
		switch c.(type) {
		case *cluster.SetCARoot, *cluster.PutAutopilot:
			return true
		}
		return false
	}), f.changes
	f.cmds, f.changes = nil, nil
	return cmds, changes
}

func (f *fakeCluster) failing(fn func(cluster.Command) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fn
}

// lead begins a term of n1, which ends with the bubble.
func lead(t *testing.T, f *fakeCluster) *Term {
	t.Helper()
	opts := DefaultOptions()
	opts.Self, opts.Datacenter = "n1", "dc1"
	return leadWith(t, f, opts)
}

func leadWith(t *testing.T, f *fakeCluster, opts Options) *Term {
	t.Helper()
	term := New(f, opts, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); term.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	synctest.Wait()
	return term
}

func newFakeCluster() *fakeCluster { return &fakeCluster{store: state.New()} }

// running is a settled cluster of three servers and a client, led by n1.
func running(t *testing.T) (*fakeCluster, *Term) {
	t.Helper()
	f := newFakeCluster()
	f.set("n1:alive n2:alive n3:alive c4:alive")
	term := lead(t, f)
	wantNodes(t, f, "c4=passing n1=passing n2=passing n3=passing")
	wantSeats(t, f, "(c4) n1 n2 n3")
	f.take()
	return f, term
}

// news changes the pool and says so.
func news(f *fakeCluster, term *Term, words string) {
	f.set(words)
	term.MembersChanged("")
	synctest.Wait()
}

func wait(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the clock of a bubble
	synctest.Wait()
}

func wantNodes(t *testing.T, f *fakeCluster, want string) {
	t.Helper()
	if got := f.nodes(); got != want {
		t.Errorf("nodes %q, want %q", got, want)
	}
}

func wantSeats(t *testing.T, f *fakeCluster, want string) {
	t.Helper()
	if got := f.seats(); got != want {
		t.Errorf("peer set %q, want %q", got, want)
	}
}

// wantRest asserts that nothing is written for a time, but that what was done before may be reaped.
func wantRest(t *testing.T, f *fakeCluster, d time.Duration) {
	t.Helper()
	f.take()
	wait(d)
	cmds, changes := f.take()
	cmds = slices.DeleteFunc(cmds, func(c cluster.Command) bool { _, reap := c.(*cluster.ReapTombstones); return reap })
	if len(cmds) > 0 || len(changes) > 0 {
		t.Errorf("at rest it wrote %d commands, the first %T %+v, and changed the peer set %v", len(cmds), cmds[:min(1, len(cmds))], cmds[:min(1, len(cmds))], changes)
	}
}
