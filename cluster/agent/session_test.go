package agent_test

import (
	"context"
	"sync"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/clustertest"
)

// TestRenewWhileTheLeaderDies renews a session through a follower without a pause: renewing once more is no harm, so no renewal may fail
// because its leader died with it.
func TestRenewWhileTheLeaderDies(t *testing.T) {
	c := clustertest.Start(t, 3)
	dead := c.WaitLeader()
	a := c.Agents[(dead+1)%3]
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Limit)
	defer cancel()
	id, err := a.CreateSession(ctx, cluster.WriteOptions{}, cluster.Session{Node: a.Name(), TTL: cluster.MinSessionTTL, Behavior: cluster.SessionRelease})
	if err != nil {
		t.Fatal(err)
	}
	var renewing sync.WaitGroup
	begun, killed := make(chan struct{}, 64), make(chan struct{})
	for range cap(begun) { // so many that some are on their way to the leader as it dies
		renewing.Go(func() {
			for after := 0; after < 10; {
				if err := a.RenewSession(ctx, cluster.WriteOptions{}, id); err != nil {
					t.Errorf("renewal: %v", err)
					return
				}
				select {
				case <-killed:
					after++
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	c.Kill(dead)
	close(killed)
	renewing.Wait()
}
