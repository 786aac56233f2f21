package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Reader reads the replicated state. It makes it as fresh as the options ask, and blocks where they carry an index; fn may run many
// times and sets its results anew each time.
type Reader interface {
	Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error)
}

// Writer changes the replicated state.
type Writer interface {
	Apply(ctx context.Context, opts cluster.WriteOptions, cmd cluster.Command) (any, error)
}

// Sessions creates sessions and gives them their time again.
type Sessions interface {
	CreateSession(ctx context.Context, opts cluster.WriteOptions, s cluster.Session) (string, error)
	RenewSession(ctx context.Context, opts cluster.WriteOptions, id string) error
}

// Pool is the gossip pool.
type Pool interface {
	Members() []cluster.Member
	Self() cluster.Member
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
	LocalServices() map[string]*cluster.Service
	LocalChecks() map[string]LocalCheck
}

// LocalCheck is a check that this agent runs, with its newest result.
type LocalCheck struct {
	cluster.Check
	Definition cluster.CheckDefinition
}

// Failover plans and moves groups, and says what this machine holds.
type Failover interface {
	// Plan decides every group. The given ones take the place of those in the state, or come beside them. An error says why one of them
	// cannot be taken at all.
	Plan(v *state.View, groups []cluster.Group) ([]cluster.Decision, error)
	Move(ctx context.Context, opts cluster.WriteOptions, group, node string) (cluster.Assignment, error)
	Holdings() []cluster.Holding
}

// Config is what the API says of this agent, and its limits.
type Config struct {
	Datacenter string
	Domain     string // of the DNS, "consul."
	NodeName   string
	NodeID     string
	NodeMeta   map[string]string
	Server     bool
	Version    string // the Consul release that we are compatible with
	Revision   string
	BuildDate  string

	ResponseHeaders map[string]string // on every answer
	KVMaxValueSize  int               // bytes, 0 means cluster.MaxValueSize
	SessionTTLMin   time.Duration     // 0 means cluster.MinSessionTTL
	ScriptChecks    bool              // checks that run programs may be registered here
	Debug           map[string]any    // the agent's configuration, for /v1/agent/self
	Shutdown        func()            // called once this member has left and the client knows; it must not wait for the API to close
}

// Deps are the parts of the agent that the API speaks to.
type Deps struct {
	Reader   Reader
	Writer   Writer
	Sessions Sessions
	Pool     Pool
	Raft     Raft
	Registry Registry
	Failover Failover
}

// New makes the API's handler. It starts nothing.
func New(cfg Config, deps Deps, log *slog.Logger) http.Handler {
	if cfg.KVMaxValueSize == 0 {
		cfg.KVMaxValueSize = cluster.MaxValueSize
	}
	if cfg.SessionTTLMin == 0 {
		cfg.SessionTTLMin = cluster.MinSessionTTL
	}
	f := newFront(cfg, log)
	kv := &kvHandler{deps.Reader, deps.Writer, cfg.KVMaxValueSize}
	f.kv = kv.methods()
	f.add((&catalogHandler{deps.Reader, deps.Writer, cfg.Datacenter}).routes())
	f.add((&healthHandler{deps.Reader}).routes())
	f.add((&agentHandler{cfg, deps.Pool, deps.Raft}).routes())
	f.add((&registryHandler{deps.Registry, cfg}).routes())
	f.add((&localHealthHandler{deps.Registry, cfg.Datacenter}).routes())
	f.add((&sessionHandler{deps.Reader, deps.Writer, deps.Sessions, cfg.NodeName, cfg.SessionTTLMin}).routes())
	f.add((&statusHandler{deps.Raft}).routes())
	f.add((&failoverHandler{deps.Reader, deps.Writer, deps.Failover, deps.Raft, cfg.NodeName}).routes())
	f.add(unsupportedRoutes())
	return f
}
