package local

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/check"
	"holdfast/cluster/local/journal"
	"holdfast/cluster/state"
)

// Catalog is what anti-entropy needs of the member: its own copy of the catalog, a read that waits until that copy is as new as the
// leader's, and the way to change it.
type Catalog interface {
	WatchView() *state.View
	Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error)
	Apply(ctx context.Context, opts cluster.WriteOptions, cmd cluster.Command) (any, error)
}

// Options say who this node is.
type Options struct {
	Node           cluster.Node  // this node's record as it should stand in the catalog
	Dir            string        // where API registrations are kept; "" means nowhere
	OutputInterval time.Duration // a check's output alone is written at most this often; 0 means DefaultOutputInterval
	OutputMaxSize  int           // bytes that a check keeps at most and by default; 0 means what the check says
	DiscardOutput  bool          // checks have no output

	Identity check.Identity // how checks speak TLS
}

// DefaultOutputInterval is how often the output of a check is written while its status stays the same. It is Consul's
// check_update_interval.
const DefaultOutputInterval = 5 * time.Minute

// Source says where a registration came from.
type Source uint8

// The sources. What the config files say is replaced at a reload; what came through the API is kept on disk.
const (
	FromConfig Source = iota
	FromAPI
)

// Service is a registered service of this agent.
type Service struct {
	cluster.Service
	Token  string
	Source Source
}

// Check is a registered check of this agent with its newest result.
type Check struct {
	cluster.Check
	Definition cluster.CheckDefinition
	Token      string
	Source     Source
}

// Registry is this agent's registrations. Its methods may be called from many goroutines.
type Registry struct {
	opts    Options
	catalog Catalog
	log     *slog.Logger
	kick    chan struct{} // holds one: the loop has something to write
	probes  sync.WaitGroup

	changing sync.Mutex       // held through a change of the registrations, disk included; guards following
	journal  *journal.Journal // what came through the API, on disk; nil before the first use, and where nothing is kept
	unsynced bool             // something was put there that is to be synced
	pending  []Check          // kept checks of services that are not registered (yet)

	mu       sync.Mutex               // guards following; services, checks and of change only while changing is held, too
	services map[string]*Service      // by key of the ID, as all that follow
	checks   map[string]*runningCheck //
	of       map[string]checkSet      // the checks of a service, those of the node under ""
	running  context.Context          // checks live in it; nil before Run and after
	turn     time.Time                // before which no further check begins
	settled  bool                     // the configuration is registered: what the catalog has beyond it is surplus
	todo     todo
	changed  chan struct{} // closed at the next change of the registrations
}

type checkSet map[string]*runningCheck

// runningCheck is a check with what runs it.
type runningCheck struct {
	Check
	ttl     *check.TTL         // of a TTL check
	cancel  context.CancelFunc // ends the probe; nil while none runs
	since   time.Time          // when it turned critical; zero while it is not
	written time.Time          // when it was last sent to the catalog
	ran     bool               // it has a result of its own
	adopts  bool               // until then it takes the catalog's: it was registered as the agent started
}

// New makes an empty registry; Run keeps the catalog in step with it.
func New(opts Options, catalog Catalog, log *slog.Logger) *Registry {
	if opts.OutputInterval == 0 {
		opts.OutputInterval = DefaultOutputInterval
	}
	return &Registry{
		opts: opts, catalog: catalog, log: log, kick: make(chan struct{}, 1),
		services: map[string]*Service{}, checks: map[string]*runningCheck{}, of: map[string]checkSet{}, todo: newTodo(), changed: make(chan struct{}),
	}
}

// Close closes what the registrations are kept in: they can be read afterwards, and not be changed. Call it when Run has ended.
func (r *Registry) Close() error {
	r.changing.Lock()
	defer r.changing.Unlock()
	if r.journal == nil {
		return nil
	}
	return r.journal.Close()
}

// Changed is closed when the registrations are others than at the call. Results of checks are no such change.
func (r *Registry) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Services are the registered services by ID. The caller owns the map, not what it points to.
func (r *Registry) Services() map[string]*Service {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]*Service, len(r.services))
	for _, s := range r.services {
		out[s.ID] = s
	}
	return out
}

// Checks are copies of the registered checks by ID.
func (r *Registry) Checks() map[string]Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]Check, len(r.checks))
	for _, c := range r.checks {
		out[c.ID] = c.Check
	}
	return out
}

// ServiceOf is the ID of the service that a check belongs to, "" for the node.
func (r *Registry) ServiceOf(checkID string) string {
	if c := r.check(checkID); c != nil {
		return c.ServiceID
	}
	return ""
}

// key is an ID as the catalog compares it: without regard to case.
func key(id string) string { return strings.ToLower(id) }

// foreign reports whether a record of this node in the catalog is not this registry's business: the leader keeps it.
func foreign(id string) bool {
	return strings.EqualFold(id, "consul") || strings.EqualFold(id, cluster.SerfHealth)
}
