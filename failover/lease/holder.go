package lease

import (
	"slices"
	"strings"
	"time"
)

// Grant is a lease that was granted, with its end on the holder's clock.
type Grant struct {
	Claim
	Deadline int64 // nanoseconds on the clock that Sent was given
}

// Holder is a machine's side of the protocol. All its times are nanoseconds on one clock, CLOCK_BOOTTIME in production.
type Holder struct {
	held map[string]*held
	sent []sentAt // the newest renewals, oldest first
}

// held is a group that this machine holds or claims.
type held struct {
	epoch    uint64
	since    uint64 // only renewals with a sequence number above this one carried the claim
	deadline int64  // 0: never granted
}

type sentAt struct {
	seq  uint64
	time int64
}

// maxSent is how many renewals may be under way. An answer to an older one is ignored.
const maxSent = 64

// NewHolder makes a holder that claims nothing.
func NewHolder() *Holder { return &Holder{held: map[string]*held{}} }

// Take begins to claim a group in an epoch. live says that an earlier process of this machine held it, and until when; 0 for no.
func (h *Holder) Take(c Claim, live int64) {
	h.held[c.Group] = &held{epoch: c.Epoch, since: h.lastSeq(), deadline: live}
}

// Drop ceases to hold or claim a group, in whatever epoch: grants that are still under way come to nothing.
func (h *Holder) Drop(group string) { delete(h.held, group) }

// Claims are what the next renewal asks for, and which of them live at this time.
func (h *Holder) Claims(now int64) (claims, live []Claim) {
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

// Sent notes that a renewal with everything Claims said is about to be sent: the lease counts from here.
func (h *Holder) Sent(seq uint64, now int64) {
	h.sent = append(h.sent, sentAt{seq, now})
	if len(h.sent) > maxSent {
		h.sent = slices.Delete(h.sent, 0, len(h.sent)-maxSent)
	}
}

// Granted is what an answer grants: the claims of the renewal that it names and that this machine still makes. A deadline never
// moves back. It may have passed already.
func (h *Holder) Granted(a *Answer) []Grant {
	i := slices.IndexFunc(h.sent, func(s sentAt) bool { return s.seq == a.Seq })
	if i < 0 || a.Seq == 0 {
		return nil
	}
	deadline := h.sent[i].time + int64(min(a.TTL, MaxTTL))
	var out []Grant
	for _, c := range a.Granted {
		x := h.held[c.Group]
		if x == nil || x.epoch != c.Epoch || a.Seq <= x.since {
			continue
		}
		x.deadline = max(x.deadline, deadline)
		out = append(out, Grant{Claim: c, Deadline: x.deadline})
	}
	return out
}

// MaxTTL bounds what a holder believes of a leader.
const MaxTTL = 30 * time.Second

func (h *Holder) lastSeq() uint64 {
	if len(h.sent) == 0 {
		return 0
	}
	return h.sent[len(h.sent)-1].seq
}
