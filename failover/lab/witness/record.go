package witness

import (
	"net/netip"
	"time"
)

// Record is all that was asked about an address, and answered. Times are counted from Began, on the clock that all machines share.
type Record struct {
	VIP    netip.Addr
	Began  time.Time
	Ended  time.Duration
	Client []Ask   // what the client asked by normal routing
	Rounds []Ask   // what the observer asked everyone at once, and when the last answer was heard if there was any
	Tracks []Track // what each machine was asked, in each way that needs no routing
}

// Rules say how a Record is read.
type Rules struct {
	Patience time.Duration // a client's question that had to wait for longer counts as unanswered
	MaxGap   time.Duration // nothing is concluded across a longer time in which a machine may have served nobody
}

// Judge reads the record.
func (rec Record) Judge(rules Rules) Report {
	r := Report{VIP: rec.VIP, Began: rec.Began, Took: rec.Ended}
	r.client(rec.Client, rec.Ended-rules.Patience, rules)
	r.owners(rec.Tracks, rules)
	r.paces(rec.Rounds)
	return r
}
