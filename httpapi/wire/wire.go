package wire

// empty is an object without fields, where Consul shows a part that Holdfast leaves out.
type empty struct{}

// Opaque is an object of the service mesh, which Holdfast leaves out: it is shown as it was registered.
type Opaque []byte

func (o Opaque) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("{}"), nil
	}
	return o, nil
}
