package leader

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// TestOlderVersions holds that a member of an older version than the leader's keeps its seat and gets none, and that what a cluster has from
// its beginning waits for its upgrade.
func TestOlderVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		pool := func(commands map[string]string) {
			f.set("n1:alive n2:alive n3:alive")
			for i := range f.members {
				f.members[i].Tags[cluster.TagCommands] = commands[f.members[i].Name]
			}
		}
		const older, newer = "1-13", "1-20"
		pool(map[string]string{"n1": newer, "n2": older})
		if err := f.AddPeer(t.Context(), cluster.Peer{ID: "id-n2", Addr: "10.0.0.2:8300", Voter: true}); err != nil {
			t.Fatal(err)
		}
		f.failing(func(c cluster.Command) error {
			if _, is := c.(*cluster.PutAutopilot); is {
				return cluster.Errorf(cluster.Unsupported, "n2 does not know this")
			}
			return nil
		})
		opts := DefaultOptions()
		opts.Self, opts.Datacenter, opts.Commands = "n1", "dc1", newer
		term := leadWith(t, f, opts)
		wait(time.Minute)
		wantSeats(t, f, "n1 n2")
		wantNodes(t, f, "n1=passing n2=passing n3=passing")
		if v := f.store.View(); v.CARoot() == nil || v.Autopilot().ModifyIndex > 0 {
			t.Errorf("the root is %v, autopilot %+v", v.CARoot(), v.Autopilot())
		}
		f.failing(nil)
		pool(map[string]string{"n1": newer, "n2": newer, "n3": "1-25"})
		term.MembersChanged("")
		wait(2 * opts.ReconcileInterval)
		wantSeats(t, f, "n1 n2 n3")
		if f.store.View().Autopilot().ModifyIndex == 0 {
			t.Error("autopilot is not configured when all are upgraded")
		}
	})
}
