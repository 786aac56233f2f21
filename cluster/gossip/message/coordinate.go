package message

import (
	"encoding/binary"
	"fmt"
	"math"

	"holdfast/cluster"
)

// coordinateForm is the first byte of an encoded coordinate, so that a later form can be told apart.
const coordinateForm = 1

// maxSeconds bounds each number of another member's coordinate: no two machines are that far apart, and one that says so would draw
// everybody after it.
const maxSeconds = 60

// EncodeCoordinate is the form, the number of components, and the numbers as 8 bytes each: error, adjustment, height, components.
func EncodeCoordinate(c cluster.Coordinate) []byte {
	b := binary.AppendUvarint([]byte{coordinateForm}, uint64(len(c.Vec)))
	for _, x := range append([]float64{c.Error, c.Adjustment, c.Height}, c.Vec...) {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// DecodeCoordinate reads another member's coordinate.
func DecodeCoordinate(b []byte) (cluster.Coordinate, error) {
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
