package lease

import (
	"time"

	"holdfast/cluster"
)

// Claim names a group and the epoch that a machine wants to hold it in.
type Claim struct {
	Group string
	Epoch uint64
}

// Renewal is what a machine tells the leader: everything it holds and wants to hold, and how it is.
type Renewal struct {
	Node          string
	Run           uint64            // the process that sends it; no other of this machine ever had this number
	Seq           uint64            // counts up within the run; the answer names it
	Term          uint64            // of the leader that it is meant for, as that leader has said; 0: not known yet
	Claims        []Claim           `codec:",omitempty"` // to be granted or renewed
	Live          []Claim           `codec:",omitempty"` // those of the claims whose lease lived as this was sent, in whatever epoch
	Released      []Claim           `codec:",omitempty"` // given back; repeated until they are acknowledged
	Stopping      bool              `codec:",omitempty"` // the daemon is about to stop
	StoppingWhy   string            `codec:",omitempty"`
	Unable        map[string]string `codec:",omitempty"` // group -> why this machine cannot carry it
	HardwareAddrs []string          `codec:",omitempty"` // its MAC addresses
	Networks      []string          `codec:",omitempty"` // its interfaces and prefixes, "eth0 10.77.0.11/24"
}

// Answer is what the leader tells a machine, in answer to a renewal or by itself.
type Answer struct {
	Seq          uint64               `codec:",omitempty"` // of the renewal that is answered; 0 where the leader speaks by itself
	Term         uint64               // of the leader
	TTL          time.Duration        // counts from when the renewal was sent
	Granted      []Claim              `codec:",omitempty"`
	Refused      []Refusal            `codec:",omitempty"`
	Acknowledged []Claim              `codec:",omitempty"` // releases that the leader has noted
	Assignments  []cluster.Assignment `codec:",omitempty"` // all of them
	Vacant       []Claim              `codec:",omitempty"` // assigned, and nothing stands in the way of a claim any more
}

// News reports whether the answer says more than that the renewal has arrived.
func (a *Answer) News() bool {
	return len(a.Granted)+len(a.Refused)+len(a.Acknowledged)+len(a.Assignments)+len(a.Vacant) > 0
}

// Refusal says why a claim was not granted.
type Refusal struct {
	Claim
	Why string // a sentence
}
