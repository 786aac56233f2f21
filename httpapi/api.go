package httpapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/cluster"
	"holdfast/httpapi/agent"
	"holdfast/httpapi/catalog"
	"holdfast/httpapi/connect"
	"holdfast/httpapi/coordinate"
	"holdfast/httpapi/event"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/group"
	"holdfast/httpapi/kv"
	"holdfast/httpapi/operator"
	"holdfast/httpapi/proxy"
	"holdfast/httpapi/query"
	"holdfast/httpapi/session"
	"holdfast/httpapi/snapshot"
	"holdfast/httpapi/status"
	"holdfast/httpapi/template"
	"holdfast/httpapi/txn"
	"holdfast/httpapi/watch"
)

// Config is what the API says of this agent, and its limits.
type Config struct {
	agent.Config

	ResponseHeaders map[string]string // on every answer
	NoConnect       bool              // the CA's root is not answered
	KVMaxValueSize  int               // bytes, 0 means cluster.MaxValueSize
	BodyTimeout     time.Duration     // for the body of a request to arrive, 0 means 30 s
	NoCache         bool              // the parameter cached is not heard
	DefaultWait     time.Duration     // of a read that blocks and does not say how long, 0 means cluster.DefaultWait
	MaxWait         time.Duration     // of any, 0 means cluster.MaxWait

	Elsewhere  exchange.Elsewhere    // the other datacenters; nil where there is no way to any
	Profiles   bool                  // /debug/pprof is answered
	Registerer prometheus.Registerer // where the API's own metrics go; nil means nowhere
}

// Raft is what the families ask of the consensus.
type Raft interface {
	agent.Raft
	operator.Raft
	operator.Servers
}

// WAN is what the families ask of the pool between datacenters.
type WAN interface {
	agent.WAN
	coordinate.WAN
}

// Deps are the parts of the agent that the API speaks to.
type Deps struct {
	Reader    exchange.Reader
	Writer    exchange.Writer
	Sessions  session.Sessions
	Pool      agent.Pool
	WAN       WAN // nil where this agent is in no pool between datacenters
	Raft      Raft
	Registry  agent.Registry
	Failover  group.Failover
	Events    event.Events
	Queries   query.Queries
	Abroad    query.Abroad // where prepared queries go on; nil where there is no way to other datacenters
	Archives  snapshot.Archives
	Keys      operator.Keys
	Watches   watch.Watches
	Templates template.Templates
	Proxies   proxy.Proxies
	Log       agent.Log
	Metrics   agent.Metrics
}

// New makes the API's handler. It starts nothing.
func New(cfg Config, deps Deps, log *slog.Logger) http.Handler {
	if cfg.KVMaxValueSize == 0 {
		cfg.KVMaxValueSize = cluster.MaxValueSize
	}
	if cfg.SessionTTLMin == 0 {
		cfg.SessionTTLMin = cluster.MinSessionTTL
	}
	f := exchange.NewFront(exchange.Config{
		Datacenter: cfg.Datacenter, ResponseHeaders: cfg.ResponseHeaders, BodyTimeout: cfg.BodyTimeout, NoCache: cfg.NoCache, DefaultWait: cfg.DefaultWait, MaxWait: cfg.MaxWait, Metrics: cfg.Registerer,
		Elsewhere: cfg.Elsewhere,
	}, log)
	deps.Reader = exchange.PatientReader(deps.Reader)
	f.ServeKV(kv.Methods(deps.Reader, deps.Writer, cfg.KVMaxValueSize))
	for _, family := range []exchange.Routes{
		catalog.Routes(deps.Reader, deps.Writer, cfg.Elsewhere, cfg.Datacenter, cfg.NodeName),
		query.Routes(deps.Reader, deps.Writer, deps.Queries, deps.Abroad, cfg.Datacenter, cfg.NodeName),
		coordinate.Routes(deps.Reader, deps.Writer, deps.WAN, cfg.Datacenter),
		agent.Routes(cfg.Config, deps.Pool, deps.WAN, deps.Raft, deps.Registry, deps.Log, deps.Metrics),
		session.Routes(deps.Reader, deps.Writer, deps.Sessions, cfg.NodeName, cfg.SessionTTLMin),
		status.Routes(deps.Raft),
		event.Routes(deps.Events),
		watch.Routes(deps.Watches),
		template.Routes(deps.Templates),
		proxy.Routes(deps.Proxies),
		snapshot.Routes(deps.Archives),
		txn.Routes(deps.Reader, deps.Writer, cfg.Datacenter, cfg.KVMaxValueSize),
		group.Routes(deps.Reader, deps.Writer, deps.Failover, deps.Raft, cfg.NodeName),
		connect.Routes(deps.Reader, cfg.NoConnect),
		operator.Routes(operator.Deps{Reader: deps.Reader, Writer: deps.Writer, Raft: deps.Raft, Pool: deps.Pool, Servers: deps.Raft, Keys: deps.Keys}, cfg.Datacenter),
		unsupportedRoutes(),
	} {
		f.Add(family)
	}
	addProfiles(f, cfg.Profiles)
	return f
}
