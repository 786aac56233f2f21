package agent

import (
	"context"
	"log/slog"

	"holdfast/cluster"
)

// WAN is the pool between datacenters.
type WAN interface {
	Members() []cluster.Member // in the order of their names
	Join(ctx context.Context, addrs []string) (int, error)
	ForceLeave(name string, prune bool) error
}

// Pool is the gossip pool.
type Pool interface {
	Members() []cluster.Member // in the order of their names
	Self() cluster.Member
	Coordinate() cluster.Coordinate // where this member is among the others
	Join(ctx context.Context, addrs []string) (int, error)
	ForceLeave(name string, prune bool) error
	Leave(ctx context.Context) error
}

// Raft says who leads.
type Raft interface {
	Leader() string // the leader's RPC address, "" for none
	IsLeader() bool
	Peers() ([]cluster.Peer, error)
	Stats() map[string]string
}

// Registry is what this agent registered.
type Registry interface {
	RegisterService(ctx context.Context, s cluster.Service, checks []cluster.CheckDefinition, replaceChecks bool, token string) error
	DeregisterService(ctx context.Context, id string) error
	RegisterCheck(ctx context.Context, d cluster.CheckDefinition, token string) error
	DeregisterCheck(ctx context.Context, id string) error
	UpdateTTL(ctx context.Context, id string, status cluster.Status, output string) error
	// Maintain puts a service into maintenance, or the node where serviceID is ""; it may be there already. EndMaintenance lifts it.
	Maintain(ctx context.Context, serviceID, reason, token string) error
	EndMaintenance(ctx context.Context, serviceID string) error
	// Changed is closed when a service or a check is registered, changed or deregistered after the call.
	Changed() <-chan struct{}
	LocalServices() map[string]*cluster.Service
	LocalChecks() map[string]LocalCheck
}

// LocalCheck is a check that this agent runs, with its newest result.
type LocalCheck struct {
	cluster.Check
	Definition cluster.CheckDefinition
}

// Log is the agent's log, for those who listen to it.
type Log interface {
	// Listen answers the lines from now on, from a level on, until stop is called. Who reads too slowly loses lines, and is told so.
	Listen(level slog.Level, json bool) (lines <-chan []byte, stop func())
}
