package consensus

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// rarely makes raft itself tell its followers of a commit so rarely that it does not within a test.
func rarely(c *Config) { c.CommitTimeout = time.Minute }

func TestFollowersLearnOfACommitAtOnce(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3, rarely)
	for i := range 10 {
		index := write(t, members, "k", key(i))
		for _, m := range members {
			if got := read(t, m, index, "k"); got != key(i) {
				t.Errorf("%s reads %q, want %q", m.cfg.ID, got, key(i))
			}
		}
	}
}

// TestFollowersLearnOfTheLastOfMany has many writers end at about the same time: who is told while more is committed is told again.
func TestFollowersLearnOfTheLastOfMany(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3, rarely)
	for range 5 {
		var writers sync.WaitGroup
		for w := range 16 {
			writers.Go(func() { write(t, members, key(w), "v") })
		}
		writers.Wait()
		last := leaderOf(t, members).store.AppliedIndex()
		for _, m := range members {
			read(t, m, last, key(0))
		}
	}
}

func TestNonvotersLearnOfACommitAtOnce(t *testing.T) {
	t.Parallel()
	first := startMember(t, "a", t.TempDir(), rarely)
	bootstrapAlone(t, first)
	second := startMember(t, "b", t.TempDir(), rarely)
	if err := first.AddNonvoter(testContext(t), "b", second.cfg.Addr); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if got := read(t, second, write(t, []*member{first}, "k", key(i)), "k"); got != key(i) {
			t.Errorf("it reads %q, want %q", got, key(i))
		}
	}
}

// TestCommitMessageNeedsTheSameLog sends what a leader would send to a member that lacks the entry, or has another one there.
func TestCommitMessageNeedsTheSameLog(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	index := write(t, members, "k", "v")
	follower := without(members, leader)[0]
	read(t, follower, index, "k")
	tm, _ := leader.terms.now()
	var message *raft.AppendEntriesRequest
	eventually(t, "the log is at rest", func() bool { message = newTeller(leader.Peer, tm).message(); return message != nil })

	send := func(prev, prevTerm, commit uint64) bool {
		m := *message
		m.PrevLogEntry, m.PrevLogTerm, m.LeaderCommitIndex = prev, prevTerm, commit
		var answer raft.AppendEntriesResponse
		if err := leader.trans.AppendEntries(raft.ServerID(follower.cfg.ID), raft.ServerAddress(follower.cfg.Addr), &m, &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Success
	}
	if !send(message.PrevLogEntry, message.PrevLogTerm, message.LeaderCommitIndex) {
		t.Error("a true message was refused")
	}
	applied := follower.store.AppliedIndex()
	if send(index+100, message.PrevLogTerm, index+100) {
		t.Error("a member that lacks the entry accepted the message")
	}
	if send(message.PrevLogEntry, message.PrevLogTerm+1, index+100) {
		t.Error("a member that has another entry accepted the message")
	}
	if now := follower.store.AppliedIndex(); now != applied {
		t.Errorf("a refused message moved the applied index from %d to %d", applied, now)
	}
}

func TestNoCommitMessageWhileEntriesAreUnderWay(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	tm, _ := leader.terms.now()
	for _, m := range without(members, leader) {
		m.layer.plug(false)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, _ = leader.Propose(short, set(t, "k", "v"))
	r := leader.raft.Load()
	if r.LastIndex() > r.CommitIndex() && newTeller(leader.Peer, tm).message() != nil {
		t.Error("a message would be sent although entries are not committed")
	}
}
