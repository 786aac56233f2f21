package gossip

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"holdfast/cluster"
)

// stateForm is the first byte of a state, so that a later form can be told apart.
const stateForm = 1

// maxState bounds the state that is looked at: 5,000 members that failed, with full tags, take less.
const maxState = 4 << 20

// state is what two members tell each other with every push/pull, beside memberlist's own list of the living.
type state struct {
	clock  lamport // the latest time of an intent
	events lamport // the latest time of a user event
	known  []entry
	recent []userEvent // oldest first
	owner  string      // the cluster ID of who tells, "" where it has none; members of older versions leave it out
}

// entryStatus is a member's standing on the wire: its cluster.MemberStatus, or that it was pruned.
type entryStatus byte

const (
	entryAlive               = entryStatus(cluster.StatusAlive)
	entryLeaving             = entryStatus(cluster.StatusLeaving)
	entryLeft                = entryStatus(cluster.StatusLeft)
	entryFailed              = entryStatus(cluster.StatusFailed)
	entryPruned  entryStatus = 5 // written off and forgotten; kept for a while so that nobody brings it back
)

// entry is one member in a state. A living one has name, status and time alone, as memberlist carries the rest.
type entry struct {
	status entryStatus
	time   lamport // of the last intent about it
	name   string
	age    time.Duration // since it failed or left
	addr   netip.AddrPort
	tags   map[string]string
}

// gone reports whether the entry is about a member that memberlist does not carry.
func (e entry) gone() bool { return e.status == entryLeft || e.status == entryFailed }

func (e entry) encode() []byte {
	b := binary.AppendUvarint([]byte{byte(e.status)}, uint64(e.time))
	b = appendBytes(b, e.name)
	if !e.gone() {
		return b
	}
	b = binary.AppendUvarint(b, uint64(max(0, e.age.Milliseconds())))
	b = appendBytes(b, e.addr.Addr().AsSlice())
	b = binary.AppendUvarint(b, uint64(e.addr.Port()))
	meta, err := encodeTags(e.tags)
	if err != nil { // tags that came by gossip were small enough there
		meta, _ = encodeTags(nil)
	}
	return appendBytes(b, meta)
}

// maxAge bounds the age of an entry, so that it never overflows a duration.
const maxAge = 10 * 365 * 24 * time.Hour

func decodeEntry(b []byte) (entry, error) {
	r := reader{buf: b}
	e := entry{status: entryStatus(r.byte()), time: lamport(r.uvarint()), name: r.string(maxName)}
	if r.err != nil {
		return entry{}, r.err
	}
	if err := checkName(e.name); err != nil {
		return entry{}, err
	}
	if e.status < entryAlive || e.status > entryPruned {
		return entry{}, fmt.Errorf("status %d is not known here", e.status)
	}
	if !e.gone() {
		return e, nil
	}
	e.age = time.Duration(min(r.uvarint(), uint64(maxAge/time.Millisecond))) * time.Millisecond
	addr, port, meta := r.bytes(16), r.uvarint(), r.bytes(MaxTags)
	if r.err != nil {
		return entry{}, r.err
	}
	var err error
	if e.addr, err = memberAddr(addr, port); err != nil {
		return entry{}, err
	}
	if e.tags, err = decodeTags(meta); err != nil {
		return entry{}, fmt.Errorf("its tags: %w", err)
	}
	return e, nil
}

func (s state) encode() []byte {
	b := binary.AppendUvarint([]byte{stateForm}, uint64(s.clock))
	b = binary.AppendUvarint(b, uint64(s.events))
	b = binary.AppendUvarint(b, uint64(len(s.known)))
	for _, e := range s.known {
		b = appendBytes(b, e.encode())
	}
	b = binary.AppendUvarint(b, uint64(len(s.recent)))
	for _, e := range s.recent {
		b = appendBytes(b, e.appendTo(nil))
	}
	if s.owner != "" {
		b = appendBytes(b, s.owner)
	}
	return b
}

// decodeState reads another member's state. An entry or a user event that cannot be read is left out, as a newer member may send kinds that are not
// known here; a broken frame is an error.
func decodeState(b []byte) (state, error) {
	if len(b) > maxState {
		return state{}, errTooBig
	}
	r := reader{buf: b}
	if form := r.byte(); r.err == nil && form != stateForm {
		return state{}, fmt.Errorf("form %d of state is not known here", form)
	}
	s := state{clock: lamport(r.uvarint()), events: lamport(r.uvarint())}
	for range r.count() {
		if e, err := decodeEntry(r.bytes(maxMessage)); err == nil {
			s.known = append(s.known, e)
		}
	}
	for range r.count() {
		if e, err := decodeEvent(r.bytes(maxMessage)); err == nil {
			s.recent = append(s.recent, e)
		}
	}
	if len(r.buf) > 0 {
		s.owner = r.string(maxClusterID)
	}
	if r.err != nil {
		return state{}, r.err
	}
	return s, nil
}
