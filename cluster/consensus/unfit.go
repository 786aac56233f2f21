package consensus

import (
	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Unfit gets why this member cannot go on: the log has an entry of a newer version, which it cannot apply and must not skip. Its state stays as it
// is before that entry, so that it never differs from the others', and whoever owns it is to stop it. It has one reader.
func (p *Peer) Unfit() <-chan error { return p.fsm.unfit }

// end keeps the state as it is before an entry that cannot be applied, and raft from going on, until the peer is closed.
func (f *fsm) end(l *raft.Log, why error) {
	if f.ended.CompareAndSwap(false, true) {
		err := cluster.Errorf(cluster.Invalid, "entry %d of the cluster's log was written by a newer version of Holdfast, and this member cannot go on without it (%v)", l.Index, why)
		f.log.Error("this member ends here", "err", err)
		f.unfit <- err
	}
	<-f.stopped
}

// unapplied says of the results from the one at i on that there are none.
func unapplied(results []any, i int) []any {
	for ; i < len(results); i++ {
		results[i] = state.Result{Err: cluster.Errorf(cluster.Unknown, "this member was stopped before it applied the request")}
	}
	return results
}
