package consensus

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/raft"
)

// A leader hands over its leadership by ordering another voter to stand for election at once. The others vote for that one although they hear from
// their leader still, so from the order on the leader cannot trust a word that they gave before, for as long as its term lasts: also where the
// transfer is taken to have failed, because the order may arrive late. And it must not arrive later than that: one of an older term, which a voter
// finds in its socket after it stood still, would depose a leader that knows of no order. Raft's order names no term, so ours is added to the sender's
// address, which raft does not look at; members of older versions neither add it nor miss it.

// Ordered is the newest term in which this member has ordered another to stand for election, 0 for none.
func (p *Peer) Ordered() uint64 { return p.ordered.Load() }

// order notes an order, before it is sent.
func (p *Peer) order() (term uint64) {
	term = p.Term()
	p.ordered.Store(term)
	return term
}

// TimeoutNow orders a voter to stand for election.
func (t *transport) TimeoutNow(id raft.ServerID, addr raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	dated := *req
	dated.Addr = fmt.Appendf(nil, "%s %d", req.Addr, t.order())
	return t.NetworkTransport.TimeoutNow(id, addr, &dated, resp)
}

// belated says why an order is not obeyed: it is of a term that is over.
func (t *transport) belated(command any) error {
	req, ok := command.(*raft.TimeoutNowRequest)
	if !ok {
		return nil
	}
	_, text, dated := strings.Cut(string(req.Addr), " ")
	term, err := strconv.ParseUint(text, 10, 64)
	if now := t.term(); dated && (err != nil || term != now) {
		return fmt.Errorf("the order to stand for election is of term %q, and this is term %d", text, now)
	}
	return nil
}
