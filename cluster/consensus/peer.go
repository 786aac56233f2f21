package consensus

import (
	"errors"
	"log/slog"
	"maps"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"holdfast/cluster"
	"holdfast/cluster/consensus/backlog"
	"holdfast/cluster/consensus/lane"
	"holdfast/cluster/consensus/logger"
	"holdfast/cluster/consensus/queue"
	"holdfast/cluster/consensus/storage"
	"holdfast/cluster/consensus/stream"
	"holdfast/cluster/state"
)

// Peer is one member of the peer set. Before Open and after Close it follows nobody, leads nothing and refuses what it is asked.
type Peer struct {
	cfg   Config
	store *state.Store
	layer stream.Layer
	log   *slog.Logger
	fsm   *fsm

	raft    atomic.Pointer[raft.Raft] // nil until opened
	stores  *storage.Storage          // these are set before raft and do not change after it
	streams *stream.Stream
	trans   *transport
	where   *whereabouts
	since   time.Time     // when it was opened
	stored  uint64        // the last log entry that the disk held then
	caught  atomic.Bool   // what CaughtUp said last
	stopped chan struct{} // closed by Close

	terms   terms
	queue   queue.Queue
	ordered atomic.Uint64     // see Ordered
	applied chan struct{}     // holds a value when followers may not know what is committed
	beats   chan struct{}     // holds a value when a heartbeat has come or been sent
	storing func([]*raft.Log) // told what is about to be stored
	tasks   sync.WaitGroup
}

// New makes a peer that applies to store and speaks through layer, which it closes when it is closed itself.
func New(cfg Config, store *state.Store, layer stream.Layer, log *slog.Logger) *Peer {
	p := &Peer{cfg: cfg, store: store, layer: layer, log: log, stopped: make(chan struct{}), applied: make(chan struct{}, 1), beats: make(chan struct{}, 1)}
	p.queue.Limit = max(1, cfg.MaxAppendEntries)
	p.storing = p.sendAhead
	p.terms.changed = make(chan struct{})
	p.fsm = &fsm{
		store: store, log: log, peers: newPeerSet(), applied: func() { signal(p.applied) }, backlog: backlog.New(cfg.backlog()),
		unfit: make(chan error, 1), stopped: p.stopped,
	}
	return p
}

// Open reads what the disk holds into the store and begins to take part. It is called once.
func (p *Peer) Open() error {
	if err := p.cfg.Validate(); err != nil {
		return err
	}
	raftLog := logger.New(p.log)
	disk := p.cfg.storage()
	disk.Keep.Lagging = p.lagging
	stores, err := storage.Open(disk, raftLog)
	if err != nil {
		return err
	}
	in := inbox{rpcs: make(chan raft.RPC), closed: make(chan struct{})}
	p.streams = stream.New(p.layer, stream.Config{
		Addr: p.cfg.Addr, DialTimeout: p.cfg.stretched(p.cfg.DialTimeout), UserTimeout: 5 * p.cfg.stretched(p.cfg.HeartbeatTimeout),
		Anew: func() { signal(p.applied) }, LaneFirst: lane.First, Lane: func(c net.Conn) { p.serveLane(c, in) },
	})
	p.stores, p.since, p.where = stores, time.Now(), newWhereabouts(p)
	p.trans = newTransport(p, raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		ServerAddressProvider:   p.where,
		Logger:                  raftLog,
		Stream:                  p.streams,
		MaxPool:                 3,
		MaxRPCsInFlight:         1, // messages of the log go one by one, each with all there is: no slower, and each can wait (reach.go)
		Timeout:                 p.cfg.stretched(p.cfg.IOTimeout),
		MsgpackUseNewTimeFormat: true,
	}), in, newHold(stores, p.since, p.cfg.held()))
	r, err := p.start(raftLog)
	if err != nil {
		return errors.Join(err, p.trans.Close(), stores.Close())
	}
	p.stored = r.LastIndex()
	p.fsm.peers.complete.Store(true)
	p.raft.Store(r)
	r.RegisterObserver(raft.NewObserver(nil, false, observer(p)))
	p.terms.refresh(p)
	p.easeLater()
	p.tasks.Go(func() { p.fsm.backlog.Run(p.stopped, func() error { return r.Snapshot().Error() }) })
	return nil
}

// start restores the newest snapshot and starts raft.
func (p *Peer) start(raftLog hclog.Logger) (r *raft.Raft, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a file that was cut off is mapped beyond its end
	defer func() {
		if lost := recover(); lost != nil { // raft's answer to a log with a hole
			r, err = nil, storage.Damaged(p.cfg.DataDir, lost)
		}
	}()
	conf := p.cfg.raft()
	conf.Logger = raftLog
	if !p.trans.hold.until.IsZero() {
		conf.HeartbeatTimeout = p.cfg.held() // by its own timer it does not stand for election before
		conf.ElectionTimeout = max(conf.ElectionTimeout, conf.HeartbeatTimeout)
	}
	log := aheadLog{watchedLog{p.stores.Log, p.fsm.peers}, p.storing}
	r, err = raft.NewRaft(conf, p.fsm, log, p.stores.Stable, watchedSnapshots{p.stores.Snapshots, p.fsm.peers}, p.trans)
	if err != nil {
		return nil, storage.Damaged(p.cfg.DataDir, err)
	}
	return r, nil
}

// signal leaves one value in ch.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Close ends the part that this member takes, without a word to the others, and waits until nothing of it runs.
func (p *Peer) Close() error {
	if !p.terms.close() {
		return nil
	}
	close(p.stopped)
	r := p.raft.Load()
	if r == nil {
		_ = p.layer.Close() // where Open failed it is closed already
		return nil
	}
	down := r.Shutdown()
	err := p.trans.Close()
	err = errors.Join(err, down.Error())
	p.tasks.Wait()
	return errors.Join(err, p.stores.Close())
}

// running is raft while the peer is open.
func (p *Peer) running() (*raft.Raft, error) {
	r := p.raft.Load()
	if r == nil || r.State() == raft.Shutdown {
		return nil, cluster.Errorf(cluster.Unavailable, "this member does not take part in the consensus: it is starting or stopping")
	}
	return r, nil
}

// State is "follower", "candidate" or "leader", and "shutdown" while the peer is not open.
func (p *Peer) State() string {
	r, err := p.running()
	if err != nil {
		return strings.ToLower(raft.Shutdown.String())
	}
	return strings.ToLower(r.State().String())
}

// Stats are raft's own figures, for people.
func (p *Peer) Stats() map[string]string {
	r, err := p.running()
	if err != nil {
		return map[string]string{"state": raft.Shutdown.String()}
	}
	stats := maps.Clone(r.Stats())
	stats["store_index"] = strconv.FormatUint(p.store.AppliedIndex(), 10)
	stats["latest_configuration_index"] = strconv.FormatUint(indexOf(p.fsm.peers.newest.Load()), 10)
	return stats
}
