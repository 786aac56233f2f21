package gossip

import (
	"errors"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
	"holdfast/cluster/gossip/message"
)

// delegate is all that memberlist calls. It does so with its own lock held, so nothing here waits or calls it back.
// The State of a node that leaves is not told (memberlist v0.7.0 leaves that field zero in notifications).
type delegate struct {
	pool *Pool
}

var (
	_ memberlist.Delegate         = delegate{}
	_ memberlist.EventDelegate    = delegate{}
	_ memberlist.ConflictDelegate = delegate{}
	_ memberlist.MergeDelegate    = delegate{}
	_ memberlist.AliveDelegate    = delegate{}
	_ memberlist.PingDelegate     = delegate{}
)

// NodeMeta is this member's encoded tags.
func (d delegate) NodeMeta(int) []byte {
	d.pool.mu.Lock()
	defer d.pool.mu.Unlock()
	return d.pool.meta
}

// NotifyMsg takes a message of another member.
func (d delegate) NotifyMsg(b []byte) {
	if err := d.pool.receive(b); err != nil {
		d.pool.log.Debug("gossip message dropped", "bytes", len(b), "error", err)
	}
}

// GetBroadcasts is the messages to pass on in a packet.
func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.pool.outbox.take(overhead, limit)
}

// LocalState is what a push/pull tells.
func (d delegate) LocalState(bool) []byte { return d.pool.state().Encode() }

// MergeRemoteState takes what a push/pull told.
func (d delegate) MergeRemoteState(b []byte, _ bool) {
	s, err := message.DecodeState(b)
	if err != nil {
		d.pool.log.Warn("gossip state of another member dropped", "bytes", len(b), "error", err)
		return
	}
	d.pool.merge(s)
}

// NotifyJoin takes in a living member.
func (d delegate) NotifyJoin(n *memberlist.Node) {
	m := d.member(n)
	d.pool.border.back(m.Addr)
	d.pool.change(func(t *membership.Table) { t.Joined(m) })
}

// NotifyUpdate takes in a member's new tags.
func (d delegate) NotifyUpdate(n *memberlist.Node) {
	m := d.member(n)
	d.pool.border.back(m.Addr)
	d.pool.change(func(t *membership.Table) { t.Updated(m) })
}

// NotifyLeave takes in that a member is gone.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	d.pool.change(func(t *membership.Table) { t.Lost(n.Name) })
	d.pool.place.forget(n.Name)
}

// AckPayload is what the answer to a probe tells: where this member is.
func (d delegate) AckPayload() []byte { return message.EncodeCoordinate(d.pool.place.now()) }

// NotifyPingComplete takes in how long a probe took, and where the other says that it is.
func (d delegate) NotifyPingComplete(other *memberlist.Node, rtt time.Duration, payload []byte) {
	if err := d.pool.place.learn(other.Name, rtt, payload); err != nil {
		d.pool.log.Debug("a member's coordinate is of no use", "member", other.Name, "rtt", rtt, "error", err)
	}
}

// NotifyAlive refuses a member that cannot be one.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	if n.Name == d.pool.cfg.Name {
		return nil // it is about ourselves; memberlist sees to a conflict
	}
	if err := checkNode(n); err != nil {
		return err
	}
	if accept := d.pool.cfg.Accept; accept != nil {
		m := d.member(n)
		if err := accept(m); err != nil {
			d.pool.border.gone(m)
			return err
		}
	}
	return nil
}

// nameTaken begins the error of a merge with a pool where another agent has this one's name.
const nameTaken = "node_name: "

// mergeRefused begins the error of a merge with a pool that has a member which Accept refuses. memberlist hands on its text alone.
const mergeRefused = "refused: "

// NotifyMerge refuses to join a pool that has a living member which Accept refuses, or one of our name at another address.
func (d delegate) NotifyMerge(peers []*memberlist.Node) error {
	self := d.pool.Self()
	var named []cluster.Member
	for _, n := range peers {
		if n.State == memberlist.StateDead || n.State == memberlist.StateLeft || checkNode(n) != nil {
			continue
		}
		m := d.member(n)
		if m.Name == self.Name {
			if m.Addr == self.Addr {
				continue
			}
			named = append(named, m)
		}
		if accept := d.pool.cfg.Accept; accept != nil {
			if err := accept(m); err != nil {
				d.pool.log.Warn("a join is refused", "error", err)
				return errors.New(mergeRefused + err.Error())
			}
		}
	}
	for _, m := range named {
		d.pool.conflict(m)
		return errors.New(nameTaken + "the agent at " + m.Addr.String() + " is called " + m.Name +
			" as this one is: give this one another name, or stop the other and wait until its failure is seen")
	}
	return nil
}

// NotifyConflict takes in that an agent claims the name of a living member.
func (d delegate) NotifyConflict(_, other *memberlist.Node) {
	if checkNode(other) == nil {
		d.pool.conflict(d.member(other))
	}
}

// member is a node with its tags. Metadata that cannot be read counts as none: the member is there all the same.
func (d delegate) member(n *memberlist.Node) cluster.Member {
	addr, _ := message.Address(n.Addr, uint64(n.Port))
	tags, err := message.DecodeTags(n.Meta)
	if err != nil {
		d.pool.log.Warn("a member's tags cannot be read", "member", n.Name, "addr", addr, "error", err)
		tags = map[string]string{}
	}
	return cluster.Member{Name: n.Name, Addr: addr, Tags: tags}
}

func checkNode(n *memberlist.Node) error {
	if err := message.CheckName(n.Name); err != nil {
		return err
	}
	_, err := message.Address(n.Addr, uint64(n.Port))
	return err
}
