package wire

import (
	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// Check is a check as the health family and agent/checks show it.
type Check struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string
	ExposedPort int
	Definition  Opaque
	CreateIndex uint64
	ModifyIndex uint64
}

// Instance is an instance with its node and every check that bears on it.
type Instance struct {
	Node    Node
	Service Service
	Checks  []Check
}

// FromCheck is a check as it is shown.
func FromCheck(c *cluster.Check) Check {
	return Check{
		Node: c.Node, CheckID: c.ID, Name: c.Name, Status: string(c.Status), Notes: c.Notes, Output: c.Output, ServiceID: c.ServiceID,
		ServiceName: c.ServiceName, ServiceTags: exchange.OrEmpty(c.ServiceTags), Type: c.Type, Interval: c.Interval, Timeout: c.Timeout, Definition: c.Probe,
		CreateIndex: c.CreateIndex, ModifyIndex: c.ModifyIndex,
	}
}

// FromInstance is an instance as it is shown with its node and checks.
func FromInstance(i state.Instance) Instance {
	return Instance{Node: FromNode(i.Node), Service: FromService(i.Service), Checks: exchange.Each(i.Checks, FromCheck)}
}
