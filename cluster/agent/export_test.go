package agent

import (
	"context"

	"holdfast/cluster"
)

// PretendOlder makes this member announce what one of 0.1.0 does, but for the cluster's ID.
func (a *Agent) PretendOlder() error {
	tags := a.tags()
	delete(tags, cluster.TagCommands)
	tags[cluster.TagHoldfast] = "0.1.0"
	return a.pool.SetTags(tags)
}

// StopPretending makes it announce the truth again.
func (a *Agent) StopPretending() error { return a.pool.SetTags(a.tags()) }

// Forward sends an encoded command to the leader as a member does that does not ask whether all understand it.
func (a *Agent) Forward(ctx context.Context, addr string, encoded []byte) error {
	_, err := a.client.Call(ctx, addr, methodApply, encoded)
	return err
}
