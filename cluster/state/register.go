package state

import (
	"maps"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// registration is a Register that was found to be in order, with everything filled in.
type registration struct {
	node    *cluster.Node // nil: stays as it is
	had     *cluster.Node // the record that node takes the place of, nil for a new one
	gone    *cluster.Node // the record of node under its former name, nil if it had none
	service *cluster.Service
	checks  []*cluster.Check
}

func (w *writer) register(c *cluster.Register) error {
	r, err := w.checkRegistration(c)
	if err != nil {
		return err
	}
	if r.node != nil {
		if r.gone != nil {
			w.deleteNode(r.gone)
		}
		w.putNode(r.had, r.node)
	}
	if r.service != nil {
		w.putService(r.service)
	}
	for _, check := range r.checks {
		w.putCheck(check)
	}
	return nil
}

func (w *writer) checkRegistration(c *cluster.Register) (registration, error) {
	var r registration
	there := found[cluster.Node](w.txn, tableNodes, nodeKey(c.Node.Name))
	name := c.Node.Name
	if there != nil && c.SkipNodeUpdate {
		name = there.Name
	} else if err := w.checkNode(&r, c.Node, there, c.SkipNodeUpdate); err != nil {
		return r, err
	}
	if c.Service != nil {
		s := *c.Service
		s.Node = name
		if s.ID == "" {
			s.ID = s.Name
		}
		if err := s.Validate(); err != nil {
			return r, err
		}
		r.service = &s
	}
	for _, check := range c.Checks {
		if check == nil {
			return r, cluster.Errorf(cluster.Invalid, "the registration of node %q has an empty check", name)
		}
		filled, err := w.checkCheck(*check, name, r.service)
		if err != nil {
			return r, err
		}
		r.checks = append(r.checks, filled)
	}
	return r, nil
}

// checkNode decides which record n takes the place of. A node is known by its ID first, so that it can change its name, and a name
// belongs to one ID for as long as the node that has it is alive. bare allows a new node without an address: its registration says that the
// node is not its business, and comes before the one that has it.
func (w *writer) checkNode(r *registration, n cluster.Node, there *cluster.Node, bare bool) error {
	if err := n.Validate(); err != nil {
		return err
	}
	if n.Address == "" && !bare {
		return cluster.Errorf(cluster.Invalid, "Must provide address: the field Address of node %q is empty", n.Name)
	}
	r.node, r.had = &n, there
	if n.ID == "" {
		if there != nil {
			n.ID = there.ID
		}
		return nil
	}
	if there != nil && there.ID != "" && !sameFold(there.ID, n.ID) && !w.failed(there) {
		return cluster.Errorf(cluster.Conflict, "node name %q is reserved by the node with ID %s (address %s): give the node with ID %s another name, or deregister the other node",
			n.Name, there.ID, there.Address, n.ID)
	}
	if same := nodeByUUID(w.txn, n.ID); same != nil && !sameFold(same.Name, n.Name) {
		r.gone = same
		if there == nil {
			r.had = same
		}
	}
	return nil
}

// failed reports whether gossip has lost a node, so that a new machine may take its name.
func (w *writer) failed(n *cluster.Node) bool {
	c := found[cluster.Check](w.txn, tableChecks, onNode(n.Name, cluster.SerfHealth))
	return c != nil && c.Status == cluster.Critical
}

// checkCheck fills a check in. registered is the instance that the same command registers, if any.
func (w *writer) checkCheck(c cluster.Check, node string, registered *cluster.Service) (*cluster.Check, error) {
	if c.Node != "" && !sameFold(c.Node, node) {
		return nil, cluster.Errorf(cluster.Invalid, "check %q names node %q, but node %q is being registered", c.ID, c.Node, node)
	}
	c.Node = node
	if c.ID == "" {
		c.ID = c.Name
	}
	if c.Status == "" {
		c.Status = cluster.Critical
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.ServiceName, c.ServiceTags = "", nil
	if c.ServiceID == "" {
		return &c, nil
	}
	s := registered
	if s == nil || !sameFold(s.ID, c.ServiceID) {
		s = found[cluster.Service](w.txn, tableServices, onNode(node, c.ServiceID))
	}
	if s == nil {
		return nil, cluster.Errorf(cluster.Invalid, "unknown service ID %q on node %q: register the instance before its check %q", c.ServiceID, node, c.ID)
	}
	c.ServiceID, c.ServiceName, c.ServiceTags = s.ID, s.Name, s.Tags
	return &c, nil
}

// putNode stores a node. Whoever asks about its instances gets the node with them, so their services move, too.
func (w *writer) putNode(had, n *cluster.Node) {
	n.CreateIndex, n.ModifyIndex = w.index, w.index
	if had != nil {
		if sameNode(had, n) {
			return
		}
		n.CreateIndex = had.CreateIndex
	}
	w.put(tableNodes, n)
	w.touch(setNodes)
	w.touch(ofNode + strings.ToLower(n.Name))
	w.touchServicesOn(n.Name)
}

func sameNode(a, b *cluster.Node) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Address == b.Address && a.Datacenter == b.Datacenter && a.Locality == b.Locality &&
		maps.Equal(a.TaggedAddresses, b.TaggedAddresses) && maps.Equal(a.Meta, b.Meta)
}

func nodeByUUID(txn *table.Txn, id string) *cluster.Node {
	return first[cluster.Node](txn, tableNodes, byUUID, below(strings.ToLower(id)))
}

// hasNUL reports whether a name cannot be part of an index key.
func hasNUL(s string) bool { return strings.ContainsRune(s, 0) }

// sameFold reports whether two names are the same to the tables.
func sameFold(a, b string) bool { return nodeKey(a) == nodeKey(b) }
