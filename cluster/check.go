package cluster

import (
	"bytes"
	"slices"
)

// Status is the health of a check, or the worst of several.
type Status string

// The states of a check, from best to worst. Maintenance is shown as critical in the catalog.
const (
	Passing  Status = "passing"
	Warning  Status = "warning"
	Critical Status = "critical"
)

// Valid reports whether s is one of the three states.
func (s Status) Valid() bool { return s == Passing || s == Warning || s == Critical }

// Worse is the worse of two states.
func (s Status) Worse(o Status) Status {
	switch {
	case s == Critical || o == Critical:
		return Critical
	case s == Warning || o == Warning:
		return Warning
	}
	return Passing
}

// Check IDs with a meaning of their own.
const (
	SerfHealth         = "serfHealth"            // the node check that the leader keeps from gossip
	SerfHealthName     = "Serf Health Status"    //
	NodeMaintenance    = "_node_maintenance"     // critical while the node is in maintenance
	ServiceMaintenance = "_service_maintenance:" // followed by the service ID
)

// Check is the health of a node or of one service instance, as the catalog holds it. A Check that a View hands out is shared and
// must not be changed.
type Check struct {
	Node        string
	ID          string // unique on its node
	Name        string
	Status      Status
	Notes       string
	Output      string
	ServiceID   string   // "" for a check of the whole node
	ServiceName string   // filled in by the state
	ServiceTags []string // filled in by the state
	Type        string   // "ttl", "http", "script", …; "" where a program registered it
	Interval    string   // as configured, "10s"
	Timeout     string
	Probe       []byte // how a monitor of external nodes is to check, in JSON: kept for that program, and not acted on

	CreateIndex, ModifyIndex uint64
}

// Validate says in one sentence what is wrong with the check, or returns nil.
func (c *Check) Validate() error {
	switch {
	case c.ID == "" && c.Name == "":
		return Errorf(Invalid, "a check of node %q has neither an ID nor a name: give CheckID or Name", c.Node)
	case hasNUL(c.ID) || hasNUL(c.ServiceID):
		return Errorf(Invalid, "check ID %q or its service ID %q has a NUL character", c.ID, c.ServiceID)
	case !c.Status.Valid():
		return Errorf(Invalid, "check %q has status %q: want passing, warning or critical", c.ID, c.Status)
	}
	return nil
}

// Equal reports whether two checks say the same, indexes and what the state fills in aside.
func (c *Check) Equal(o *Check) bool {
	return c.Node == o.Node && c.ID == o.ID && c.Name == o.Name && c.Status == o.Status && c.Notes == o.Notes && c.Output == o.Output &&
		c.ServiceID == o.ServiceID && c.Type == o.Type && c.Interval == o.Interval && c.Timeout == o.Timeout &&
		bytes.Equal(c.Probe, o.Probe) && c.ServiceName == o.ServiceName && slices.Equal(c.ServiceTags, o.ServiceTags)
}

// Worst is the worst state of the checks, Passing for none.
func Worst(checks []*Check) Status {
	s := Passing
	for _, c := range checks {
		s = s.Worse(c.Status)
	}
	return s
}
