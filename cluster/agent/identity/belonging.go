package identity

import (
	"cmp"
	"sync"

	"holdfast/cluster"
)

// Belonging is which cluster this member belongs to. The replicated state says it, the data directory keeps it, and it never changes: a
// member that meets another cluster stays with its own.
type Belonging struct {
	news chan struct{} // holds one: what the member announces, or has heard, is not what it was

	mu      sync.Mutex // guards following
	id      string     // the cluster ID, "" while it is not known
	begun   bool       // the member is part of a cluster, whether it knows the ID or not
	courted string     // the ID of the first cluster that a member without one has met: there it is about to be admitted
	heard   string     // the ID that a member with a seat beside this one announces, while this one does not know it
}

// NewBelonging is that of a member that belongs to no cluster yet.
func NewBelonging() *Belonging { return &Belonging{news: make(chan struct{}, 1)} }

// News holds a value when what the member announces, or has heard, is not what it was. It has one reader.
func (b *Belonging) News() <-chan struct{} { return b.news }

// Known is the cluster ID, "" while it is not known.
func (b *Belonging) Known() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.id
}

// Side is the cluster ID, or that of the cluster which is about to admit this member.
func (b *Belonging) Side() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return cmp.Or(b.id, b.courted)
}

// Hearsay is the ID to learn by word of gossip, "" for none.
func (b *Belonging) Hearsay() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.heard
}

// Tag is what the member announces as cluster.TagCluster.
func (b *Belonging) Tag() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.id != "":
		return b.id
	case b.begun:
		return cluster.UnnamedCluster
	}
	return cluster.NoCluster
}

// Begin notes that the member is part of a cluster.
func (b *Belonging) Begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun = true
	b.wakeLocked()
}

// Settle notes the cluster ID.
func (b *Belonging) Settle(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.id, b.begun = id, true
	b.wakeLocked()
}

func (b *Belonging) wakeLocked() {
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// Judge refuses a member of another cluster. Where one of the two does not know its cluster's ID, the peer set tells friend from stranger:
// seated reports whether the member has a seat in this one's.
func (b *Belonging) Judge(m cluster.Member, seated func() bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	says, theirs, ours := m.Tags[cluster.TagCluster], m.ClusterID(), cmp.Or(b.id, b.courted)
	switch {
	case says == cluster.NoCluster, theirs != "" && theirs == ours:
		return nil
	case theirs != "" && ours != "":
		return foreign(m, "the cluster "+theirs, "to the cluster "+ours)
	case !b.begun:
		if theirs != "" {
			b.courted = theirs
			b.wakeLocked()
		}
		return nil
	case seated():
		if theirs != "" {
			b.heard = theirs
			b.wakeLocked()
		}
		return nil
	case theirs != "":
		return foreign(m, "the cluster "+theirs, "to one that has no ID yet")
	case says == cluster.UnnamedCluster:
		return foreign(m, "a cluster that has no ID yet", "to "+cmp.Or(ours, "another one without"))
	case ours == "":
		return nil // of an older version, as this one was
	}
	return cluster.Errorf(cluster.Conflict, "member %s at %s does not say which cluster it belongs to, and this agent belongs to %s: upgrade it to this version of Holdfast", m.Name, m.Addr, ours)
}

func foreign(m cluster.Member, theirs, ours string) error {
	return cluster.Errorf(cluster.Conflict, "member %s at %s belongs to %s, and this agent %s: two clusters cannot be joined; "+
		"to move a machine to another cluster, stop its agent, empty its data_dir, and let it join there", m.Name, m.Addr, theirs, ours)
}
