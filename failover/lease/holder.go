package lease

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// Grant is a lease that was granted, with its end on the holder's clock.
type Grant struct {
	Claim
	Deadline int64 // nanoseconds on the clock of the Holder; it may have passed already
}

// Holder is a machine's side of the protocol, for one process. All its times are nanoseconds on one clock, CLOCK_BOOTTIME in production.
type Holder struct {
	run      uint64
	seq      uint64 // of the newest renewal
	term     uint64 // of the newest leader that was heard
	news     bool   // that leader has not been told anything yet
	held     map[string]*held
	released []Claim  // given back and not yet acknowledged
	sent     []sentAt // the newest renewals, oldest first
}

// held is a group that this machine holds or claims.
type held struct {
	epoch    uint64
	since    uint64 // only renewals with a sequence number above this one carried the claim
	deadline int64  // 0: never granted
	granted  bool   // by a leader, to this process: then the epoch is the one that was served last
}

type sentAt struct {
	seq  uint64
	time int64
}

// maxSent is how many renewals may be under way. An answer to an older one is ignored.
const maxSent = 64

// NewHolder makes a holder that claims nothing.
func NewHolder() *Holder {
	return &Holder{run: rand.Uint64(), held: map[string]*held{}} //nolint:gosec // it tells processes apart, and guards nothing
}

// Take begins to claim a group in an epoch. live says that an earlier process of this machine held it, and until when; 0 for no.
func (h *Holder) Take(c Claim, live int64) {
	h.held[c.Group] = &held{epoch: c.Epoch, since: h.seq, deadline: live}
}

// Drop ceases to hold or claim a group, in whatever epoch: grants that are still under way come to nothing. It is for a lease that has run out.
func (h *Holder) Drop(group string) { delete(h.held, group) }

// GiveBack is Drop, and tells the leader, who may grant the group to another machine at once. It is to be called only after the fence is
// shut.
func (h *Holder) GiveBack(group string) {
	if x := h.held[group]; x != nil {
		h.released = append(h.released, Claim{Group: group, Epoch: x.epoch})
		delete(h.held, group)
	}
}

// Extend lets a group that this machine holds be held up to a later deadline, by every voter's word (quorum.Asker.Hold). It reports whether the
// lease lived still at now; one that had ended is not brought back. Nor is one extended that this process found in the kernel and that no
// leader has granted to it: its log may name an epoch from before that lease.
func (h *Holder) Extend(c Claim, now, deadline int64) bool {
	x := h.held[c.Group]
	if x == nil || x.epoch != c.Epoch || x.deadline <= now || !x.granted {
		return false
	}
	x.deadline = max(x.deadline, deadline)
	return true
}

// Owed reports whether the leader has yet to acknowledge something that was given back.
func (h *Holder) Owed() bool { return len(h.released) > 0 }

// Renew fills in what the next renewal says of leases. now was read before; the lease counts from it, so the renewal is to be sent once only.
func (h *Holder) Renew(now int64, r *Renewal) {
	h.seq++
	h.news = false
	h.sent = append(h.sent, sentAt{h.seq, now})
	h.sent = h.sent[max(0, len(h.sent)-maxSent):]
	r.Run, r.Seq, r.Term = h.run, h.seq, h.term
	r.Claims, r.Live = h.claims(now)
	r.Released = slices.Clone(h.released)
}

// claims are what the next renewal asks for, and which of them live at this time.
func (h *Holder) claims(now int64) (claims, live []Claim) {
	for g, x := range h.held {
		c := Claim{Group: g, Epoch: x.epoch}
		claims = append(claims, c)
		if x.deadline > now {
			live = append(live, c)
		}
	}
	byGroup := func(a, b Claim) int { return strings.Compare(a.Group, b.Group) }
	slices.SortFunc(claims, byGroup)
	slices.SortFunc(live, byGroup)
	return claims, live
}

// Granted is what an answer grants: the claims of the renewal that it names and that this machine has made ever since. A deadline never
// moves back. What a leader says after a newer one has been heard counts for nothing.
func (h *Holder) Granted(a *Answer) []Grant {
	if a.Term < h.term {
		return nil
	}
	h.news = h.news || a.Term > h.term
	h.term = a.Term
	i := slices.IndexFunc(h.sent, func(s sentAt) bool { return s.seq == a.Seq })
	if i < 0 || a.Seq == 0 {
		return nil
	}
	h.released = slices.DeleteFunc(h.released, func(c Claim) bool { return slices.Contains(a.Acknowledged, c) })
	deadline := h.sent[i].time + int64(min(a.TTL, MaxTTL))
	var out []Grant
	for _, c := range a.Granted {
		x := h.held[c.Group]
		if x == nil || x.epoch != c.Epoch || a.Seq <= x.since {
			continue
		}
		x.deadline, x.granted = max(x.deadline, deadline), true
		out = append(out, Grant{Claim: c, Deadline: x.deadline})
	}
	return out
}

// Again reports whether a renewal should follow an answer at once: a new leader has spoken, which needs to hear its own term, or something
// that this machine claims and does not hold is vacant.
func (h *Holder) Again(now int64, a *Answer) bool {
	return h.news || a.Term == h.term && slices.ContainsFunc(a.Vacant, func(c Claim) bool {
		x := h.held[c.Group]
		return x != nil && x.epoch == c.Epoch && x.deadline <= now
	})
}
