// Package wan is the pool between datacenters: the servers of each, so that a request can be handed to the datacenter that it is meant for.
//
// Each datacenter is a cluster of its own, with its own log, leader and gossip pool, and stays one: this pool carries no state and gives no
// right to anything. Nothing that it says reaches the peer set, the catalog or a lease, so a link between datacenters that is cut moves
// nothing. It is a gossip pool at the pace of wide-area links, whose members are called NODE.DATACENTER. What it sends bears a label of its own,
// so that it is never taken for the gossip of a datacenter, nor that for it, whatever addresses somebody mixes up.
//
// It suffices that one server of a datacenter joins: every server brings in the others of its own (introduce), where gossip says at
// which port they listen for this pool. A server is let in that names its datacenter and its cluster, and only as long as no other cluster
// of that datacenter's name is here; two clusters of one name would answer for one another.
//
// The gossip keys are those of the datacenter's pool, the very ones: so all datacenters have the same keys, or do not hear each other.
package wan

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/gossip"
	"holdfast/cluster/join"
)

// Settings are what the configuration says of the pool.
type Settings struct {
	Bind             netip.AddrPort // where to listen; port 0 takes a free one
	Advertise        netip.Addr     // what the others are told
	Join             join.Config
	ReconnectTimeout time.Duration // how long a failed server is remembered; 0 means the default
}

// Config is the settings, and the member that they are of.
type Config struct {
	Settings
	Node       string // the name in the datacenter
	Datacenter string
	Tags       map[string]string
	Cluster    func() string // the ID of the member's own cluster, "" while it is not known
	LAN        *gossip.Pool  // of the datacenter; opened before this one
}

// Pool is this server's part in the pool. Its methods may be called from many goroutines. A nil Pool is that of a member that is in none: what
// says or does something does nothing then.
type Pool struct {
	cfg    Config
	log    *slog.Logger
	gossip *gossip.Pool
	claims claims
	news   chan struct{} // holds one: a server of this datacenter came, or one left this pool
}

// New is a pool that is yet to be opened.
func New(cfg Config, log *slog.Logger) *Pool {
	p := &Pool{cfg: cfg, log: log, news: make(chan struct{}, 1)}
	p.claims = claims{datacenter: cfg.Datacenter, cluster: cfg.Cluster, living: map[string]cluster.Member{}}
	g := gossip.DefaultWANConfig()
	g.Name, g.Tags, g.Accept, g.OnEvent, g.KeysOf = Name(cfg.Node, cfg.Datacenter), cfg.Tags, p.claims.accept, p.onEvent, cfg.LAN
	g.Bind, g.Advertise = cfg.Bind, netip.AddrPortFrom(cfg.Advertise, 0)
	if cfg.ReconnectTimeout > 0 {
		g.ReconnectTimeout = cfg.ReconnectTimeout
	}
	p.gossip = gossip.New(g, log)
	return p
}

// Name is what a server is called in the pool.
func Name(node, datacenter string) string { return node + "." + datacenter }

// Open listens. It changes nothing where it fails.
func (p *Pool) Open() error { return p.gossip.Open() }

// Run joins the pool, and keeps bringing in the other servers of this datacenter until ctx ends.
func (p *Pool) Run(ctx context.Context) {
	if p == nil {
		return
	}
	var joining sync.WaitGroup
	defer joining.Wait()
	joining.Go(func() { p.cfg.Join.Run(ctx, p.gossip, p.log, func() {}) })
	p.introduce(ctx)
}

// Close stops at once and says no goodbye.
func (p *Pool) Close() error {
	if p == nil {
		return nil
	}
	return p.gossip.Close()
}

// Leave says goodbye to the servers of all datacenters.
func (p *Pool) Leave(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return p.gossip.Leave(ctx)
}

// Join makes this server known to the pool of the servers at addrs, and with it, in a moment, the others of this datacenter.
func (p *Pool) Join(ctx context.Context, addrs []string) (int, error) {
	return p.gossip.Join(ctx, addrs)
}

// ForceLeave writes off a server that has failed, by its name in the pool.
func (p *Pool) ForceLeave(name string, prune bool) error { return p.gossip.ForceLeave(name, prune) }

// SetTags replaces what this server says of itself.
func (p *Pool) SetTags(tags map[string]string) error {
	if p == nil {
		return nil
	}
	return p.gossip.SetTags(tags)
}

// Self is this server.
func (p *Pool) Self() cluster.Member { return p.gossip.Self() }

// Members is the servers of all datacenters as far as this one knows them, in the order of their names.
func (p *Pool) Members() []cluster.Member { return p.gossip.Members() }

// Mark adds to the tags of this server in its datacenter where it is found here.
func (p *Pool) Mark(tags map[string]string) {
	if p == nil || !p.gossip.Self().Addr.IsValid() {
		return // it is not open yet
	}
	at := p.gossip.Self().Addr
	tags[cluster.TagWANPort] = strconv.Itoa(int(at.Port()))
	if at.Addr() != p.cfg.LAN.Self().Addr.Addr() {
		tags[cluster.TagWANAddr] = at.Addr().String()
	}
}

// onEvent follows the pool.
func (p *Pool) onEvent(e gossip.Event) {
	if e.Type == gossip.EventUser {
		return // nobody sends any here
	}
	level := slog.LevelInfo
	switch e.Type {
	case gossip.EventFail, gossip.EventConflict:
		level = slog.LevelWarn
	case gossip.EventUpdate:
		level = slog.LevelDebug
	}
	p.log.Log(context.Background(), level, "gossip between datacenters", "event", e.Type.String(), "member", e.Member.Name, "address", e.Member.Addr.String())
	p.claims.follow(e)
	p.Wake()
}

// Wake makes the pool look at once for servers of this datacenter to bring in.
func (p *Pool) Wake() {
	if p == nil {
		return
	}
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// introduceEvery is how often the servers of this datacenter are looked at without news.
const introduceEvery = 15 * time.Second

// introduce brings in the servers of this datacenter that are not here.
func (p *Pool) introduce(ctx context.Context) {
	tick := time.NewTicker(introduceEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if missing := p.missing(); len(missing) > 0 {
			if _, err := p.gossip.Join(ctx, missing); err != nil {
				p.log.Debug("a server of this datacenter is not in the pool between datacenters yet", "addresses", strings.Join(missing, ", "), "error", err)
			}
		}
		select {
		case <-p.news:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// missing is the addresses in this pool of the living servers of the datacenter that are not alive in it.
func (p *Pool) missing() []string {
	here := map[string]bool{}
	for _, m := range p.gossip.Members() {
		here[m.Name] = m.Status == cluster.StatusAlive || m.Status == cluster.StatusLeaving
	}
	var addrs []string
	for _, m := range p.cfg.LAN.Members() {
		if port := m.Tags[cluster.TagWANPort]; port != "" && m.IsServer() && m.Status == cluster.StatusAlive && !here[Name(m.Name, p.cfg.Datacenter)] {
			addrs = append(addrs, net.JoinHostPort(cmp.Or(m.Tags[cluster.TagWANAddr], m.Addr.Addr().String()), port))
		}
	}
	return addrs
}

// Datacenters is the names of those that have not left, this one first, the others by how far away they are where that was
// measured, and those of which it was not by name.
func (p *Pool) Datacenters() []string {
	type far struct {
		name  string
		known bool
		rtt   time.Duration
	}
	distances := map[string][]time.Duration{p.cfg.Datacenter: nil}
	own := p.gossip.Coordinate()
	for _, m := range p.gossip.Members() {
		if m.Status == cluster.StatusLeft {
			continue
		}
		dc := m.Tags[cluster.TagDatacenter]
		of := distances[dc] // a datacenter is named, whatever was measured of it
		if c, known := p.gossip.CoordinateOf(m.Name); known {
			of = append(of, own.DistanceTo(&c))
		}
		distances[dc] = of
	}
	var all []far
	for name, of := range distances {
		f := far{name: name, known: len(of) > 0}
		if name == p.cfg.Datacenter {
			f.known = true // and at no distance at all
		} else if f.known {
			slices.Sort(of)
			f.rtt = of[len(of)/2]
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b far) int {
		switch {
		case a.known != b.known && a.known:
			return -1
		case a.known != b.known:
			return 1
		}
		return cmp.Or(cmp.Compare(a.rtt, b.rtt), cmp.Compare(a.name, b.name))
	})
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.name
	}
	return names
}

// Servers is the living servers of another datacenter, in random order; none where it is not known or nobody there answers.
func (p *Pool) Servers(datacenter string) []cluster.Member {
	var out []cluster.Member
	for _, m := range p.gossip.Members() {
		if m.Status == cluster.StatusAlive && m.Tags[cluster.TagDatacenter] == datacenter {
			out = append(out, m)
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// Gateways is the RPC addresses of the members that requests for another datacenter are handed to: its living servers, or, from a member that is
// not in the pool, the servers of its own datacenter that are. It is empty where there is no way to that datacenter.
func Gateways(p *Pool, lan *gossip.Pool, datacenter string) []string {
	members := lan.Members()
	if p != nil {
		members = p.Servers(datacenter)
	}
	var addrs []string
	for _, m := range members {
		if m.Status == cluster.StatusAlive && m.IsServer() && (p != nil || m.Tags[cluster.TagWANPort] != "") {
			addrs = append(addrs, m.RPCAddr())
		}
	}
	return addrs
}

// Abroad is the servers of other datacenters.
func (p *Pool) Abroad() []cluster.Member {
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(p.gossip.Members(), func(m cluster.Member) bool { return m.Tags[cluster.TagDatacenter] == p.cfg.Datacenter })
}

// At is the node ID of the living server of another datacenter whose RPC port is at addr, "" for none.
func (p *Pool) At(addr string) string {
	for _, m := range p.Abroad() {
		if m.Status == cluster.StatusAlive && m.RPCAddr() == addr {
			return m.Tags[cluster.TagID]
		}
	}
	return ""
}

// Coordinates is where the servers of each datacenter are, as far as that was measured, under the names that they have there.
func (p *Pool) Coordinates() map[string][]cluster.NodeCoordinate {
	out := map[string][]cluster.NodeCoordinate{}
	for _, m := range p.gossip.Members() {
		c, known := p.gossip.CoordinateOf(m.Name)
		if m.Name == p.gossip.Self().Name {
			c, known = p.gossip.Coordinate(), true
		}
		if dc := m.Tags[cluster.TagDatacenter]; known && m.Status != cluster.StatusLeft {
			out[dc] = append(out[dc], cluster.NodeCoordinate{Node: strings.TrimSuffix(m.Name, "."+dc), Coordinate: c})
		}
	}
	return out
}
