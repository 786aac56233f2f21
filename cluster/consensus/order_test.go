package consensus

import (
	"testing"

	"github.com/hashicorp/raft"

	"holdfast/cluster"
)

// TestOrderOfAnOlderTermIsRefused has a voter find an order to stand for election in its socket that a leader gave in a term that is over.
func TestOrderOfAnOlderTermIsRefused(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	voter := without(members, leader)[0]
	term := leader.Term()
	tell := func(req *raft.TimeoutNowRequest) error {
		addr, err := leader.Address(voter.cfg.ID)
		if err != nil {
			t.Fatal(err)
		}
		return leader.trans.NetworkTransport.TimeoutNow(raft.ServerID(voter.cfg.ID), raft.ServerAddress(addr), req, new(raft.TimeoutNowResponse))
	}
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(leader.cfg.ID), Addr: []byte(leader.cfg.Addr + " 1")}
	if term == 1 {
		t.Fatal("the first term has no older one")
	}
	if err := tell(&raft.TimeoutNowRequest{RPCHeader: header}); err == nil {
		t.Error("an order of term 1 was obeyed")
	}
	if leader.Term() != term || !leader.IsLeader() {
		t.Errorf("term %d, and %s leads no longer in term %d", leader.Term(), leader.cfg.ID, term)
	}
	header.Addr = []byte(leader.cfg.Addr) // as members of older versions send it
	if err := tell(&raft.TimeoutNowRequest{RPCHeader: header}); err != nil {
		t.Errorf("an order without a term: %v", err)
	}
	eventually(t, "there is an election", func() bool { return voter.Term() > term })
}

// TestTransferThatFails holds that a leader which could not order anybody to stand for election knows that it did not, and that one which did knows
// it, too.
func TestTransferThatFails(t *testing.T) {
	t.Parallel()
	members := startCluster(t, 3)
	leader := leaderOf(t, members)
	others := without(members, leader)
	gone := others[0]
	gone.layer.plug(false)
	write(t, []*member{leader, others[1]}, "k", "v") // gone lacks it
	for range 3 {
		if err := leader.TransferLeadership(testContext(t), gone.cfg.ID); cluster.CodeOf(err) != cluster.Unavailable {
			t.Errorf("a transfer to a member that is away: %v", err)
		}
		write(t, []*member{leader, others[1]}, "k", "w")
	}
	if n := leader.Ordered(); n != 0 {
		t.Errorf("it takes an order in term %d for given", n)
	}
	term := leader.Term()
	if err := leader.TransferLeadership(testContext(t), others[1].cfg.ID); err != nil {
		t.Fatal(err)
	}
	if n := leader.Ordered(); n != term {
		t.Errorf("the order is noted in term %d, want %d", n, term)
	}
}
