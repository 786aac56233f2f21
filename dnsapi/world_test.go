package dnsapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// world is a catalog behind a Reader, and the config that is answered with.
type world struct {
	Config
	store *state.Store
	index uint64

	query  func(ctx context.Context) error // what the Reader does first, nil for nothing
	leader func(ctx context.Context) error // what a read that is not stale does first, nil for nothing
	length int                             // of the last answer from a template
	silent time.Duration                   // how long the leader has been silent, for stale reads
	fresh  atomic.Int64                    // how many reads were not stale
	client netip.Addr                      // who asks
}

func newWorld(tb testing.TB, registered ...*cluster.Register) *world {
	tb.Helper()
	w := &world{store: state.New(), Config: Config{
		Domain: "consul.", Datacenter: "dc1", AllowStale: true, UDPAnswerLimit: 3, SOARefresh: 3600, SOARetry: 600, SOAExpire: 86400,
	}}
	for _, r := range registered {
		w.register(tb, r)
	}
	return w
}

func (w *world) register(tb testing.TB, r *cluster.Register) {
	tb.Helper()
	w.index++
	for _, res := range w.store.Apply([]state.Entry{{Index: w.index, Time: time.Unix(1e9, 0), Command: r}}) {
		if res.Err != nil {
			tb.Fatal(res.Err)
		}
	}
}

// do applies any other command.
func (w *world) do(tb testing.TB, cmd cluster.Command) {
	tb.Helper()
	w.index++
	if res := w.store.Apply([]state.Entry{{Index: w.index, Time: time.Unix(1e9, 0), Command: cmd}})[0]; res.Err != nil {
		tb.Fatal(res.Err)
	}
}

// Query makes the world a Reader.
func (w *world) Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	if w.query != nil {
		if err := w.query(ctx); err != nil {
			return cluster.QueryMeta{}, err
		}
	}
	if opts.Consistency != cluster.Stale {
		w.fresh.Add(1)
		if w.leader != nil {
			if err := w.leader(ctx); err != nil {
				return cluster.QueryMeta{}, err
			}
		}
	}
	for {
		v := w.store.WatchView()
		if err := fn(v); err != nil || v.Index() > opts.MinIndex {
			return cluster.QueryMeta{Index: v.Index(), LastContact: w.silent}, err
		}
		if err := v.Wait(ctx); err != nil {
			return cluster.QueryMeta{}, err
		}
	}
}

// at is a node with this address.
func at(node, address string) *cluster.Register {
	return &cluster.Register{Node: cluster.Node{Name: node, Address: address}}
}

// runs adds an instance to what is registered.
func runs(r *cluster.Register, service string, port int, tags ...string) *cluster.Register {
	r.Service = &cluster.Service{ID: fmt.Sprintf("%s-%d", service, port), Name: service, Port: port, Tags: tags}
	return r
}

// on adds the address of the instance itself.
func on(r *cluster.Register, address string) *cluster.Register {
	r.Service.Address = address
	return r
}

// weighs adds the weights of the instance.
func weighs(r *cluster.Register, passing, warning int) *cluster.Register {
	r.Service.Weights = cluster.Weights{Passing: passing, Warning: warning}
	return r
}

// in adds a check in this state, of the instance where there is one, else of the node.
func in(r *cluster.Register, s cluster.Status) *cluster.Register {
	c := &cluster.Check{ID: "check", Name: "check", Status: s}
	if r.Service != nil {
		c.ID, c.ServiceID = "check-"+r.Service.ID, r.Service.ID
	}
	r.Checks = append(r.Checks, c)
	return r
}

// with adds metadata to the node.
func with(r *cluster.Register, meta map[string]string) *cluster.Register {
	r.Node.Meta = meta
	return r
}

// row is a question with its answer. Records are written "owner TTL type data", in any order; a SOA is written without its serial.
type row struct {
	ask    string // "name type", and what the client says of itself: edns=SIZE, tcp
	code   string // the rcode and flags: "NOERROR aa", "NXDOMAIN aa tc"
	answer []string
	ns     []string
	extra  []string
}

// negative is the authority section of answers that say no.
var negative = []string{"consul. 0 SOA ns.consul. hostmaster.consul. 3600 600 86400 0"}

func (w *world) try(t *testing.T, rows ...row) {
	t.Helper()
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	for _, r := range rows {
		req, udp := asked(t, r.ask)
		w.compare(t, r, req, w.reply(t, h, req, udp))
		if got := w.quickly(t, h, req); udp && got != nil { // the same by the short way, where that goes
			w.compare(t, r, req, got)
		}
	}
}

// quickly is the answer from a template, nil where there is none.
func (w *world) quickly(t *testing.T, h *handler, req *dns.Msg) *dns.Msg {
	t.Helper()
	wire, err := req.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := newPackets(h, nil).quick(wire)
	if answer == nil {
		return nil
	}
	w.length = len(answer)
	var got dns.Msg
	if err := got.Unpack(answer); err != nil {
		t.Fatalf("the answer to %v cannot be read: %v", req.Question, err)
	}
	return &got
}

// compare holds a reply against its row.
func (w *world) compare(t *testing.T, r row, req, got *dns.Msg) {
	t.Helper()
	want := req.Question[0]
	want.Name = asWire(t, want.Name)
	if got.Id != req.Id || !got.Response || len(got.Question) != 1 || got.Question[0] != want {
		t.Errorf("%s: the answer is to %v, want the question as it was asked: %v", r.ask, got.Question, want)
	}
	if c := code(got); c != r.code {
		t.Errorf("%s: %s, want %s", r.ask, c, r.code)
	}
	same(t, r.ask+": answer", written(got.Answer), r.answer)
	same(t, r.ask+": authority", written(got.Ns), r.ns)
	same(t, r.ask+": additional", written(got.Extra), r.extra)
}

// reply sends a question through the handler as bytes.
func (w *world) reply(tb testing.TB, h *handler, req *dns.Msg, udp bool) *dns.Msg {
	tb.Helper()
	wire, err := req.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	var again, got dns.Msg
	if err := again.Unpack(wire); err != nil {
		tb.Fatal(err)
	}
	if err := got.Unpack(h.answer(&again, udp, w.client)); err != nil {
		tb.Fatalf("the answer to %v cannot be read: %v", req.Question, err)
	}
	return &got
}

// replyTo is the reply to a question over UDP.
func (w *world) replyTo(t *testing.T, req *dns.Msg) *dns.Msg {
	t.Helper()
	return w.reply(t, newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler)), req, true)
}

// ask is the reply to a question as rows have it.
func (w *world) ask(t *testing.T, ask string) *dns.Msg {
	t.Helper()
	req, udp := asked(t, ask)
	return w.reply(t, newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler)), req, udp)
}

// asWire is a name as package dns presents it once it has been sent.
func asWire(t *testing.T, name string) string {
	t.Helper()
	b := make([]byte, 256)
	if _, err := dns.PackDomainName(name, b, 0, nil, false); err != nil {
		t.Fatal(err)
	}
	name, _, err := dns.UnpackDomainName(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func asked(t *testing.T, ask string) (req *dns.Msg, udp bool) {
	t.Helper()
	words := strings.Fields(ask)
	qtype, ok := dns.StringToType[words[1]]
	if !ok {
		t.Fatalf("no type %s", words[1])
	}
	req, udp = new(dns.Msg).SetQuestion(words[0], qtype), true
	req.RecursionDesired = false
	for _, w := range words[2:] {
		var size uint16
		switch w {
		case "tcp":
			udp = false
		case "rd":
			req.RecursionDesired = true
		default:
			if _, err := fmt.Sscanf(w, "edns=%d", &size); err != nil {
				t.Fatalf("%s in %q: %v", w, ask, err)
			}
			req.SetEdns0(size, false)
		}
	}
	return req, udp
}

// code is the rcode and the flags, but for qr.
func code(m *dns.Msg) string {
	all := []string{dns.RcodeToString[m.Rcode]}
	for _, f := range []struct {
		name string
		set  bool
	}{{"aa", m.Authoritative}, {"tc", m.Truncated}, {"rd", m.RecursionDesired}, {"ra", m.RecursionAvailable}} {
		if f.set {
			all = append(all, f.name)
		}
	}
	return strings.Join(all, " ")
}

// written is the records as rows write them, sorted.
func written(rrs []dns.RR) []string {
	var out []string
	for _, rr := range rrs {
		if o, ok := rr.(*dns.OPT); ok {
			out = append(out, fmt.Sprintf("OPT %d", o.UDPSize()))
			continue
		}
		f := strings.Fields(rr.String())
		f = slices.Delete(f, 2, 3) // the class
		if f[2] == "SOA" {
			f = slices.Delete(f, 5, 6) // the serial
		}
		out = append(out, strings.Join(f, " "))
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if want = slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}
