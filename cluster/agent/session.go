package agent

import (
	"context"

	"github.com/google/uuid"

	"holdfast/cluster"
)

// CreateSession makes a session and answers its ID. Its clock starts on the leader.
func (a *Agent) CreateSession(ctx context.Context, opts cluster.WriteOptions, s cluster.Session) (string, error) {
	s.ID = uuid.NewString()
	if _, err := a.Apply(ctx, opts, &cluster.SessionCreate{Session: s}); err != nil {
		return "", err
	}
	return s.ID, nil
}

// RenewSession gives a session its full TTL again. A session that does not exist is NotFound.
func (a *Agent) RenewSession(ctx context.Context, _ cluster.WriteOptions, id string) error {
	return a.atLeader(ctx, func(context.Context) error { return a.renewHere(id) }, func(ctx context.Context, addr string) error {
		_, err := a.callLeader(ctx, addr, methodRenew, []byte(id))
		if cluster.CodeOf(err) == cluster.Unknown {
			return cluster.ErrNoLeader // renewing once more is no harm
		}
		return err
	})
}

// renewHere renews on the leader.
func (a *Agent) renewHere(id string) error {
	l := a.leads.Load()
	if l == nil {
		return cluster.ErrNoLeader
	}
	s := a.store.View().Session(id)
	if s == nil || !l.term.Renew(id, s.TTL) {
		return cluster.Errorf(cluster.NotFound, "Session id '%s' not found", id)
	}
	return nil
}
