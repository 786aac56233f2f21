package gossip

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
)

// border keeps the gossip of clusters apart. A machine that is given to another cluster keeps its address, and the members of the old one go on
// to send there; where names are the same in both, what they say would be taken for talk about members of the new one. So packets and
// streams bear the cluster ID as memberlist's label, before anything is decrypted or decoded, and what bears another one is dropped. It
// is put on for members alone that announce the same ID, because only they are sure to expect it: who is about to join talks without.
type border struct {
	log     *slog.Logger
	passive bool   // Config.Passive
	fixed   string // Config.Label

	id    atomic.Pointer[string]                  // of the cluster, nil while this member has none
	ours  atomic.Pointer[map[netip.AddrPort]bool] // where members are that announce it
	told  atomic.Int64                            // when a drop was logged last
	muted atomic.Int64                            // drops since

	mu        sync.Mutex                // guards following
	elsewhere map[netip.AddrPort]string // where a member was heard that announces another ID
}

// draw sets the ID from the tags that this member announces.
func (b *border) draw(tags map[string]string) {
	if id := (cluster.Member{Tags: tags}).ClusterID(); id != "" {
		b.id.Store(&id)
	}
}

// cluster is the ID, "" while this member has none; of a pool with a label of its own it is that.
func (b *border) cluster() string {
	if b.fixed != "" {
		return b.fixed
	}
	if id := b.id.Load(); id != nil {
		return *id
	}
	return ""
}

// maxElsewhere bounds the addresses of other clusters that are remembered.
const maxElsewhere = 256

// gone notes that who is at an address announces another ID. What is sent there from now on bears ours, whatever the member that had the
// address announced: nobody answers to it, and that member is seen to have failed.
func (b *border) gone(m cluster.Member) {
	theirs, ours := m.ClusterID(), b.cluster()
	if b.fixed != "" || theirs == "" || ours == "" || theirs == ours {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.elsewhere == nil {
		b.elsewhere = map[netip.AddrPort]string{}
	}
	if len(b.elsewhere) < maxElsewhere {
		b.elsewhere[m.Addr] = theirs
	}
}

// back notes that a member of this pool is at an address.
func (b *border) back(at netip.AddrPort) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.elsewhere, at)
}

func (b *border) isElsewhere(at netip.AddrPort) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.elsewhere[at] != ""
}

// survey notes who is on this side. Of two members at one address the living one counts.
func (b *border) survey(t *membership.Table) {
	id := b.cluster()
	if id == "" {
		return
	}
	ours := map[netip.AddrPort]bool{}
	for m, alive := range t.All() {
		if _, known := ours[m.Addr]; !known || alive {
			ours[m.Addr] = m.ClusterID() == id
		}
	}
	b.ours.Store(&ours)
}

// label is what is put on what goes to an address, "" for nothing.
func (b *border) label(to netip.AddrPort) string {
	if b.fixed != "" {
		return b.fixed
	}
	ours := b.ours.Load()
	if ours == nil || !(*ours)[to] && !b.isElsewhere(to) {
		return ""
	}
	return b.cluster()
}

// lets reports whether what bears a label may come in. A member without a cluster takes none: it asks to join before anybody can know it.
func (b *border) lets(label string, from any) bool {
	if label == b.cluster() || label == "" && b.fixed == "" {
		return true
	}
	b.dropped(label, from)
	return false
}

// letsStream is lets for a stream. One that has no cluster and nobody to ask was perhaps a member before it lost its disk: who tries to
// reach it again is let in.
func (b *border) letsStream(label string, from any) bool {
	return b.passive && b.cluster() == "" && label != WANLabel || b.lets(label, from)
}

// dropPause is the least time between two reports of dropped gossip.
const dropPause = time.Minute

func (b *border) dropped(label string, from any) {
	now, last := time.Now().UnixNano(), b.told.Load()
	if now-last < int64(dropPause) || !b.told.CompareAndSwap(last, now) {
		b.muted.Add(1)
		return
	}
	b.log.Warn("gossip of another cluster is dropped: remove this member's address from it", "from", from, "its_cluster", label, "cluster", b.cluster(), "others", b.muted.Swap(0))
}
