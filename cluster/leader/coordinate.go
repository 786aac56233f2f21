package leader

import (
	"context"
	"maps"
	"slices"
	"sync"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

// coordinates are the coordinates that members have told this leader of since it last wrote, by node: the last word of each counts.
type coordinates struct {
	mu   sync.Mutex // guards following
	told map[string]cluster.NodeCoordinate
	due  chan struct{} // holds one: there is something to write
}

func newCoordinates() *coordinates {
	return &coordinates{told: map[string]cluster.NodeCoordinate{}, due: make(chan struct{}, 1)}
}

// The limits of coordinates. Who is left out says it again.
const (
	maxCoordinates       = 8192 // kept until they are written
	coordinatesPerUpdate = 128  // in one entry of the log
)

// NoteCoordinate takes in where a node is, to be written with the others' in a while. What is lost with this leadership is told again to
// the next: whoever tells compares with the catalog.
func (t *Term) NoteCoordinate(c cluster.NodeCoordinate) error {
	if err := c.Validate(); err != nil {
		return err
	}
	t.coordinates.mu.Lock()
	defer t.coordinates.mu.Unlock()
	if _, known := t.coordinates.told[c.Node]; !known && len(t.coordinates.told) >= maxCoordinates {
		return cluster.Errorf(cluster.TooLarge, "the leader holds %d coordinates that are yet to be written: try again later", maxCoordinates)
	}
	t.coordinates.told[c.Node] = c
	select {
	case t.coordinates.due <- struct{}{}:
	default:
	}
	return nil
}

// take is what was told, in the order of the nodes.
func (c *coordinates) take() []cluster.NodeCoordinate {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []cluster.NodeCoordinate
	for _, node := range slices.Sorted(maps.Keys(c.told)) {
		all = append(all, c.told[node])
	}
	clear(c.told)
	return all
}

// writeCoordinates writes what members have told, gathered for CoordinateInterval, so that many members cost few entries of the log. A
// cluster whose members stay where they are proposes nothing.
func (t *Term) writeCoordinates(ctx context.Context) {
	for {
		select {
		case <-t.coordinates.due:
		case <-ctx.Done():
			return
		}
		pause.For(ctx, t.opts.CoordinateInterval)
		for batch := range slices.Chunk(t.coordinates.take(), coordinatesPerUpdate) {
			if _, err := t.cluster.Apply(ctx, &cluster.UpdateCoordinates{Updates: batch}); err != nil && ctx.Err() == nil {
				t.log.Warn("cannot write coordinates; the members will tell them again", "coordinates", len(batch), "error", err)
			}
		}
	}
}
