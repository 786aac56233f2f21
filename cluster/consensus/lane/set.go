package lane

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	pause        = time.Second // after a lane that ended or could not be opened
	refusedPause = time.Minute // after a member that knows no lanes: it notes each attempt in its log
)

// Set is a member's lanes to the others. One that is missing is opened on the side.
type Set struct {
	open  func(raft.ServerID) (*Lane, error)
	ended func()
	tasks sync.WaitGroup

	mu     sync.Mutex // guards following
	links  map[raft.ServerID]*link
	closed bool
}

// link is what there is between this member and another one.
type link struct {
	lane    *Lane // nil if there is none
	opening bool
	next    time.Time // no attempt is made before
}

// NewSet makes an empty set. It has open open a lane to a member, and ended told when one has ended: what was sent last may not have arrived.
func NewSet(open func(raft.ServerID) (*Lane, error), ended func()) *Set {
	return &Set{open: open, ended: ended, links: map[raft.ServerID]*link{}}
}

// To is the lane to a member, nil where there is none now. Then one is opened, if it is time for that.
func (s *Set) To(id raft.ServerID) *Lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.links[id]
	if k == nil {
		k = &link{}
		s.links[id] = k
	}
	if k.lane == nil && !k.opening && !s.closed && !time.Now().Before(k.next) {
		k.opening = true
		s.tasks.Go(func() { s.run(id, k) })
	}
	return k.lane
}

// run opens a lane and sees it to its end.
func (s *Set) run(id raft.ServerID, k *link) {
	l, err := s.open(id)
	if !s.opened(k, l, err) {
		if l != nil {
			l.Close()
		}
		return
	}
	_ = l.Run()
	s.forget(k, l)
	s.ended()
}

// opened notes a lane, or why there is none. It reports whether there is one now.
func (s *Set) opened(k *link, l *Lane, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.opening = false
	switch {
	case errors.Is(err, ErrRefused):
		k.next = time.Now().Add(refusedPause)
	case err != nil:
		k.next = time.Now().Add(pause)
	case !s.closed:
		k.lane = l
		return true
	}
	return false
}

// forget notes that l is of no use any more. There may be another one by now.
func (s *Set) forget(k *link, l *Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.lane == l {
		k.lane, k.next = nil, time.Now().Add(pause)
	}
}

// Drop ends the lane to a member that does not answer: the kernel repeats what is on it at intervals that double, and would go on doing so for a
// while after the member is back.
func (s *Set) Drop(id raft.ServerID) {
	s.mu.Lock()
	k := s.links[id]
	if k == nil || k.lane == nil {
		s.mu.Unlock()
		return
	}
	l := k.lane
	s.mu.Unlock()
	s.forget(k, l)
	l.Close()
}

// Close ends all lanes and opens none any more. Those that are being opened end with their connections; see Wait.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, k := range s.links {
		if k.lane != nil {
			k.lane.Close()
		}
	}
}

// Wait returns when nothing of a closed set runs any more.
func (s *Set) Wait() { s.tasks.Wait() }
