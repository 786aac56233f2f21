package local

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// fakeCatalog is a leader with its state, and this member's copy of it, which may lag behind.
type fakeCatalog struct {
	lag  time.Duration // how far the copy lags
	took time.Duration // how long a commit takes

	mu      sync.Mutex // guards following
	leader  *state.Store
	copied  *state.Store
	index   uint64
	refuse  func(cluster.Command) error
	answer  func(cluster.Command) // called between the commit of a command and its answer
	cmds    []cluster.Command     // the committed ones
	tokens  []string
	queries int
	copying sync.WaitGroup
}

func newFakeCatalog() *fakeCatalog { return &fakeCatalog{leader: state.New(), copied: state.New()} }

func (f *fakeCatalog) WatchView() *state.View { return f.copied.WatchView() }

func (f *fakeCatalog) Query(ctx context.Context, _ cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	f.mu.Lock()
	index := f.index
	f.queries++
	f.mu.Unlock()
	if err := f.copied.WaitApplied(ctx, index); err != nil {
		return cluster.QueryMeta{}, err
	}
	return cluster.QueryMeta{}, fn(f.copied.View())
}

func (f *fakeCatalog) Apply(ctx context.Context, opts cluster.WriteOptions, cmd cluster.Command) (any, error) {
	if f.took > 0 {
		select {
		case <-time.After(f.took):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	res, answer := f.commit(opts, cmd)
	if answer != nil {
		answer(cmd)
	}
	return res.Value, res.Err
}

func (f *fakeCatalog) commit(opts cluster.WriteOptions, cmd cluster.Command) (state.Result, func(cluster.Command)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		if err := f.refuse(cmd); err != nil {
			return state.Result{Err: err}, nil
		}
	}
	f.index++
	f.cmds, f.tokens = append(f.cmds, cmd), append(f.tokens, opts.Token)
	batch := []state.Entry{{Index: f.index, Time: time.Now(), Command: cmd}}
	res := f.leader.Apply(batch)[0]
	if f.lag == 0 {
		f.copied.Apply(batch)
	} else {
		index := f.index
		f.copying.Go(func() {
			time.Sleep(f.lag)                                       //nolint:forbidigo // the clock of a bubble
			_ = f.copied.WaitApplied(context.Background(), index-1) // in order; it cannot end otherwise
			f.copied.Apply(batch)
		})
	}
	return res, f.answer
}

// answers has a function called between the commit of each command and its answer.
func (f *fakeCatalog) answers(fn func(cluster.Command)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = fn
}

// commits are the commands committed since the last call.
func (f *fakeCatalog) commits() []cluster.Command {
	f.mu.Lock()
	defer f.mu.Unlock()
	cmds := f.cmds
	f.cmds, f.tokens = nil, nil
	return cmds
}

func (f *fakeCatalog) refuses(fn func(cluster.Command) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = fn
}

// behind writes to the catalog as somebody else would.
func (f *fakeCatalog) behind(t *testing.T, cmds ...cluster.Command) {
	t.Helper()
	for _, cmd := range cmds {
		if _, err := f.Apply(t.Context(), cluster.WriteOptions{}, cmd); err != nil {
			t.Fatal(err)
		}
	}
	f.commits()
}

// holds is what the leader's catalog has of the node, one line each: services with their tags, checks with status and output.
func (f *fakeCatalog) holds() string {
	var lines []string
	v := f.leader.View()
	for _, s := range v.NodeServices("n1") {
		lines = append(lines, strings.TrimSpace(s.ID+" "+strings.Join(s.Tags, ",")))
	}
	for _, c := range v.NodeChecks("n1") {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s=%s %s", c.ID, c.Status, c.Output)))
	}
	return strings.Join(lines, "; ")
}

var self = cluster.Node{ID: "11111111-0000-0000-0000-000000000000", Name: "n1", Address: "10.0.0.1", Datacenter: "dc1", Meta: map[string]string{"rack": "a"}}

// registered is the node with what the leader keeps of it.
func registered() *cluster.Register {
	return &cluster.Register{
		Node: self, Service: &cluster.Service{Node: "n1", ID: "consul", Name: "consul", Weights: cluster.DefaultWeights},
		Checks: []*cluster.Check{{Node: "n1", ID: cluster.SerfHealth, Name: cluster.SerfHealthName, Status: cluster.Passing}},
	}
}

const leaders = "consul; serfHealth=passing" // what the catalog holds of registered

func newRegistry(f *fakeCatalog, opts Options) *Registry {
	opts.Node = self
	return New(opts, f, slog.New(slog.DiscardHandler))
}

// begin runs a registry against a catalog that has the node, until the bubble ends.
func begin(t *testing.T, opts Options) (*Registry, *fakeCatalog) {
	t.Helper()
	f := newFakeCatalog()
	f.behind(t, registered())
	r := newRegistry(f, opts)
	t.Cleanup(start(r, f))
	must(t, r.Replace(nil, nil))
	settle(t, r)
	return r, f
}

// start runs the registry until the function that it answers is called.
func start(r *Registry, f *fakeCatalog) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		<-done
		f.copying.Wait()
	}
}

// inRun runs the registry around a function.
func inRun(t *testing.T, r *Registry, f *fakeCatalog, fn func()) {
	t.Helper()
	defer start(r, f)()
	fn()
}

// settle waits until the loop has nothing to do, readings of the catalog included.
func settle(t *testing.T, r *Registry) {
	t.Helper()
	wait(2 * time.Second)
	synced(t, r)
}

func wait(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the clock of a bubble
	synctest.Wait()
}

func synced(t *testing.T, r *Registry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := r.Sync(ctx); err != nil {
		t.Fatalf("sync: %v", err)
	}
}

func service(id string, checks ...cluster.CheckDefinition) Registration {
	return Registration{Service: cluster.Service{ID: id, Name: id}, Checks: checks, Source: FromAPI}
}

func ttl(id string) cluster.CheckDefinition {
	return cluster.CheckDefinition{ID: id, Name: id, TTL: time.Hour}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantHolds(t *testing.T, f *fakeCatalog, want string) {
	t.Helper()
	if got := f.holds(); got != want {
		t.Errorf("the catalog holds\n\t%s\nwant\n\t%s", got, want)
	}
}

func wantCommits(t *testing.T, f *fakeCatalog, n int) {
	t.Helper()
	if got := f.commits(); len(got) != n {
		t.Errorf("%d commits, want %d:", len(got), n)
		for _, c := range got {
			t.Errorf("\t%T %+v", c, c)
		}
	}
}

// logged is a log that is read.
type logged struct {
	mu  sync.Mutex // guards following
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), s)
}
