package cluster

import "strings"

// Node is a machine as the catalog holds it. A Node that a View hands out is shared and must not be changed.
type Node struct {
	ID              string            // a UUID, or "" for a node that a program registered without one
	Name            string            // unique without regard to case
	Address         string            // an IP address, or a name for external nodes; "" until a registration gives it
	Datacenter      string            //
	TaggedAddresses map[string]string // lan, wan, lan_ipv4, …
	Meta            map[string]string //
	Locality        Locality

	CreateIndex, ModifyIndex uint64
}

// Locality is where a node or an instance runs. The zero value says nothing.
type Locality struct {
	Region, Zone string
}

// Validate says in one sentence what is wrong with the node, or returns nil.
func (n *Node) Validate() error {
	switch {
	case n.Name == "":
		return Errorf(Invalid, "Must provide node name: the field Node is empty")
	case hasNUL(n.Name) || hasNUL(n.ID):
		return Errorf(Invalid, "node name %q or its ID %q has a NUL character", n.Name, n.ID)
	}
	return validMeta("node", n.Name, n.Meta)
}

// hasNUL reports whether a name has the character that parts names in the indexes of the state.
func hasNUL(s string) bool { return strings.ContainsRune(s, 0) }

// The limits of the metadata of a node or service. They are Consul's.
const (
	metaMaxPairs    = 64
	metaMaxKeyLen   = 128
	metaMaxValueLen = 512
)

func validMeta(kind, name string, meta map[string]string) error {
	if len(meta) > metaMaxPairs {
		return Errorf(Invalid, "%s %q has %d metadata pairs: at most %d are allowed", kind, name, len(meta), metaMaxPairs)
	}
	for k, v := range meta {
		switch {
		case k == "":
			return Errorf(Invalid, "%s %q has a metadata key that is empty", kind, name)
		case len(k) > metaMaxKeyLen:
			return Errorf(Invalid, "metadata key %.32q… of %s %q is longer than %d characters", k, kind, name, metaMaxKeyLen)
		case len(v) > metaMaxValueLen:
			return Errorf(Invalid, "metadata value of key %q of %s %q is longer than %d characters", k, kind, name, metaMaxValueLen)
		}
	}
	return nil
}
