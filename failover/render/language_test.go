package render

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/render/language"
)

var update = flag.Bool("update", false, "write the golden files anew")

// world is a member's state that a test writes to.
type world struct {
	store *state.Store
	index uint64
}

func newWorld() *world { return &world{store: state.New()} }

func (w *world) apply(t testing.TB, cmds ...cluster.Command) {
	t.Helper()
	for _, c := range cmds {
		w.index++
		r := w.store.Apply([]state.Entry{{Index: w.index, Time: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), Command: c}})[0]
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

func (w *world) put(t testing.TB, key, value string) {
	t.Helper()
	w.apply(t, &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}})
}

func (w *world) delete(t testing.TB, key string) {
	t.Helper()
	w.apply(t, &cluster.KVWrite{Verb: cluster.KVDelete, Entry: cluster.KVEntry{Key: key}})
}

func (w *world) register(t testing.TB, s cluster.Service, status cluster.Status) {
	t.Helper()
	w.apply(t, &cluster.Register{
		Node:    cluster.Node{Name: "n1", ID: "8dfe5259-8011-4ffd-9cc3-b69ee0add1aa", Address: "10.0.0.1", Datacenter: "dc1", TaggedAddresses: map[string]string{"lan": "10.0.0.1"}, Meta: map[string]string{"rack": "r1"}},
		Service: &s,
		Checks:  []*cluster.Check{{Node: "n1", ID: "c-" + s.ID, Name: "check of " + s.ID, Status: status, ServiceID: s.ID, Type: "ttl"}},
	})
}

// Query answers as an agent does, without asking anybody.
func (w *world) Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	for {
		v := w.store.WatchView()
		err := fn(v)
		meta := cluster.QueryMeta{Index: v.Index()}
		if err != nil || v.Index() > opts.MinIndex {
			return meta, err
		}
		if err := v.Wait(ctx); err != nil {
			return meta, err
		}
	}
}

// filledWorld is what the templates of testdata are about.
func filledWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld()
	w.apply(t, &cluster.Register{Node: cluster.Node{Name: "n2", ID: "9dfe5259-8011-4ffd-9cc3-b69ee0add1aa", Address: "10.0.0.2", Datacenter: "dc1"}, Service: &cluster.Service{ID: "cache", Name: "cache", Port: 6379}})
	w.register(t, cluster.Service{
		ID: "web-1", Name: "web", Port: 80, Tags: []string{"release", "b", "a"}, Address: "10.9.0.1", Meta: map[string]string{"shard": "1", "env": "prod"},
		TaggedAddresses: map[string]cluster.ServiceAddress{"wan": {Address: "1.2.3.4", Port: 8080}}, Weights: cluster.Weights{Passing: 5, Warning: 2},
	}, cluster.Passing)
	w.register(t, cluster.Service{ID: "web-2", Name: "web", Port: 81, Tags: []string{"b"}, Meta: map[string]string{"shard": "2", "env": "dev"}}, cluster.Passing)
	w.register(t, cluster.Service{ID: "web-3", Name: "web", Port: 82, Meta: map[string]string{"shard": "10", "env": "prod"}}, cluster.Warning)
	w.register(t, cluster.Service{ID: "web-4", Name: "web", Port: 83}, cluster.Critical)
	w.register(t, cluster.Service{ID: "a-db", Name: "db", Port: 5432}, cluster.Passing)
	for k, v := range map[string]string{
		"app/title": "one", "app/deep/x": "y", "app/deep/z/q": "zz", "app/n": "5", "app/flag": "true", "app/json": `{"a":{"b":[1,2,3.5,"x"]},"u":"a?b=c&d=<e>"}`,
		"groups/es/es1": "1", "groups/es/es2": "2", "groups/top": "3", "app/dir/": "", "app/empty": "",
	} {
		w.put(t, k, v)
	}
	return w
}

// templates are those of testdata: each is compared with consul-template, too, by the tests of httpapi/compat.
func templates(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/templates.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n----\n")
}

// TestLanguage holds what every template gives.
func TestLanguage(t *testing.T) {
	w := filledWorld(t)
	t.Setenv("HOLDFAST_TEST_VALUE", "x y")
	var got strings.Builder
	for _, text := range templates(t) {
		got.WriteString(text + "\n---- gives\n")
		parsed, err := language.Parse("x", text, language.Options{})
		if err != nil {
			t.Errorf("%s\n%v", text, err)
			continue
		}
		_, err = NewState(w, "n1", "dc1").Read(t.Context(), 0, func(s language.Source) error {
			r, err := parsed.Execute(t.Context(), s, nil)
			if err == nil && len(r.Missing) > 0 {
				err = errors.New("missing: " + strings.Join(r.Missing, ", "))
			}
			if err == nil {
				got.WriteString(strings.ReplaceAll(r.Text, time.Now().UTC().Format("2006"), "2026") + "\n----\n")
			}
			return err
		})
		if err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
	const golden = "testdata/templates.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
