package consensus

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
)

// answerTimeout is how long a voter has to answer before the leadership is handed to it.
const answerTimeout = time.Second

// TransferLeadership hands the leadership to the member id, or, if id is "", to the voter that answers first, and waits until this member
// no longer leads. If it fails this member goes on leading.
//
// Raft would begin with a voter that is away, too. It takes no writes meanwhile, and where it is asked twice it waits without end: none until
// that voter is back. So whoever is to lead must answer first.
func (p *Peer) TransferLeadership(ctx context.Context, id string) error {
	r, err := p.running()
	if err != nil {
		return err
	}
	t, _ := p.terms.now()
	if t == nil {
		return cluster.ErrNoLeader
	}
	to, err := p.heir(ctx, t, id)
	if err != nil {
		return err
	}
	transfer := func() raft.Future {
		return r.LeadershipTransferToServer(raft.ServerID(to.ID), raft.ServerAddress(to.Addr))
	}
	err = settleError(ctx, p.stopped, transfer)
	switch {
	case err == nil, errors.Is(err, raft.ErrNotLeader):
		return nil
	case ctx.Err() != nil, errors.Is(err, raft.ErrRaftShutdown):
		return asClusterError("the transfer of the leadership", err)
	}
	return cluster.Errorf(cluster.Unavailable, "the leadership could not be handed over: %v", err)
}

// heir is the voter that gets the leadership: the one that was named, or else the first to answer.
func (p *Peer) heir(ctx context.Context, t *term, id string) (Server, error) {
	servers, _, err := p.Servers()
	if err != nil {
		return Server{}, err
	}
	var voters []Server
	for _, s := range servers {
		if s.Voter && s.ID != p.cfg.ID && (id == "" || s.ID == id) {
			voters = append(voters, s)
		}
	}
	switch {
	case len(voters) > 0:
		return p.firstToAnswer(ctx, t, voters)
	case id == "":
		return Server{}, cluster.Errorf(cluster.Unavailable, "the leadership cannot be handed over: there is no other voter")
	}
	return Server{}, cluster.Errorf(cluster.Invalid, "the leadership cannot be handed to %q: it is not another voter of the peer set", id)
}

func (p *Peer) firstToAnswer(ctx context.Context, t *term, voters []Server) (Server, error) {
	var last raft.Log
	if err := p.stores.Log.GetLog(p.raft.Load().CommitIndex(), &last); err != nil {
		return Server{}, cluster.Errorf(cluster.Unavailable, "the leadership cannot be handed over: the newest entry cannot be read: %v", err)
	}
	message := p.message(t.number, &last)
	answers := make(chan Server, len(voters))
	for _, v := range voters {
		go func() { // for as long as raft would wait for it, where nobody answers
			var answer raft.AppendEntriesResponse
			if p.trans.send(raft.ServerID(v.ID), raft.ServerAddress(v.Addr), message, &answer) == nil && answer.Term == t.number {
				answers <- v
			}
		}()
	}
	timeout := time.NewTimer(answerTimeout)
	defer timeout.Stop()
	select {
	case v := <-answers:
		return v, nil
	case <-timeout.C:
	case <-ctx.Done():
	case <-t.ctx.Done():
		return Server{}, cluster.ErrNoLeader
	}
	if len(voters) == 1 {
		return Server{}, cluster.Errorf(cluster.Unavailable, "the leadership cannot be handed over: the voter %s does not answer", voters[0].ID)
	}
	return Server{}, cluster.Errorf(cluster.Unavailable, "the leadership cannot be handed over: no other voter answers")
}
