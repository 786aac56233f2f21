package wire

// empty is an object without fields, where Consul shows a part that Holdfast leaves out.
type empty struct{}
