package gossip

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/serf/coordinate"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// place estimates where this member is among the others (see cluster.Coordinate), from the round-trip times of the probes that are made
// anyway and the coordinates that the answers carry.
type place struct {
	client *coordinate.Client
	others *sync.Map // where the other members said that they are: name -> cluster.Coordinate
}

func newPlace() place {
	client, err := coordinate.NewClient(coordinate.DefaultConfig())
	if err != nil {
		panic(fmt.Sprintf("gossip: a mistake in the coordinates' configuration: %v", err))
	}
	return place{client, &sync.Map{}}
}

// now is the present estimate.
func (p place) now() cluster.Coordinate {
	c := p.client.GetCoordinate()
	return cluster.Coordinate{Vec: c.Vec, Error: c.Error, Adjustment: c.Adjustment, Height: c.Height}
}

// learn takes in that another member answered after rtt, and where it says that it is.
func (p place) learn(member string, rtt time.Duration, said []byte) error {
	c, err := message.DecodeCoordinate(said)
	if err != nil {
		return err
	}
	_, err = p.client.Update(member, &coordinate.Coordinate{Vec: c.Vec, Error: c.Error, Adjustment: c.Adjustment, Height: c.Height}, rtt)
	if err == nil {
		p.others.Store(member, c)
	}
	return err
}

// forget drops what was measured of a member.
func (p place) forget(member string) {
	p.client.ForgetNode(member)
	p.others.Delete(member)
}
