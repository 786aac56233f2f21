package state

import (
	"testing"

	"holdfast/cluster"
)

func TestTheFirstClusterIDStays(t *testing.T) {
	w := newWorld(t)
	if got := w.View().ClusterID(); got != "" {
		t.Errorf("a new cluster has the ID %q", got)
	}
	v := w.WatchView()
	v.ClusterID()
	for _, id := range []string{"id-1", "id-2", "id-1"} {
		if got := w.do(&cluster.NameCluster{ID: id}); got != "id-1" {
			t.Errorf("naming it %s answers %v, want id-1", id, got)
		}
		if got := w.View().ClusterID(); got != "id-1" {
			t.Errorf("after %s the cluster ID is %q", id, got)
		}
	}
	if err := v.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if got := restored(t, w.Store).View().ClusterID(); got != "id-1" {
		t.Errorf("after a restore the cluster ID is %q", got)
	}
}

func TestNoClusterIDThatIsNone(t *testing.T) {
	for _, id := range []string{"", "a b", cluster.NoCluster} {
		s := New()
		r := s.Apply([]Entry{{Index: 1, Command: &cluster.NameCluster{ID: id}}})[0]
		if cluster.CodeOf(r.Err) != cluster.Invalid || r.Err == nil || s.View().ClusterID() != "" {
			t.Errorf("naming it %q gave %+v, and the ID %q", id, r, s.View().ClusterID())
		}
		if err := s.Restore().Add(&ClusterID{ID: id}); cluster.CodeOf(err) != cluster.Invalid || err == nil {
			t.Errorf("a snapshot with the ID %q: error %v", id, err)
		}
	}
}
