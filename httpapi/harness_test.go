package httpapi

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/agent"
)

var update = flag.Bool("update", false, "write the golden files anew")

var start = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// member is one member of a cluster as the API sees it: a real state behind a log of its own.
type member struct {
	store *state.Store

	mu      sync.Mutex // guards following
	index   uint64
	ids     int
	renewed []string
	leader  string
	noWrite error // what Apply answers instead of applying
	left    []string
	local   registry
	events  events

	archives archives
	servers  []cluster.ServerHealth
	keys     keys
	log      logs

	noReload error // what reloading answers
}

func newMember() *member {
	return &member{store: state.New(), leader: "10.0.0.1:8300", local: registry{services: map[string]*cluster.Service{}, checks: map[string]agent.LocalCheck{}}}
}

func (m *member) Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	wait := opts.MaxWait
	if wait == 0 {
		wait = cluster.DefaultWait
	}
	meta := cluster.QueryMeta{KnownLeader: m.Leader() != "", LastContact: 12 * time.Millisecond, Consistency: opts.Consistency}
	if m.Leader() == "" && opts.Consistency != cluster.Stale {
		return meta, cluster.ErrNoLeader
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		v := m.store.WatchView()
		err := fn(v)
		meta.Index = v.Index()
		if err != nil || opts.MinIndex == 0 || v.Index() > opts.MinIndex {
			return meta, err
		}
		if v.Wait(limited) != nil {
			return meta, ctx.Err()
		}
	}
}

func (m *member) Apply(_ context.Context, _ cluster.WriteOptions, cmd cluster.Command) (any, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.noWrite != nil {
		return nil, m.noWrite
	}
	m.index++
	r := m.store.Apply([]state.Entry{{Index: m.index, Time: start.Add(time.Duration(m.index) * time.Second), Command: cmd}})[0]
	return r.Value, r.Err
}

func (m *member) CreateSession(ctx context.Context, opts cluster.WriteOptions, s cluster.Session) (string, error) {
	m.mu.Lock()
	m.ids++
	s.ID = fmt.Sprintf("00000000-0000-0000-0000-%012d", m.ids)
	m.mu.Unlock()
	_, err := m.Apply(ctx, opts, &cluster.SessionCreate{Session: s})
	return s.ID, err
}

func (m *member) CreatePreparedQuery(ctx context.Context, opts cluster.WriteOptions, q cluster.PreparedQuery) (string, error) {
	m.mu.Lock()
	m.ids++
	q.ID = fmt.Sprintf("00000000-0000-0000-0000-%012d", m.ids)
	m.mu.Unlock()
	_, err := m.Apply(ctx, opts, &cluster.PutPreparedQuery{Query: q})
	return q.ID, err
}

func (m *member) RenewSession(_ context.Context, _ cluster.WriteOptions, id string) error {
	if m.store.View().Session(id) == nil {
		return cluster.Errorf(cluster.NotFound, "Session id '%s' not found", id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.renewed = append(m.renewed, id)
	return nil
}

func (m *member) Leader() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leader
}

func (m *member) setLeader(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leader = addr
}

func (m *member) IsLeader() bool { return m.Leader() == "10.0.0.1:8300" }

func (m *member) Stats() map[string]string { return map[string]string{"state": "Leader", "term": "2"} }

func (m *member) Peers() ([]cluster.Peer, error) {
	return []cluster.Peer{{ID: "a", Addr: "10.0.0.1:8300", Voter: true}, {ID: "b", Addr: "10.0.0.2:8300", Voter: true}, {ID: "c", Addr: "10.0.0.3:8300"}}, nil
}

func (m *member) Self() cluster.Member {
	return cluster.Member{
		Name: "n1", Addr: netip.MustParseAddrPort("10.0.0.1:8301"), Status: cluster.StatusAlive,
		Tags: map[string]string{"role": "consul", "dc": "dc1", "id": nodeID, "port": "8300", "vsn": "2", "build": "1.21.4:1a2b3c4d", "cluster": clusterID},
	}
}

func (m *member) Coordinate() cluster.Coordinate { return place(0.002) }

// place is a coordinate whose round-trip time to the origin is x seconds.
func place(x float64) cluster.Coordinate {
	return cluster.Coordinate{Vec: []float64{x, 0, 0, 0, 0, 0, 0, 0}, Error: 0.5, Height: 1e-5}
}

// coordinates is an update of nodes and their places.
func coordinates(pairs ...any) *cluster.UpdateCoordinates {
	cmd := &cluster.UpdateCoordinates{}
	for i := 0; i < len(pairs); i += 2 {
		cmd.Updates = append(cmd.Updates, cluster.NodeCoordinate{Node: pairs[i].(string), Coordinate: place(pairs[i+1].(float64))})
	}
	return cmd
}

func (m *member) Members() []cluster.Member {
	return []cluster.Member{
		m.Self(),
		{Name: "n2", Addr: netip.MustParseAddrPort("10.0.0.2:8301"), Status: cluster.StatusLeft, Tags: map[string]string{"role": "consul", "dc": "dc1"}},
		{Name: "n3", Addr: netip.MustParseAddrPort("10.0.0.3:8301"), Status: cluster.StatusFailed, Tags: map[string]string{"role": "node", "dc": "dc1"}},
	}
}

func (m *member) note(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = append(m.left, what)
}

func (m *member) notes() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.left, "; ")
}

func (m *member) Join(_ context.Context, addrs []string) (int, error) {
	if addrs[0] == "nowhere" {
		return 0, cluster.Errorf(cluster.Invalid, "cannot join nowhere")
	}
	m.note("join " + strings.Join(addrs, ","))
	return 1, nil
}

func (m *member) ForceLeave(name string, prune bool) error {
	if name == "nobody" {
		return cluster.Errorf(cluster.NotFound, "no member is called %q", name)
	}
	m.note(fmt.Sprintf("force-leave %s %t", name, prune))
	return nil
}

func (m *member) Leave(context.Context) error { m.note("leave"); return nil }

func (m *member) Budget(*state.View) []cluster.Budget {
	return []cluster.Budget{{Group: "gateway", Cause: "machine", What: "its machine loses power", Worst: 800 * time.Millisecond, Why: "the lease"}}
}

func (m *member) Plan(v *state.View, groups []cluster.Group, _ cluster.Supposition) ([]cluster.Decision, error) {
	for _, g := range v.Groups() {
		if !slices.ContainsFunc(groups, func(o cluster.Group) bool { return o.Name == g.Name }) {
			groups = append(groups, *g)
		}
	}
	var out []cluster.Decision
	for _, g := range groups {
		if g.VIPs[0].Prefix.Addr().String() == "192.0.2.9" {
			return nil, cluster.Errorf(cluster.Invalid, "group %q: no machine has an interface in 192.0.2.0/24", g.Name)
		}
		d := cluster.Decision{Group: g.Name, Node: "n1", Why: "n1 is preferred", Planned: v.PlannedMove(g.Name), Verdicts: []cluster.Verdict{
			{Node: "n1", Eligible: true, Rank: 1, Why: "preferred"}, {Node: "n2", Why: "its service web is critical"},
		}}
		if a := v.Assignment(g.Name); a != nil {
			d.Current, d.Epoch = a.Node, a.Epoch
		}
		out = append(out, d)
	}
	return out, nil
}

func (m *member) Move(ctx context.Context, opts cluster.WriteOptions, group, node string) (cluster.Assignment, error) {
	if m.store.View().Group(group) == nil {
		return cluster.Assignment{}, cluster.Errorf(cluster.NotFound, "there is no group %q", group)
	}
	a := cluster.Assignment{Group: group, Node: node, Epoch: 2, Moved: true, Why: "an operator asked for it", Since: start}
	_, err := m.Apply(ctx, opts, &cluster.Steer{Assignments: []cluster.Assignment{a}})
	return a, err
}

func (m *member) PlanMove(ctx context.Context, opts cluster.WriteOptions, group, node string, in time.Duration) (cluster.PlannedMove, error) {
	if _, err := m.Apply(ctx, opts, &cluster.PlanMove{Group: group, Node: node, In: in}); err != nil {
		return cluster.PlannedMove{}, err
	}
	return *m.store.View().PlannedMove(group), nil
}

func (m *member) CancelMove(ctx context.Context, opts cluster.WriteOptions, group string) error {
	_, err := m.Apply(ctx, opts, &cluster.PlanMove{Group: group, Why: "an operator called it off"})
	return err
}

func (m *member) Holdings() []cluster.Holding {
	return []cluster.Holding{{Group: "gateway", Node: "n1", Epoch: 1, Phase: "serving", Remaining: 500 * time.Millisecond, Addresses: []string{"10.77.0.100/24 on eth0"}, Fence: "ebpf/tcx"}}
}

func (m *member) Templates() []cluster.TemplateState {
	return []cluster.TemplateState{{
		Source: "/etc/haproxy/haproxy.ctmpl", Destination: "/etc/haproxy/haproxy.cfg", Phase: cluster.TemplateRefused, Why: "the new text is refused", Rendered: start, Writes: 3,
		Command: cluster.TemplateCommand{Command: "systemctl reload haproxy", Started: start, Took: 12 * time.Millisecond, Lag: 3 * time.Millisecond, Output: "done"},
	}}
}

// registry is an agent's registrations without anything that runs them.
type registry struct {
	change   chan struct{} // closed at the next change; nil where nobody has asked
	mu       sync.Mutex    // guards following
	services map[string]*cluster.Service
	checks   map[string]agent.LocalCheck
	tokens   []string
	replaced bool
}

func (g *registry) RegisterService(_ context.Context, s cluster.Service, checks []cluster.CheckDefinition, replace bool, token string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.services[s.ID], g.replaced = &s, replace
	g.changedLocked()
	g.tokens = append(g.tokens, token)
	for _, d := range checks {
		g.put(d)
	}
	return nil
}

func (g *registry) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.change == nil {
		g.change = make(chan struct{})
	}
	return g.change
}

func (g *registry) changedLocked() {
	if g.change != nil {
		close(g.change)
		g.change = nil
	}
}

func (g *registry) put(d cluster.CheckDefinition) {
	c := cluster.Check{Node: "n1", ID: d.ID, Name: d.Name, ServiceID: d.ServiceID, Status: cluster.Critical, Type: d.Kind(), Notes: d.Notes}
	if s := g.services[d.ServiceID]; s != nil {
		c.ServiceName, c.ServiceTags = s.Name, s.Tags
	}
	g.checks[d.ID] = agent.LocalCheck{Check: c, Definition: d}
}

func (g *registry) DeregisterService(_ context.Context, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.services[id] == nil {
		return cluster.Errorf(cluster.NotFound, "Unknown service ID %q", id)
	}
	delete(g.services, id)
	g.changedLocked()
	return nil
}

func (g *registry) RegisterCheck(_ context.Context, d cluster.CheckDefinition, token string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens = append(g.tokens, token)
	g.put(d)
	return nil
}

func (g *registry) DeregisterCheck(_ context.Context, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.checks[id]; !ok {
		return cluster.Errorf(cluster.NotFound, "Unknown check ID %q", id)
	}
	delete(g.checks, id)
	return nil
}

func (g *registry) Maintain(_ context.Context, serviceID, reason, token string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := cluster.CheckDefinition{ID: cluster.NodeMaintenance, Name: "maintenance", Notes: reason, Maintenance: true}
	if serviceID != "" {
		if g.services[serviceID] == nil {
			return cluster.Errorf(cluster.NotFound, "Unknown service ID %q", serviceID)
		}
		d.ID, d.ServiceID = cluster.ServiceMaintenance+serviceID, serviceID
	}
	g.tokens = append(g.tokens, token)
	g.put(d)
	return nil
}

func (g *registry) EndMaintenance(_ context.Context, serviceID string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if serviceID != "" && g.services[serviceID] == nil {
		return cluster.Errorf(cluster.NotFound, "Unknown service ID %q", serviceID)
	}
	delete(g.checks, cluster.ServiceMaintenance+serviceID)
	if serviceID == "" {
		delete(g.checks, cluster.NodeMaintenance)
	}
	return nil
}

func (g *registry) UpdateTTL(_ context.Context, id string, status cluster.Status, output string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.checks[id]
	if !ok {
		return cluster.Errorf(cluster.NotFound, "Unknown check ID %q", id)
	}
	c.Status, c.Output = status, output
	g.checks[id] = c
	return nil
}

func (g *registry) LocalServices() map[string]*cluster.Service {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string]*cluster.Service{}
	maps.Copy(out, g.services)
	return out
}

func (g *registry) LocalChecks() map[string]agent.LocalCheck {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string]agent.LocalCheck{}
	maps.Copy(out, g.checks)
	return out
}

const nodeID = "11111111-2222-3333-4444-555555555555"

const clusterID = "22222222-3333-4444-5555-666666666666"

func (m *member) config() Config {
	return Config{
		Config: agent.Config{
			Datacenter: "dc1", NodeName: "n1", NodeID: nodeID, NodeMeta: map[string]string{"rack": "r1"}, Server: true, Version: "1.21.4", Revision: "1a2b3c4d",
			BuildDate: "2026-01-02T03:04:05Z", DataDir: "/", Debug: map[string]any{"Bootstrap": false}, Shutdown: func() { m.note("shutdown") },
			Reload: func(context.Context) error { m.note("reload"); return m.noReload },
		},
		ResponseHeaders: map[string]string{"X-Rack": "r1"},
	}
}

func (m *member) handler(change ...func(*Config)) http.Handler {
	cfg := m.config()
	for _, f := range change {
		f(&cfg)
	}
	return New(cfg, m.deps(), slog.New(slog.DiscardHandler))
}

func (m *member) deps() Deps {
	return Deps{
		Reader: m, Writer: m, Sessions: m, Pool: m, Raft: m, Registry: &m.local, Failover: m, Events: &m.events, Queries: m, Archives: &m.archives, Keys: &m.keys, Watches: watches{},
		Templates: m, Proxies: proxies{}, Log: &m.log, Metrics: metrics{},
	}
}

func (m *member) apply(tb testing.TB, cmds ...cluster.Command) {
	tb.Helper()
	for _, cmd := range cmds {
		if _, err := m.Apply(tb.Context(), cluster.WriteOptions{}, cmd); err != nil {
			tb.Fatalf("apply %T: %v", cmd, err)
		}
	}
}

// Populate fills the state with something of each kind.
func (m *member) populate(tb testing.TB) *member {
	tb.Helper()
	n1 := cluster.Node{
		ID: nodeID, Name: "n1", Address: "10.0.0.1", Datacenter: "dc1", TaggedAddresses: map[string]string{"lan": "10.0.0.1", "wan": "10.0.0.1"},
		Meta: map[string]string{"rack": "r1"},
	}
	n2 := cluster.Node{Name: "n2", Address: "10.0.0.2", Datacenter: "dc1"}
	m.apply(tb,
		&cluster.Register{Node: n1, Checks: []*cluster.Check{{ID: cluster.SerfHealth, Name: cluster.SerfHealthName, Status: cluster.Passing, Output: "Agent alive and reachable"}}},
		&cluster.Register{
			Node: n1,
			Service: &cluster.Service{
				ID: "web-1", Name: "web", Tags: []string{"v1", "Primary"}, Address: "10.0.0.10", Port: 80, Meta: map[string]string{"a": "b"},
				TaggedAddresses: map[string]cluster.ServiceAddress{"lan": {Address: "10.0.0.10", Port: 80}}, Weights: cluster.Weights{Passing: 10, Warning: 1}, EnableTagOverride: true,
			},
			Checks: []*cluster.Check{{ID: "service:web-1", Name: "Service 'web' check", Status: cluster.Passing, Output: "<ok>", ServiceID: "web-1", Type: "http", Interval: "10s", Timeout: "1s"}},
		},
		&cluster.Register{
			Node: n2, Service: &cluster.Service{ID: "web", Name: "web", Weights: cluster.DefaultWeights, Port: 81},
			Checks: []*cluster.Check{{ID: "service:web", Name: "c", Status: cluster.Warning, ServiceID: "web"}},
		},
		&cluster.SessionCreate{Session: cluster.Session{
			ID: "00000000-0000-0000-0000-00000000000a", Name: "s", Node: "n1", LockDelay: 15 * time.Second, TTL: 30 * time.Second, NodeChecks: []string{cluster.SerfHealth},
		}},
		&cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "a", Value: []byte("one"), Flags: 7}},
		&cluster.KVWrite{Verb: cluster.KVLock, Entry: cluster.KVEntry{Key: "a/lock", Value: []byte{0, 0xff}, Session: "00000000-0000-0000-0000-00000000000a"}},
		&cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "b/\"ü\n/c"}},
		&cluster.PutGroup{Group: cluster.Group{
			Name: "gateway", VIPs: []cluster.VIP{{Prefix: netip.MustParsePrefix("10.77.0.100/24")}}, Service: "web", Prefer: []string{"n1", "n2"},
			OnAcquire: []cluster.Hook{{Args: []string{"/bin/true"}, Timeout: 2 * time.Second}},
		}},
		&cluster.Steer{
			Presences:   []cluster.Presence{{Node: "n1", Live: true, Why: "its lease channel is open", Since: start, Unable: map[string]string{"dns": "no interface"}}},
			Assignments: []cluster.Assignment{{Group: "gateway", Node: "n1", Epoch: 1, Why: "n1 is preferred", Since: start}},
			Transitions: []cluster.Transition{{Time: start, Kind: cluster.TransitionAssign, Group: "gateway", Node: "n1", Epoch: 1, Why: "n1 is preferred", Took: 3 * time.Millisecond}},
		},
		coordinates("n1", 0.002, "n2", 0.010),
		&cluster.PutPreparedQuery{Query: cluster.PreparedQuery{
			ID: "00000000-0000-0000-0000-00000000000b", Name: "nearest-web", Session: "00000000-0000-0000-0000-00000000000a", Token: "t",
			Service: cluster.QueryService{Service: "web", Near: "_agent", Tags: []string{"!none"}, Failover: cluster.QueryFailover{NearestN: 2, Datacenters: []string{"dc2"}}},
			DNS:     cluster.QueryDNS{TTL: "10s"},
		}},
		&cluster.PutPreparedQuery{Query: cluster.PreparedQuery{
			ID: "00000000-0000-0000-0000-00000000000c", Name: "any-", Template: cluster.QueryTemplate{Type: cluster.TemplateByPrefix, Regexp: "^any-(.*)$", RemoveEmptyTags: true},
			Service: cluster.QueryService{
				Service: "${match(1)}", Tags: []string{"${match(2)}"}, NodeMeta: map[string]string{"rack": "r1"}, ServiceMeta: map[string]string{"a": "b"},
				IgnoreCheckIDs: []string{"noisy"}, OnlyPassing: true, Failover: cluster.QueryFailover{Targets: []cluster.QueryTarget{{Datacenter: "dc2"}}},
			},
		}},
	)
	m.events.fire(tb, cluster.UserEvent{Name: "deploy", Payload: []byte("v2"), NodeFilter: "^n"})
	m.events.fire(tb, cluster.UserEvent{Name: "empty"})
	m.local.services["web-1"] = m.store.View().NodeService("n1", "web-1")
	m.local.put(cluster.CheckDefinition{ID: "service:web-1", Name: "Service 'web' check", ServiceID: "web-1", TTL: time.Second})
	return m
}

// send sends one request, "METHOD target", to the handler.
func send(tb testing.TB, h http.Handler, line, body string, headers ...string) *httptest.ResponseRecorder {
	tb.Helper()
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update if it should).\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}
