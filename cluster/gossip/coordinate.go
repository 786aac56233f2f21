package gossip

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/serf/coordinate"

	"holdfast/cluster"
)

// coordinateForm is the first byte of an encoded coordinate, so that a later form can be told apart.
const coordinateForm = 1

// maxSeconds bounds each number of another member's coordinate: no two machines are that far apart, and one that says so would draw
// everybody after it.
const maxSeconds = 60

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
	c, err := decodeCoordinate(said)
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

// encodeCoordinate is the form, the number of components, and the numbers as 8 bytes each: error, adjustment, height, components.
func encodeCoordinate(c cluster.Coordinate) []byte {
	b := binary.AppendUvarint([]byte{coordinateForm}, uint64(len(c.Vec)))
	for _, x := range append([]float64{c.Error, c.Adjustment, c.Height}, c.Vec...) {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// decodeCoordinate reads another member's coordinate.
func decodeCoordinate(b []byte) (cluster.Coordinate, error) {
	var c cluster.Coordinate
	r := reader{buf: b}
	if form := r.byte(); r.err == nil && form != coordinateForm {
		return c, fmt.Errorf("form %d of coordinates is not known here", form)
	}
	if n := r.count(); r.err == nil && n != cluster.CoordinateDimensions {
		return c, fmt.Errorf("a coordinate has %d components, not %d", n, cluster.CoordinateDimensions)
	}
	c.Error, c.Adjustment, c.Height = r.float(), r.float(), r.float()
	c.Vec = make([]float64, cluster.CoordinateDimensions)
	for i := range c.Vec {
		c.Vec[i] = r.float()
	}
	return c, r.err
}

// float is a number between -maxSeconds and maxSeconds.
func (r *reader) float() float64 {
	if len(r.buf) < 8 {
		r.fail(errShort)
		return 0
	}
	x := math.Float64frombits(binary.BigEndian.Uint64(r.buf))
	if !(math.Abs(x) <= maxSeconds) { // nor is NaN one
		r.fail(errTooBig)
		return 0
	}
	r.buf = r.buf[8:]
	return x
}
