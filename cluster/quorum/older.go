package quorum

import (
	"context"
	"fmt"
	"time"

	"holdfast/cluster"
)

// olderGrace is how long the voters beyond the majority are waited for. One that knows better makes the wait for older leases shorter, as
// when the majority holds a voter that has just restarted.
const olderGrace = 25 * time.Millisecond

// OlderLeases is how long from its return a lease that an older leader granted may still live: 0 for no longer. From then on no voter of
// the majority that was asked gives its word to an older leader. Without a majority it fails with cluster.NoLeader.
func (a *Asker) OlderLeases(ctx context.Context) (time.Duration, error) {
	term, err := a.leading()
	if err != nil {
		return 0, err
	}
	voters, _, err := a.electorate.Voters()
	if err != nil {
		return 0, fmt.Errorf("list the voters: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	t := NewTally(a.id, term, voters)
	grace := time.AfterFunc(roundLimit, cancel)
	defer grace.Stop()
	won := false
	_ = a.ask(ctx, Question{Kind: Older, Grade: Read, Term: term, Span: a.leaseEnd, Leader: a.id}, voters, nil, func(voter string, x Answer) bool {
		now := a.voter.clock()
		t.Take(voter, x, now)
		if t.Won() && !won {
			won = true
			grace.Reset(olderGrace)
		}
		return t.Lost() || t.Won() && (t.Complete() || t.OlderEnd() <= now)
	})
	if !t.Won() {
		return 0, cluster.ErrNoLeader
	}
	return max(0, t.OlderEnd()-a.voter.clock()), nil
}
