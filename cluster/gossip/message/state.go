package message

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
)

// stateForm is the first byte of a state, so that a later form can be told apart.
const stateForm = 1

// maxOwner is the longest cluster ID that is looked at.
const maxOwner = memberlist.LabelMaxSize

// maxState bounds the state that is looked at: 5,000 members that failed, with full tags, take less.
const maxState = 4 << 20

// State is what two members tell each other with every push/pull, beside memberlist's own list of the living.
type State struct {
	Clock  Time // the latest time of an intent
	Events Time // the latest time of a user event
	Known  []Entry
	Recent []UserEvent // oldest first
	Owner  string      // the cluster ID of who tells, "" where it has none; members of older versions leave it out
}

// EntryStatus is a member's standing on the wire: its cluster.MemberStatus, or that it was pruned.
type EntryStatus byte

// The standings.
const (
	EntryAlive               = EntryStatus(cluster.StatusAlive)
	EntryLeaving             = EntryStatus(cluster.StatusLeaving)
	EntryLeft                = EntryStatus(cluster.StatusLeft)
	EntryFailed              = EntryStatus(cluster.StatusFailed)
	EntryPruned  EntryStatus = 5 // written off and forgotten; kept for a while so that nobody brings it back
)

// Entry is one member in a state. A living one has name, status and time alone, as memberlist carries the rest.
type Entry struct {
	Status EntryStatus
	Time   Time // of the last intent about it
	Name   string
	Age    time.Duration // since it failed or left
	Addr   netip.AddrPort
	Tags   map[string]string
}

// Gone reports whether the entry is about a member that memberlist does not carry.
func (e Entry) Gone() bool { return e.Status == EntryLeft || e.Status == EntryFailed }

func (e Entry) encode() []byte {
	b := binary.AppendUvarint([]byte{byte(e.Status)}, uint64(e.Time))
	b = appendBytes(b, e.Name)
	if !e.Gone() {
		return b
	}
	b = binary.AppendUvarint(b, uint64(max(0, e.Age.Milliseconds())))
	b = appendBytes(b, e.Addr.Addr().AsSlice())
	b = binary.AppendUvarint(b, uint64(e.Addr.Port()))
	meta, err := EncodeTags(e.Tags)
	if err != nil { // tags that came by gossip were small enough there
		meta, _ = EncodeTags(nil)
	}
	return appendBytes(b, meta)
}

// maxAge bounds the age of an entry, so that it never overflows a duration.
const maxAge = 10 * 365 * 24 * time.Hour

func decodeEntry(b []byte) (Entry, error) {
	r := reader{buf: b}
	e := Entry{Status: EntryStatus(r.byte()), Time: Time(r.uvarint()), Name: r.string(MaxName)}
	if r.err != nil {
		return Entry{}, r.err
	}
	if err := CheckName(e.Name); err != nil {
		return Entry{}, err
	}
	if e.Status < EntryAlive || e.Status > EntryPruned {
		return Entry{}, fmt.Errorf("status %d is not known here", e.Status)
	}
	if !e.Gone() {
		return e, nil
	}
	e.Age = time.Duration(min(r.uvarint(), uint64(maxAge/time.Millisecond))) * time.Millisecond
	addr, port, meta := r.bytes(16), r.uvarint(), r.bytes(MaxTags)
	if r.err != nil {
		return Entry{}, r.err
	}
	var err error
	if e.Addr, err = Address(addr, port); err != nil {
		return Entry{}, err
	}
	if e.Tags, err = DecodeTags(meta); err != nil {
		return Entry{}, fmt.Errorf("its tags: %w", err)
	}
	return e, nil
}

// Encode is the state as a push/pull carries it.
func (s State) Encode() []byte {
	b := binary.AppendUvarint([]byte{stateForm}, uint64(s.Clock))
	b = binary.AppendUvarint(b, uint64(s.Events))
	b = binary.AppendUvarint(b, uint64(len(s.Known)))
	for _, e := range s.Known {
		b = appendBytes(b, e.encode())
	}
	b = binary.AppendUvarint(b, uint64(len(s.Recent)))
	for _, e := range s.Recent {
		b = appendBytes(b, e.appendTo(nil))
	}
	if s.Owner != "" {
		b = appendBytes(b, s.Owner)
	}
	return b
}

// DecodeState reads another member's state. An entry or a user event that cannot be read is left out, as a newer member may send kinds that are not
// known here; a broken frame is an error.
func DecodeState(b []byte) (State, error) {
	if len(b) > maxState {
		return State{}, errTooBig
	}
	r := reader{buf: b}
	if form := r.byte(); r.err == nil && form != stateForm {
		return State{}, fmt.Errorf("form %d of state is not known here", form)
	}
	s := State{Clock: Time(r.uvarint()), Events: Time(r.uvarint())}
	for range r.count() {
		if e, err := decodeEntry(r.bytes(maxMessage)); err == nil {
			s.Known = append(s.Known, e)
		}
	}
	for range r.count() {
		if e, err := decodeEvent(r.bytes(maxMessage)); err == nil {
			s.Recent = append(s.Recent, e)
		}
	}
	if len(r.buf) > 0 {
		s.Owner = r.string(maxOwner)
	}
	if r.err != nil {
		return State{}, r.err
	}
	return s, nil
}
