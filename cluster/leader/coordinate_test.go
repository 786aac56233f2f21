package leader

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

func at(node string, x float64) cluster.NodeCoordinate {
	return cluster.NodeCoordinate{Node: node, Coordinate: cluster.Coordinate{Vec: []float64{x, 0, 0, 0, 0, 0, 0, 0}}}
}

// written is the sizes of the updates that were proposed.
func (f *fakeCluster) written() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	var sizes []int
	for _, c := range f.cmds {
		if u, ok := c.(*cluster.UpdateCoordinates); ok {
			sizes = append(sizes, len(u.Updates))
		}
	}
	return sizes
}

func TestCoordinatesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		note := func(c cluster.NodeCoordinate) {
			if err := term.NoteCoordinate(c); err != nil {
				t.Error(err)
			}
		}
		wait(time.Minute)
		if got := f.written(); len(got) != 0 {
			t.Fatalf("with nothing to write it wrote %v", got)
		}
		note(at("n1", 1))
		note(at("n2", 1))
		note(at("n1", 2))
		wait(time.Second)
		note(at("n1", 3))
		wait(time.Minute)
		if got := f.written(); len(got) != 1 || got[0] != 2 {
			t.Errorf("it wrote updates of %v coordinates, want one of 2", got)
		}
		if c := f.store.View().Coordinate("n1"); c == nil || c.Coordinate.Vec[0] != 3 {
			t.Errorf("coordinate %+v, want the last that was told", c)
		}
	})
}

func TestManyCoordinatesTakeSeveralUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		for i := range maxCoordinates {
			if err := term.NoteCoordinate(at(fmt.Sprint("n", i), 1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := term.NoteCoordinate(at("one more", 1)); cluster.CodeOf(err) != cluster.TooLarge {
			t.Errorf("error %v for one more", err)
		}
		if err := term.NoteCoordinate(at("n5", 2)); err != nil {
			t.Errorf("news of a node that waits already: %v", err)
		}
		wait(time.Minute)
		if got := f.written(); len(got) != maxCoordinates/coordinatesPerUpdate || got[0] != coordinatesPerUpdate {
			t.Errorf("it wrote updates of %v coordinates", got)
		}
	})
}

func TestNoteCoordinateRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		if err := term.NoteCoordinate(cluster.NodeCoordinate{Node: "n1"}); cluster.CodeOf(err) != cluster.Invalid {
			t.Errorf("error %v", err)
		}
		wait(time.Minute)
		if got := f.written(); len(got) != 0 {
			t.Errorf("it wrote %v", got)
		}
	})
}

// TestCoordinatesThatCannotBeWritten holds that a failed write costs that update alone.
func TestCoordinatesThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		f.mu.Lock()
		f.fail = func(c cluster.Command) error {
			if _, ok := c.(*cluster.UpdateCoordinates); ok {
				return cluster.Errorf(cluster.Unknown, "the disk is slow")
			}
			return nil
		}
		f.mu.Unlock()
		_ = term.NoteCoordinate(at("n1", 1))
		wait(time.Minute)
		f.mu.Lock()
		f.fail = nil
		f.mu.Unlock()
		_ = term.NoteCoordinate(at("n1", 2))
		wait(time.Minute)
		if c := f.store.View().Coordinate("n1"); c == nil || c.Coordinate.Vec[0] != 2 {
			t.Errorf("coordinate %+v", c)
		}
	})
}
