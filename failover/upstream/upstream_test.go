package upstream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/proxy"
)

const limit = 20 * time.Second

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// member is a state with an answer for those who ask the leader.
type member struct {
	*state.Store
	index      uint64
	leaderless atomic.Bool
}

func (m *member) Query(_ context.Context, _ cluster.QueryOptions, read func(*state.View) error) (cluster.QueryMeta, error) {
	if m.leaderless.Load() {
		return cluster.QueryMeta{}, errors.New("No cluster leader")
	}
	return cluster.QueryMeta{}, read(m.View())
}

func (m *member) change(t *testing.T, cmds ...cluster.Command) {
	t.Helper()
	for _, c := range cmds {
		m.index++
		for _, r := range m.Apply([]state.Entry{{Index: m.index, Time: time.Now(), Command: c}}) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
}

func newMember() *member { return &member{Store: state.New()} }

// instance registers mysql on a machine, with its tags and the state of its check named primary.
func instance(node, addr string, port int, status, primary cluster.Status, tags ...string) cluster.Command {
	return &cluster.Register{
		Node:    cluster.Node{Name: node, Address: addr},
		Service: &cluster.Service{Node: node, ID: "mysql", Name: "mysql", Port: port, Tags: tags, Weights: cluster.Weights{Passing: 1, Warning: 1}},
		Checks: []*cluster.Check{
			{Node: node, ID: "alive", Name: "alive", Status: status, ServiceID: "mysql"},
			{Node: node, ID: "primary", Name: "primary", Status: primary, ServiceID: "mysql"},
		},
	}
}

func ids(t proxy.Table) string {
	var out []string
	for _, b := range t.Routes[""] {
		out = append(out, b.ID)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestPassing(t *testing.T) {
	m := newMember()
	m.change(t, instance("n1", "10.0.0.1", 3306, cluster.Passing, cluster.Passing, "eu"), instance("n2", "10.0.0.2", 3306, cluster.Warning, cluster.Passing, "eu"),
		instance("n3", "10.0.0.3", 3307, cluster.Passing, cluster.Passing, "us"), instance("n4", "10.0.0.4", 3306, cluster.Passing, cluster.Critical))
	s := Spec{Name: "db", Service: "mysql"}
	if got := ids(s.table(m.View(), "")); got != "n1 n3" {
		t.Errorf("passing: %s", got)
	}
	s.Tags = []string{"us"}
	got := s.table(m.View(), "")
	if ids(got) != "n3" || got.Routes[""][0].Addr != "10.0.0.3:3307" || got.Cut {
		t.Errorf("with a tag: %+v", got)
	}
	s.Service = "web"
	if got := s.table(m.View(), ""); ids(got) != "" || got.Why != "no instance of web with tag us passes its checks" {
		t.Errorf("unknown: %+v", got)
	}
}

func TestClaimed(t *testing.T) {
	m := newMember()
	s := Spec{Name: "db", Service: "mysql", Writer: "rw"}
	register := func(node string, tags ...string) {
		m.change(t, instance(node, "10.0.0.1", 3306, cluster.Passing, cluster.Passing, tags...))
	}
	want := func(before, id, why string) {
		t.Helper()
		if got := s.table(m.View(), before); ids(got) != id || got.Why != why || !got.Cut {
			t.Errorf("got %q, %+v; want %s", ids(got), got, id)
		}
	}
	register("n1")
	register("n2")
	want("", "", "no instance of mysql is rw")
	register("n1", "rw")
	want("", "n1", "n1 is rw")
	register("n2", "rw")
	want("", "", "n1 and n2 all say that they are rw: nobody is passed to until one of them gives up")
	want("n2", "n2", "n1 and n2 all say that they are rw: the one that was stays")
	register("n2")
	want("n2", "n1", "n1 is rw")
	s.Writer = "primary" // a check
	m.change(t, instance("n1", "10.0.0.1", 3306, cluster.Passing, cluster.Warning))
	want("", "n2", "n2 is primary")
}

func steer(node string, epoch uint64, ts ...cluster.Transition) cluster.Command {
	return &cluster.Steer{Assignments: []cluster.Assignment{{Group: "db", Node: node, Epoch: epoch, Since: time.Now(), Why: "test"}}, Transitions: ts}
}

func acquire(node string, epoch uint64) cluster.Command {
	return &cluster.Record{Transitions: []cluster.Transition{{Time: time.Now(), Kind: cluster.TransitionAcquire, Group: "db", Node: node, Epoch: epoch, Why: "test"}}}
}

func presence(node string, live bool) cluster.Command {
	return &cluster.Steer{Presences: []cluster.Presence{{Node: node, Live: live, Why: "test", Since: time.Now()}}}
}

// grouped is a state with two instances, and a group that nobody holds.
func grouped(t *testing.T, ports ...int) *member {
	t.Helper()
	m := newMember()
	m.change(t, &cluster.PutGroup{Group: cluster.Group{Name: "db", VIPs: []cluster.VIP{{Prefix: prefix}}}})
	for i, n := range []string{"n1", "n2"} {
		m.change(t, instance(n, "127.0.0.1", ports[i], cluster.Passing, cluster.Passing), presence(n, true))
	}
	return m
}

func TestHeld(t *testing.T) {
	m := grouped(t, 1, 2)
	s := Spec{Name: "db", Service: "mysql", Group: "db"}
	want := func(id string, epoch uint64, why string) {
		t.Helper()
		got := s.table(m.View(), "")
		if ids(got) != id || got.Why != why || !got.Cut || id != "" && got.Routes[""][0].Epoch != epoch {
			t.Errorf("got %+v; want %s, %s", got, id, why)
		}
	}
	want("", 0, "no machine holds db")
	m.change(t, steer("n1", 1))
	want("", 0, "n1 is to hold db in epoch 1 and does not serve it yet")
	m.change(t, acquire("n1", 1))
	want("n1", 1, "n1 holds db in epoch 1")
	m.change(t, presence("n1", false))
	want("", 0, "n1 holds db and is not heard from")
	m.change(t, steer("n2", 2))
	want("", 0, "n2 is to hold db in epoch 2 and does not serve it yet")
	m.change(t, acquire("n2", 2))
	want("n2", 2, "n2 holds db in epoch 2")
	s.Writer = "rw"
	want("", 0, "n2 holds db and is not rw")
	s.Writer, s.Group = "", "other"
	want("", 0, `there is no group "other"`)
}

// writer is a backend that counts who is connected.
func writer(t *testing.T) (port int, connected *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	connected = &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connected.Add(1)
			go func() {
				defer connected.Add(-1)
				defer c.Close()
				_, _ = c.Read(make([]byte, 1))
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, connected
}

// TestFollows moves the group, and lets the leader fall silent: whoever was connected is cut, and nobody is let in until it speaks again.
func TestFollows(t *testing.T) {
	p1, on1 := writer(t)
	p2, on2 := writer(t)
	m := grouped(t, p1, p2)
	fleet := proxy.NewFleet(slog.New(slog.DiscardHandler))
	f := New(m, fleet, 300*time.Millisecond, slog.New(slog.DiscardHandler))
	f.Open(t.Context())
	defer f.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if err := f.Configure([]Spec{{Name: "db", Service: "mysql", Group: "db", Options: proxy.DefaultOptions(addr)}}); err != nil {
		t.Fatal(err)
	}
	call := func() {
		t.Helper()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	m.change(t, steer("n1", 1), acquire("n1", 1))
	call()
	eventually(t, "the client is with n1", func() bool { return on1.Load() == 1 })
	m.change(t, steer("n2", 2))
	eventually(t, "it is cut", func() bool { return on1.Load() == 0 })
	call()
	eventually(t, "the next is held", func() bool { return fleet.Status()[0].Held == 1 })
	m.change(t, acquire("n2", 2))
	eventually(t, "it is with n2", func() bool { return on2.Load() == 1 && on1.Load() == 0 })
	m.leaderless.Store(true)
	eventually(t, "it is cut, for the leader is silent", func() bool { return on2.Load() == 0 })
	if why := fleet.Status()[0].Why; why != "no leader has confirmed for 300ms who holds db" {
		t.Error(why)
	}
	call()
	m.leaderless.Store(false)
	eventually(t, "the leader speaks again", func() bool { return on2.Load() == 1 })
	// Configured again with the same: nobody notices.
	if err := f.Configure([]Spec{{Name: "db", Service: "mysql", Group: "db", Options: proxy.DefaultOptions(addr)}}); err != nil || on2.Load() != 1 {
		t.Errorf("%v, %d", err, on2.Load())
	}
}

func TestValidate(t *testing.T) {
	for want, s := range map[string]Spec{
		`proxy "db" has no service`:          {Name: "db"},
		`proxy "db": listen is missing`:      {Name: "db", Service: "mysql"},
		`proxy "db": mode "sni" has no serv`: {Name: "db", Service: "mysql", Options: proxy.Options{Mode: proxy.SNI}},
	} {
		if err := s.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

var prefix = netip.MustParsePrefix("10.77.0.100/24")

// TestTagged routes by tags: HTTP through a listener, a port, and server names.
func TestTagged(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "web "+r.URL.Path) }))
	defer web.Close()
	port := web.Listener.Addr().(*net.TCPAddr).Port
	m := newMember()
	m.change(t, instance("n1", "127.0.0.1", port, cluster.Passing, cluster.Passing, "urlprefix-/app strip=/app", "urlprefix-:3306 proto=tcp", "urlprefix-*.db.org/ proto=tcp+sni", "urlprefix-bad"),
		instance("n2", "127.0.0.1", 1, cluster.Critical, cluster.Passing, "urlprefix-/app"))
	s := Spec{Name: "x", Prefix: "urlprefix-", Options: proxy.DefaultOptions("10.0.0.1:3306")}
	if got := s.table(m.View(), ""); ids(got) != "n1/mysql" || got.Cut {
		t.Errorf("port: %+v", got)
	}
	s.Options.Mode = proxy.SNI
	if got := s.table(m.View(), ""); len(got.Routes["*.db.org"]) != 1 || len(got.Routes) != 1 {
		t.Errorf("names: %+v", got)
	}

	fleet := proxy.NewFleet(slog.New(slog.DiscardHandler))
	f := New(m, fleet, 300*time.Millisecond, slog.New(slog.DiscardHandler))
	f.Open(t.Context())
	defer f.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	o := proxy.DefaultOptions(addr)
	o.Mode = proxy.HTTP
	spec := Spec{Name: "web", Prefix: "urlprefix-", Options: o}
	if err := errors.Join(spec.Validate(), f.Configure([]Spec{spec})); err != nil {
		t.Fatal(err)
	}
	get := func() string {
		resp, err := http.Get("http://" + addr + "/app/x")
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	eventually(t, "the route is there", func() bool { return get() == "web /x" })
	eventually(t, "the request is counted", func() bool { b := fleet.Status()[0].Backends; return len(b) == 1 && b[0].Opened > 0 })
	st := fleet.Status()[0]
	if len(st.Backends) != 1 || st.Backends[0].Route != "/app" || !strings.HasPrefix(st.Why, "1 routes of tags with urlprefix-; left out: mysql: the tag \"urlprefix-bad\": bad has no slash") {
		t.Errorf("%+v", st)
	}
	if err := f.Configure([]Spec{spec}); err != nil {
		t.Fatal(err)
	}
	if got := get(); got != "web /x" {
		t.Errorf("after a reload: %s", got)
	}
	m.change(t, instance("n1", "127.0.0.1", port, cluster.Passing, cluster.Passing))
	eventually(t, "the route has gone", func() bool { return strings.HasPrefix(get(), "no service has a route for") })
}
