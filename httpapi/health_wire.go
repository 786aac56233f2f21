package httpapi

import (
	"holdfast/cluster"
	"holdfast/cluster/state"
)

// checkJSON is a check as the health family and agent/checks show it.
type checkJSON struct {
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
	Definition  empty
	CreateIndex uint64
	ModifyIndex uint64
}

// instanceJSON is an instance with its node and every check that bears on it.
type instanceJSON struct {
	Node    nodeJSON
	Service serviceJSON
	Checks  []checkJSON
}

func toCheck(c *cluster.Check) checkJSON {
	return checkJSON{
		Node: c.Node, CheckID: c.ID, Name: c.Name, Status: string(c.Status), Notes: c.Notes, Output: c.Output, ServiceID: c.ServiceID,
		ServiceName: c.ServiceName, ServiceTags: orEmpty(c.ServiceTags), Type: c.Type, Interval: c.Interval, Timeout: c.Timeout,
		CreateIndex: c.CreateIndex, ModifyIndex: c.ModifyIndex,
	}
}

func toInstance(i state.Instance) instanceJSON {
	return instanceJSON{Node: toNode(i.Node), Service: toService(i.Service), Checks: each(i.Checks, toCheck)}
}
