package quorum

import (
	"context"
	"fmt"

	"holdfast/cluster"
)

// Hold returns nil once every voter, this member included if it votes, has said after the call began that it follows no leader, and has promised
// that whoever leads later waits for what this member holds. One that is silent, follows somebody, or knows of another peer set is enough for
// an error. It is for a holder whose lease lives and that no leader renews: if the lease lives still when Hold returns, it may go on for TTL,
// counted from before the call.
func (a *Asker) Hold(ctx context.Context) error {
	voters, peers, err := a.electorate.Voters()
	if err != nil {
		return fmt.Errorf("list the voters: %w", err)
	}
	if len(voters) == 0 {
		return cluster.ErrNoLeader
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	q := Question{Kind: Hold, Grade: Lease, Nonce: a.nonce.Add(1), Span: a.leaseEnd, Leader: a.id, Peers: peers}
	if !a.voter.reply(q).Yes {
		return cluster.Errorf(cluster.Unavailable, "this member follows a leader: its lease is that leader's to renew")
	}
	req := q.Encode()
	words := make(chan error, len(voters))
	for _, id := range voters {
		go func() {
			if id == a.id {
				words <- nil
				return
			}
			x, ok := a.askOnce(ctx, id, q.Nonce, req)
			switch {
			case !ok:
				words <- cluster.Errorf(cluster.Unavailable, "the voter %s does not answer", id)
			case !x.Yes:
				words <- cluster.Errorf(cluster.Unavailable, "the voter %s follows a leader, or knows of another peer set", id)
			default:
				words <- nil
			}
		}()
	}
	for range voters {
		if err := <-words; err != nil {
			return err
		}
	}
	return nil
}
