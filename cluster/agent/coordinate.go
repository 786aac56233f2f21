package agent

import (
	"context"
	"math/rand/v2"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/pause"
	"holdfast/cluster/state"
)

// The pace at which a member looks whether the catalog must be told where it is. Consul's members tell it every 15 s, or in large
// clusters so that 64 do each second, whether they moved or not.
const (
	firstCoordinate    = 3 * time.Second // after the start; some probes have been answered by then
	coordinateInterval = 15 * time.Second
	coordinatesPerSec  = 64
	mostStretched      = 8 // times that; see coordinatePause
)

// How much a member must have moved: what programs do with coordinates is to order nodes by round-trip time, and no order hangs on less.
const (
	movedPart  = 8                      // a distance that has changed by more than 1/movedPart
	movedLeast = 250 * time.Microsecond // and by this at least
	movedError = 0.25                   // or that all of them have become so much more certain
)

// Coordinate is where this member is among the others, by what it has measured.
func (a *Agent) Coordinate() cluster.Coordinate { return a.pool.Coordinate() }

// coordinateLoop tells the leader where this member is, as often as that has changed.
func (a *Agent) coordinateLoop(ctx context.Context) {
	pause.For(ctx, firstCoordinate/2+rand.N(firstCoordinate)) //nolint:gosec // members must not all come at once, that is all
	for streak := 0; ctx.Err() == nil; {
		if a.followCoordinate(ctx) {
			streak++
		} else {
			streak = 0
		}
		about := coordinatePause(len(a.pool.Members()), streak)
		pause.For(ctx, about-about/8+rand.N(about/4)) //nolint:gosec // as above
	}
}

// followCoordinate tells the leader where this member is, if it has moved, and reports that.
func (a *Agent) followCoordinate(ctx context.Context) bool {
	mine := a.pool.Coordinate()
	if !moved(a.store.View(), a.cfg.Name, &mine) {
		return false
	}
	if err := a.tellCoordinate(ctx, mine); err != nil && ctx.Err() == nil {
		a.log.Debug("cannot tell the leader this member's coordinate, will try again", "error", err)
	}
	return true
}

// coordinatePause is how long a member waits until it looks again, after it has moved as many times in a row. Where distances are as
// unsteady as that, on a machine that has too much to do, say, telling them often makes nothing truer and costs a synced write each time.
func coordinatePause(members, streak int) time.Duration {
	interval := max(coordinateInterval, time.Duration(members)*time.Second/coordinatesPerSec)
	return interval * time.Duration(min(1<<min(max(streak-1, 0), 10), mostStretched))
}

// moved reports whether the catalog is wrong about where a node is. A node that it does not have is nowhere.
func moved(view *state.View, name string, now *cluster.Coordinate) bool {
	if view.Node(name) == nil {
		return false
	}
	said := view.Coordinate(name)
	if said == nil || said.Coordinate.Error-now.Error > movedError {
		return true
	}
	for _, other := range view.Coordinates() {
		if other.Node == said.Node {
			continue
		}
		was := said.Coordinate.DistanceTo(&other.Coordinate)
		if (now.DistanceTo(&other.Coordinate) - was).Abs() > max(movedLeast, was/movedPart) {
			return true
		}
	}
	return false
}

// tellCoordinate tells the leader, which writes it with the others'.
func (a *Agent) tellCoordinate(ctx context.Context, c cluster.Coordinate) error {
	told := cluster.NodeCoordinate{Node: a.cfg.Name, Coordinate: c}
	body, err := codec.EncodeCommand(&cluster.UpdateCoordinates{Updates: []cluster.NodeCoordinate{told}})
	if err != nil {
		return err
	}
	return a.atLeader(ctx, func(context.Context) error { return a.coordinateHere(body) }, func(ctx context.Context, addr string) error {
		_, err := a.callLeader(ctx, addr, methodCoordinate, body)
		return err
	})
}

// coordinateHere takes in what a member tells the leader.
func (a *Agent) coordinateHere(body []byte) error {
	l := a.leads.Load()
	if l == nil {
		return cluster.ErrNoLeader
	}
	_, cmd, err := codec.DecodeCommand(body)
	if err != nil {
		return err
	}
	update, ok := cmd.(*cluster.UpdateCoordinates)
	if !ok {
		return cluster.Errorf(cluster.Invalid, "a coordinate was to be told, and %T was sent", cmd)
	}
	for _, c := range update.Updates {
		if err := l.term.NoteCoordinate(c); err != nil {
			return err
		}
	}
	return nil
}
