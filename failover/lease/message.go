package lease

import (
	"encoding/json"
	"fmt"
	"time"

	"holdfast/cluster"
)

// Margin is how much longer than the TTL the leader lets a lease live, so that clocks may differ in rate by 1 % each way.
func Margin(ttl time.Duration) time.Duration { return ttl/50 + 5*time.Millisecond }

// Claim names a group and the epoch that a machine wants to hold it in.
type Claim struct {
	Group string
	Epoch uint64
}

// Renewal is what a machine tells the leader: everything it holds and wants to hold, and how it is. It travels as JSON; fields that
// are not known are skipped.
type Renewal struct {
	Node          string
	Seq           uint64            // counts up; the answer names it
	Claims        []Claim           // to be granted or renewed
	Live          []Claim           `json:",omitempty"` // those of the claims whose lease lived as this was sent
	Released      []Claim           `json:",omitempty"` // given back; repeated until they are acknowledged
	Stopping      bool              `json:",omitempty"` // the daemon is about to stop
	StoppingWhy   string            `json:",omitempty"`
	Unable        map[string]string `json:",omitempty"` // group -> why this machine cannot carry it
	HardwareAddrs []string          `json:",omitempty"` // its MAC addresses
	Networks      []string          `json:",omitempty"` // its interfaces and prefixes, "eth0 10.77.0.11/24"
}

// Answer is what the leader tells a machine, in answer to a renewal or by itself.
type Answer struct {
	Seq          uint64 // of the renewal that is answered; 0 where the leader speaks by itself
	Term         uint64
	TTL          time.Duration        // counts from when the renewal was sent
	Granted      []Claim              `json:",omitempty"`
	Refused      []Refusal            `json:",omitempty"`
	Acknowledged []Claim              `json:",omitempty"` // releases that the leader has noted
	Assignments  []cluster.Assignment `json:",omitempty"` // all of them
	Vacant       []Claim              `json:",omitempty"` // assigned, and nothing stands in the way of a claim any more
}

// Refusal says why a claim was not granted.
type Refusal struct {
	Claim
	Why string
}

// EncodeRenewal makes the message of a renewal.
func EncodeRenewal(r *Renewal) ([]byte, error) { return json.Marshal(r) }

// EncodeAnswer makes the message of an answer.
func EncodeAnswer(a *Answer) ([]byte, error) { return json.Marshal(a) }

// DecodeRenewal reads a renewal from the network.
func DecodeRenewal(b []byte) (*Renewal, error) {
	var r Renewal
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("decode lease renewal: %w", err)
	}
	return &r, nil
}

// DecodeAnswer reads an answer from the network.
func DecodeAnswer(b []byte) (*Answer, error) {
	var a Answer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("decode lease answer: %w", err)
	}
	if a.TTL < 0 {
		return nil, fmt.Errorf("decode lease answer: a TTL of %s", a.TTL)
	}
	return &a, nil
}
