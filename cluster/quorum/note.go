package quorum

// Note notes the peer set that this member knows now. It is to be called from time to time: a peer set that is first seen when a leader
// asks about older ones counts as one that changed in that moment, and makes it wait.
func (v *Voter) Note() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.memory.notePeers(v.clock(), v.raft.PeersIndex())
}
