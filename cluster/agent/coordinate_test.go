package agent_test

import (
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
)

// TestCoordinatesReachTheCatalog holds that every member's coordinate is written, the leader's and the others', unless
// it is told not to.
func TestCoordinatesReachTheCatalog(t *testing.T) {
	c := clustertest.Start(t, 3)
	c.Add(agent.Config{Name: "silent", DisableCoordinates: true})
	client := c.Add(agent.Config{Name: "client"})
	for _, name := range []string{"n1", "n2", "n3", "client"} {
		c.Wait("the coordinate of "+name+" is in the catalog", func() bool {
			at := client.WatchView().Coordinate(name)
			return at != nil && at.Coordinate.Validate() == nil
		})
	}
	if at := client.WatchView().Coordinate("silent"); at != nil {
		t.Errorf("a member that is to tell nobody where it is has told %v", &at.Coordinate)
	}
	if at := client.Coordinate(); at.Validate() != nil {
		t.Errorf("coordinate of the client: %v", &at)
	}
}

func TestUpdateCoordinatesFromOutside(t *testing.T) {
	c := clustertest.Start(t, 1)
	at := cluster.NodeCoordinate{Node: "ext", Coordinate: cluster.Coordinate{Vec: make([]float64, cluster.CoordinateDimensions)}}
	for _, cmd := range []cluster.Command{
		&cluster.Register{Node: cluster.Node{Name: "ext", Address: "10.0.0.9"}},
		&cluster.UpdateCoordinates{Updates: []cluster.NodeCoordinate{at}},
	} {
		c.Apply(c.Agents[0], cmd)
	}
	if got := c.Agents[0].WatchView().Coordinate("ext"); got == nil || !got.Coordinate.Equal(&at.Coordinate) {
		t.Errorf("coordinate %+v", got)
	}
}
