package quorum

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/durable"
)

// Promise is for how long what a voter has said may hold. Both depend on the configuration, which may be another one after a restart: what an
// earlier process promised by its own binds the one that follows.
type Promise struct {
	Span      time.Duration // a lease can live after the word that it rests on: TTL and margin, as this member or a leader has them
	Heartbeat time.Duration // this voter refuses its vote to others after it has heard from its leader
}

func (p Promise) longest(o Promise) Promise {
	return Promise{Span: max(p.Span, o.Span), Heartbeat: max(p.Heartbeat, o.Heartbeat)}
}

// Ledger keeps the longest promises of a member in a file, so that they are known after a restart. A promise is in it before it is given, and
// leaves it when no word of an earlier process can hold any more.
type Ledger struct {
	file    string // "" keeps nothing
	own     Promise
	earlier Promise // what processes before this one may have promised, at least own
	kept    Promise // what the file says
}

// promiseFile is the file's content. Durations are in nanoseconds.
type promiseFile struct {
	LongestLease     time.Duration // Promise.Span
	LongestHeartbeat time.Duration
}

// OpenLedger reads what earlier processes have promised, and notes what this one will promise by its own configuration. Where there is no file the member
// is new, or of a version that kept none.
func OpenLedger(file string, own Promise) (*Ledger, error) {
	l := &Ledger{file: file, own: own}
	b, err := os.ReadFile(file)
	var f promiseFile
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read what this voter has promised: %w", err)
	default:
		if err := json.Unmarshal(b, &f); err != nil || f.LongestLease < 0 || f.LongestHeartbeat < 0 {
			return nil, cluster.Errorf(cluster.Invalid, "%s, what this voter has promised before it was stopped, cannot be read: remove it once the agent has been stopped for a minute", file)
		}
	}
	l.kept = Promise{Span: f.LongestLease, Heartbeat: f.LongestHeartbeat}
	l.earlier = l.kept.longest(own)
	return l, l.keep(l.earlier)
}

// Earlier is the longest that processes before this one may have promised, or what this one promises where that is longer.
func (l *Ledger) Earlier() Promise { return l.earlier }

// raise notes that a lease may live for span after a word: a leader's may be longer than this member's.
func (l *Ledger) raise(span time.Duration) error {
	own := l.own
	own.Span = max(own.Span, span) // also where an earlier process promised more: that is forgotten one day
	if err := l.keep(l.kept.longest(own)); err != nil {
		return err
	}
	l.own = own
	return nil
}

// outlived notes that no word of an earlier process holds any more.
func (l *Ledger) outlived() error { return l.keep(l.own) }

func (l *Ledger) keep(p Promise) error {
	if p == l.kept {
		return nil
	}
	if l.file != "" {
		b, err := json.Marshal(promiseFile{p.Span, p.Heartbeat})
		if err == nil {
			err = durable.WriteFile(l.file, b)
		}
		if err != nil {
			return fmt.Errorf("note what this voter promises: %w", err)
		}
	}
	l.kept = p
	return nil
}
