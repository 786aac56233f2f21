package wire

import "slices"

// Opaque is an object that Holdfast keeps for others and does not act on: what belongs to a service mesh, or says how a monitor of external
// nodes is to check. It is shown as it was registered.
type Opaque []byte

func (o Opaque) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("{}"), nil
	}
	return o, nil
}

// UnmarshalJSON keeps the text as it is.
func (o *Opaque) UnmarshalJSON(b []byte) error {
	*o = slices.Clone(b)
	return nil
}
