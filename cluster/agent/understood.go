package agent

import (
	"cmp"
	"context"

	"holdfast/cluster"
	"holdfast/cluster/codec"
)

// A member that cannot apply an entry of the log has another state than the others from then on, and nothing mends it. So a command that not
// every version knows enters the log once all who have a seat say that they know it. Who has one and is not known to gossip, because it
// has been away since before this member started, is not waited for.

// behind is the members with a seat that know other commands than this one, as they were at one moment.
type behind struct {
	peers, changes uint64 // the moment
	members        []cluster.Member
}

// propose brings a command into the log where this member leads, if every member understands it.
func (a *Agent) propose(ctx context.Context, encoded []byte) (any, error) {
	if err := a.understood(encoded); err != nil {
		return nil, err
	}
	return a.peer.Propose(ctx, encoded)
}

// understood names a member that could not apply an encoded command, or returns nil.
func (a *Agent) understood(encoded []byte) error {
	if codec.Basic(encoded) {
		return nil
	}
	if !codec.Understood(codec.OwnVocabulary(), encoded) {
		return notUnderstood(a.Name(), a.cfg.Version)
	}
	for _, m := range a.membersBehind() {
		if !codec.Understood(m.Vocabulary(), encoded) {
			return notUnderstood(m.Name, m.Tags[cluster.TagHoldfast])
		}
	}
	return nil
}

func notUnderstood(name, version string) error {
	return cluster.Errorf(cluster.Unsupported, "the member %s runs Holdfast %s, which does not know this kind of request: upgrade it first; nothing was changed",
		name, cmp.Or(version, "of an unknown version"))
}

// membersBehind is the members with a seat that know other commands than this one.
func (a *Agent) membersBehind() []cluster.Member {
	changes, index := a.changes.Load(), a.PeersIndex()
	if b := a.behind.Load(); b != nil && b.peers == index && b.changes == changes {
		return b.members
	}
	b := &behind{peers: index, changes: changes}
	own := codec.OwnVocabulary()
	for id, m := range cluster.MembersByID(a.pool.Members()) {
		if m.Status != cluster.StatusLeft && id != a.id && m.Vocabulary() != own && a.seated(id) {
			b.members = append(b.members, m)
		}
	}
	a.behind.Store(b)
	return b.members
}
