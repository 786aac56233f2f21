package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
	"holdfast/cluster/gossip/message"
)

// Pool is this member's part in the gossip pool. Its methods may be called from many goroutines.
type Pool struct {
	cfg        Config
	log        *slog.Logger
	events     *eventQueue
	outbox     *outbox
	keyQueries keyQueries
	place      place
	border     *border
	living     atomic.Int64 // members that are alive; the outbox asks for it with its lock held

	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	tasks sync.WaitGroup

	life sync.RWMutex // guards following
	list *memberlist.Memberlist
	keys *memberlist.Keyring
	shut bool

	leaving sync.Mutex // held by Leave; Close waits for it
	keying  sync.Mutex // held while a key is changed, so that the last keyring is the one that is kept
	tagging sync.Mutex // held by SetTags, so that the last tags set are the last announced

	mu        sync.Mutex // guards following; memberlist calls us with its own lock held, so we never call it while we hold this
	table     *membership.Table
	history   membership.History
	meta      []byte
	conflicts map[claim]time.Time
}

// New is a pool that is yet to be opened.
func New(cfg Config, log *slog.Logger) *Pool {
	p := &Pool{
		cfg:       cfg,
		log:       log,
		events:    newEventQueue(log),
		place:     newPlace(),
		conflicts: map[claim]time.Time{},
	}
	p.border = &border{log: log, passive: cfg.Passive, fixed: cfg.Label}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.outbox = &outbox{mult: cfg.RetransmitMult, living: func() int { return int(p.living.Load()) }}
	spread := func(i message.Intent) { p.outbox.put(subject(i), i.Encode(), nil) }
	p.table = membership.NewTable(membership.Config{
		Self: cfg.Name, FailedFor: cfg.ReconnectTimeout, LeftFor: cfg.TombstoneTimeout,
		Report: func(c membership.Change, m cluster.Member) { p.events.put(Event{Type: EventType(c), Member: m}) },
		Spread: spread,
	})
	return p
}

// Open listens, and begins to gossip as a pool of one. It changes nothing where it fails.
func (p *Pool) Open() error {
	p.life.Lock()
	defer p.life.Unlock()
	switch {
	case p.shut:
		return errClosed
	case p.list != nil:
		return cluster.Errorf(cluster.Conflict, "the gossip pool is open already")
	}
	if err := p.cfg.Validate(); err != nil {
		return err
	}
	p.mu.Lock()
	p.meta, _ = message.EncodeTags(p.cfg.Tags) // Validate has tried it
	p.border.draw(p.cfg.Tags)
	p.mu.Unlock()
	list, err := p.create()
	if err != nil {
		return err
	}
	p.list = list
	p.tasks.Go(func() { p.events.deliver(p.ctx, p.report) })
	p.tasks.Go(p.reconnect)
	p.tasks.Go(p.reap)
	return nil
}

// create starts memberlist.
func (p *Pool) create() (*memberlist.Memberlist, error) {
	keys, fresh, err := p.firstKeys()
	if err != nil {
		return nil, err
	}
	log := libraryLog(p.log)
	t, err := listen(p.ctx, p.cfg, p.border, log)
	if err != nil {
		return nil, err
	}
	m := p.cfg.memberlist()
	d := delegate{p}
	m.Delegate, m.Events, m.Conflict, m.Merge, m.Alive, m.Ping = d, d, d, d, d, d
	m.Keyring, m.Logger, m.Transport = keys, log, t
	m.BindAddr, m.BindPort = p.cfg.Bind.Addr().String(), t.GetAutoBindPort()
	advertise := p.advertised(t.GetAutoBindPort())
	m.AdvertiseAddr, m.AdvertisePort = advertise.Addr().String(), int(advertise.Port())
	list, err := memberlist.Create(m)
	if err != nil {
		_ = t.Shutdown()
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	if fresh {
		if err := saveKeyring(p.cfg.KeyringFile, keys.GetKeys()); err != nil {
			return nil, errors.Join(err, list.Shutdown())
		}
	}
	p.keys = keys
	return list, nil
}

// advertised is the address that the others are told.
func (p *Pool) advertised(boundPort int) netip.AddrPort {
	addr, port := p.cfg.Advertise.Addr(), p.cfg.Advertise.Port()
	if !addr.IsValid() {
		addr = p.cfg.Bind.Addr()
	}
	if port == 0 {
		port = uint16(boundPort)
	}
	return netip.AddrPortFrom(addr.Unmap(), port)
}

// Close stops at once and says no goodbye: to the others, this member fails, unless it has left before. The events that wait are delivered
// before it returns, so OnEvent must not call it.
func (p *Pool) Close() error {
	p.life.Lock()
	list := p.list
	p.shut = true
	p.life.Unlock()
	p.stop()
	if list == nil {
		return nil
	}
	p.leaving.Lock()
	defer p.leaving.Unlock()
	err := list.Shutdown()
	p.tasks.Wait()
	return err
}

var (
	errClosed  = &cluster.Error{Code: cluster.Unavailable, Message: "the gossip pool is closed"}
	errNotOpen = &cluster.Error{Code: cluster.Unavailable, Message: "the gossip pool is not open yet"}
	errLeft    = &cluster.Error{Code: cluster.Unavailable, Message: "this agent is leaving or has left the gossip pool: restart it to join again"}
)

// running is memberlist while the pool is open.
func (p *Pool) running() (*memberlist.Memberlist, error) {
	p.life.RLock()
	defer p.life.RUnlock()
	switch {
	case p.shut:
		return nil, errClosed
	case p.list == nil:
		return nil, errNotOpen
	}
	return p.list, nil
}

// start runs fn in a goroutine that Close waits for. It is false once the pool closes.
func (p *Pool) start(fn func()) bool {
	p.life.RLock()
	defer p.life.RUnlock()
	if p.shut {
		return false
	}
	p.tasks.Go(fn)
	return true
}

// report hands an event to the owner.
func (p *Pool) report(e Event) {
	if p.cfg.OnEvent != nil {
		p.cfg.OnEvent(e)
	}
}

// change lets fn change the table.
func (p *Pool) change(fn func(*membership.Table)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(p.table)
	living := int64(0)
	for _, alive := range p.table.All() {
		if alive {
			living++
		}
	}
	p.living.Store(living)
	p.border.survey(p.table)
}

// Members is everybody: the living, those about to leave, and those that left or failed until they are reaped, in the order of their names.
func (p *Pool) Members() []cluster.Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.table.Members()
}

// Self is this member. Before Open it has a name and tags alone.
func (p *Pool) Self() cluster.Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, known := p.table.Member(p.cfg.Name); known {
		return m
	}
	return cluster.Member{Name: p.cfg.Name, Tags: maps.Clone(p.cfg.Tags)}
}

// Coordinate is where this member is among the others, by what it has measured.
func (p *Pool) Coordinate() cluster.Coordinate { return p.place.now() }

// CoordinateOf is where another member said that it is, false where it was not asked yet.
func (p *Pool) CoordinateOf(member string) (cluster.Coordinate, bool) {
	c, known := p.place.others.Load(member)
	if !known {
		return cluster.Coordinate{}, false
	}
	return c.(cluster.Coordinate), true
}

// Peers is the addresses of the other members that have not left, for Join: to be kept, so that a restarted agent finds its pool again.
func (p *Pool) Peers() []string {
	var peers []string
	for _, m := range p.Members() {
		if m.Name != p.cfg.Name && m.Status != cluster.StatusLeft {
			peers = append(peers, m.Addr.String())
		}
	}
	slices.Sort(peers)
	return peers
}

// SetTags replaces this member's tags. The others learn of it by gossip, and some at once, because memberlist's queue (v0.7.0) can lose a
// message where others of its length wait, and nobody would know before the next push/pull. Before Open it sets what is announced from then on.
func (p *Pool) SetTags(tags map[string]string) error {
	if p.early(tags) {
		return nil
	}
	list, err := p.running()
	if err != nil {
		return err
	}
	meta, err := message.EncodeTags(tags)
	if err != nil {
		return err
	}
	p.tagging.Lock()
	defer p.tagging.Unlock()
	if p.Self().Status != cluster.StatusAlive {
		return errLeft
	}
	p.mu.Lock()
	p.meta = meta
	p.border.draw(tags)
	p.border.survey(p.table)
	p.mu.Unlock()
	_ = list.UpdateNode(time.Nanosecond) // its error is that nobody was told within that time; they will be
	p.compare(list)
	return nil
}

// compared is with how many members all is compared at once.
const compared = 3

// compare exchanges states with some members, in the background.
func (p *Pool) compare(list *memberlist.Memberlist) {
	peers := p.nearest()
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	for _, m := range peers[:min(compared, len(peers))] {
		p.start(func() {
			if err := p.contact(list, m.Addr); err != nil {
				p.log.Debug("member not told", "member", m.Name, "error", err)
			}
		})
	}
}

// early sets the tags of a pool that is yet to be opened.
func (p *Pool) early(tags map[string]string) bool {
	p.life.Lock()
	defer p.life.Unlock()
	if p.shut || p.list != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.Tags = tags
	return true
}
