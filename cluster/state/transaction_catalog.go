package state

import (
	"cmp"
	"fmt"

	"holdfast/cluster"
)

// object is what the operations on nodes, instances and checks have in common.
type object struct {
	kind   string                                          // "Node"
	name   string                                          // as a sentence names it
	read   func() (row cluster.TransactionRow, had uint64) // had is its ModifyIndex, 0 where it does not exist
	set    func() error
	remove func() error
}

// doObject does what a verb says to an object; index is the one to compare.
func (t *transaction) doObject(verb cluster.CatalogVerb, index uint64, o object) error {
	row, had := o.read()
	switch verb {
	case cluster.CatalogGet:
		if had == 0 {
			return cluster.Errorf(cluster.NotFound, "%s doesn't exist", o.name)
		}
		t.rows = append(t.rows, row)
		return nil
	case cluster.CatalogCAS, cluster.CatalogSet:
		if verb == cluster.CatalogCAS && had != index {
			return cluster.Errorf(cluster.Conflict, "failed to set %s, index is stale", o.name)
		}
		if err := o.set(); err != nil {
			return err
		}
		row, _ = o.read()
		t.rows = append(t.rows, row)
		return nil
	case cluster.CatalogDeleteCAS, cluster.CatalogDelete:
		if verb == cluster.CatalogDeleteCAS && (had == 0 || had != index) {
			return cluster.Errorf(cluster.Conflict, "failed to delete %s, index is stale", o.name)
		}
		return o.remove()
	}
	return cluster.Errorf(cluster.Invalid, "unknown %s verb %q", o.kind, verb)
}

func (t *transaction) nodeObject(c *cluster.NodeOperation) object {
	n := c.Node
	name := n.Name
	if n.ID != "" && (name == "" || c.Verb == cluster.CatalogGet) {
		name = ""
		if same := t.view.NodeByID(n.ID); same != nil {
			name = same.Name
		}
	}
	return object{
		kind: "Node", name: fmt.Sprintf("node %q", cmp.Or(n.Name, n.ID)),
		read: func() (row cluster.TransactionRow, had uint64) {
			if row.Node = t.view.Node(name); row.Node != nil {
				had = row.Node.ModifyIndex
			}
			return row, had
		},
		set:    func() error { return t.w.register(&cluster.Register{Node: n}) },
		remove: func() error { return t.w.deregister(&cluster.Deregister{Node: name}) },
	}
}

func (t *transaction) serviceObject(s cluster.Service) object {
	s.ID = cmp.Or(s.ID, s.Name)
	return object{
		kind: "Service", name: fmt.Sprintf("service %q on node %q", s.ID, s.Node),
		read: func() (row cluster.TransactionRow, had uint64) {
			if row.Service = t.view.NodeService(s.Node, s.ID); row.Service != nil {
				had = row.Service.ModifyIndex
			}
			return row, had
		},
		set: func() error { return t.registerOn(s.Node, &cluster.Register{Service: &s}) },
		remove: func() error {
			if s.ID == "" {
				return cluster.Errorf(cluster.Invalid, "Must provide service ID: the operation on node %q names none", s.Node)
			}
			return t.w.deregister(&cluster.Deregister{Node: s.Node, ServiceID: s.ID})
		},
	}
}

func (t *transaction) checkObject(c cluster.Check) object {
	c.ID = cmp.Or(c.ID, c.Name)
	return object{
		kind: "Check", name: fmt.Sprintf("check %q on node %q", c.ID, c.Node),
		read: func() (row cluster.TransactionRow, had uint64) {
			if row.Check = t.view.NodeCheck(c.Node, c.ID); row.Check != nil {
				had = row.Check.ModifyIndex
			}
			return row, had
		},
		set: func() error { return t.registerOn(c.Node, &cluster.Register{Checks: []*cluster.Check{&c}}) },
		remove: func() error {
			if c.ID == "" {
				return cluster.Errorf(cluster.Invalid, "Must provide check ID: the operation on node %q names none", c.Node)
			}
			return t.w.deregister(&cluster.Deregister{Node: c.Node, CheckID: c.ID})
		},
	}
}

// registerOn registers what belongs to a node that is there already.
func (t *transaction) registerOn(node string, c *cluster.Register) error {
	if t.view.Node(node) == nil {
		return cluster.Errorf(cluster.Invalid, "Missing node registration: node %q is not in the catalog", node)
	}
	c.Node.Name, c.SkipNodeUpdate = node, true
	return t.w.register(c)
}
