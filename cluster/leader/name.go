package leader

import (
	"context"
	"time"

	"github.com/google/uuid"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

const (
	nameInterval = time.Second      // how often the members are looked at
	nameGrace    = 30 * time.Second // how long a cluster without an ID waits for members of the peer set that gossip has not seen alive
)

// name gives the cluster its ID, if it has none, and repeats it while a member of the peer set says that it has not learned it: one of
// an older version skips the command.
func (t *Term) name(ctx context.Context) {
	began := time.Now()
	for ctx.Err() == nil {
		if id, due := t.nameDue(time.Since(began)); due {
			if _, err := t.cluster.Apply(ctx, &cluster.NameCluster{ID: id}); err != nil && ctx.Err() == nil {
				t.log.Warn("cannot name the cluster", "error", err)
			}
			pause.For(ctx, nameInterval) // the members say so as soon as they have learned it
		}
		pause.For(ctx, nameInterval)
	}
}

// nameDue is the ID that the cluster is to be told, and whether it is. An ID comes from the state, or from what the leader or a seated
// member of the cluster has learned before, or is new. A new one waits until all who have a seat understand it, so that no member's
// state has another ID than the others'.
func (t *Term) nameDue(since time.Duration) (id string, due bool) {
	peers, err := t.cluster.Peers()
	if err != nil || len(peers) == 0 {
		return "", false
	}
	seated := cluster.MembersByID(t.cluster.Members())
	id = t.cluster.WatchView().ClusterID()
	named, waiting := id != "", false
	if !named {
		id = t.opts.ClusterID
	}
	for _, p := range peers {
		m, known := seated[p.ID]
		alive, says := known && m.Status == cluster.StatusAlive, m.Tags[cluster.TagCluster]
		switch {
		case named:
			due = due || alive && says == cluster.UnnamedCluster
		case says == "":
			waiting = waiting || alive || since < nameGrace
		case id == "":
			id = m.ClusterID()
		}
	}
	if named {
		return id, due
	}
	if id == "" && !waiting {
		id = uuid.NewString()
	}
	return id, id != ""
}
