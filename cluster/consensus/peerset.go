package consensus

import (
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// peerSet knows the newest peer set of this member and which entry made it. Raft takes up a peer set when its entry is stored, before it is
// committed, and does not say where that was, so the stores are watched. Index and members are always of one set: who counts the voters of a set
// by its index must not count another's.
type peerSet struct {
	newest    atomic.Pointer[peers] // nil while there is none
	committed atomic.Pointer[peers] // the newest one that is certain to stay
	offered   atomic.Pointer[peers] // that of the snapshot which was opened last
	complete  atomic.Bool           // raft has read its log, and what it reads from now on is not new
	news      chan struct{}         // holds a value when newest has changed
}

// peers is a peer set, and the index of the entry that made it.
type peers struct {
	index   uint64
	servers []Server
}

// peersOf is the peer set in an entry of the log. Raft does not take entries that cannot be read.
func peersOf(l *raft.Log) *peers {
	return newPeers(l.Index, raft.DecodeConfiguration(l.Data))
}

func newPeers(index uint64, c raft.Configuration) *peers {
	p := &peers{index: index}
	for _, s := range c.Servers {
		p.servers = append(p.servers, Server{ID: string(s.ID), Addr: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return p
}

func newPeerSet() *peerSet { return &peerSet{news: make(chan struct{}, 1)} }

// indexOf is the index of a set, 0 where there is none.
func indexOf(p *peers) uint64 {
	if p == nil {
		return 0
	}
	return p.index
}

// found notes that the log has a peer set.
func (s *peerSet) found(p *peers) {
	for {
		newest := s.newest.Load()
		if newest != nil && p.index <= newest.index {
			return
		}
		if s.newest.CompareAndSwap(newest, p) {
			signal(s.news)
			return
		}
	}
}

// restored notes that the snapshot which was opened last is now the state.
func (s *peerSet) restored() {
	s.committed.Store(s.offered.Load())
	s.newest.Store(s.offered.Load())
	signal(s.news)
}

// watchedLog is a log that tells the peer set of its entries.
type watchedLog struct {
	raft.LogStore
	set *peerSet
}

// GetLog reads an entry. Raft reads the whole log once when it starts.
func (w watchedLog) GetLog(index uint64, l *raft.Log) error {
	err := w.LogStore.GetLog(index, l)
	if err == nil && l.Type == raft.LogConfiguration && !w.set.complete.Load() {
		w.set.found(peersOf(l))
	}
	return err
}

// StoreLog stores an entry.
func (w watchedLog) StoreLog(l *raft.Log) error { return w.StoreLogs([]*raft.Log{l}) }

// StoreLogs stores entries.
func (w watchedLog) StoreLogs(logs []*raft.Log) error {
	if err := w.LogStore.StoreLogs(logs); err != nil {
		return err
	}
	for _, l := range logs {
		if l.Type == raft.LogConfiguration {
			w.set.found(peersOf(l))
		}
	}
	return nil
}

// DeleteRange deletes entries: old ones that a snapshot has made dispensable, or the end of the log where a leader has other entries.
// In the latter case the peer set is again the last one that was committed.
func (w watchedLog) DeleteRange(first, last uint64) error {
	end, err := w.LastIndex()
	if err != nil {
		return err
	}
	if err := w.LogStore.DeleteRange(first, last); err != nil {
		return err
	}
	if newest := indexOf(w.set.newest.Load()); last >= end && newest >= first && indexOf(w.set.committed.Load()) < first {
		w.set.newest.Store(w.set.committed.Load())
		signal(w.set.news)
	}
	return nil
}

// IsMonotonic is that of the store below.
func (w watchedLog) IsMonotonic() bool {
	m, ok := w.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// watchedSnapshots are snapshots that tell the peer set what they have of it.
type watchedSnapshots struct {
	raft.SnapshotStore
	set *peerSet
}

// Open opens a snapshot to restore it, or to send it.
func (w watchedSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, r, err := w.SnapshotStore.Open(id)
	if err == nil {
		w.set.offered.Store(newPeers(meta.ConfigurationIndex, meta.Configuration))
	}
	return meta, r, err
}
