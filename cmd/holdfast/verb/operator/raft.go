// Package operator is the verbs of those who look after the servers: the peer set, autopilot, and the keys of gossip.
package operator

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"holdfast/cmd/holdfast/verb"
)

// Verbs is the operator family and keyring.
func Verbs() []verb.Verb { return []verb.Verb{operatorVerb(), keyringVerb()} }

func operatorVerb() verb.Verb {
	return verb.Verb{
		Name: "operator", Args: "raft|autopilot|usage", Short: "look after the servers of the cluster",
		Subs: []verb.Verb{
			{
				Name: "operator raft", Args: "list-peers|remove-peer|transfer-leader", Short: "the peer set, and who leads",
				Subs: []verb.Verb{
					{Name: "operator raft list-peers", Short: "list the servers of the peer set", Run: runListPeers, Examples: []string{"operator raft list-peers -stale"}},
					{
						Name: "operator raft remove-peer", Short: "take a server out of the peer set that will not come back", Run: runRemovePeer, Examples: []string{"operator raft remove-peer -address=10.0.0.3:8300"},
						Long: "A server that lives is admitted again: let it leave instead.",
					},
					{
						Name: "operator raft transfer-leader", Short: "hand the leadership to another server", Run: runTransferLeader, Examples: []string{"operator raft transfer-leader"},
						Long: "Without -id it goes to the server that is furthest.",
					},
				},
			},
			autopilotVerb(),
			usageVerb(),
		},
	}
}

// raftServer is one row of /v1/operator/raft/configuration.
type raftServer struct {
	ID, Node, Address, ProtocolVersion string
	Leader, Voter                      bool
	LastIndex                          uint64
}

func runListPeers(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	fs.Bool("detailed", false, "")
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/operator/raft/configuration", nil, verb.WantArgs(fs, 0, 0, "no arguments")
	}, func(c *verb.Console, conf struct{ Servers []raftServer }) error {
		var rows [][]string
		for _, s := range conf.Servers {
			rows = append(rows, s.row(conf.Servers))
		}
		return verb.Table(c.Out, []string{"Node", "ID", "Address", "State", "Voter", "RaftProtocol", "Commit Index", "Trails Leader By"}, rows)
	})
}

// row is a server in columns; how far it is behind is counted from the leader among all.
func (s *raftServer) row(all []raftServer) []string {
	state, behind := "follower", "-"
	if s.Leader {
		state = "leader"
	}
	for _, l := range all {
		if l.Leader && !s.Leader && l.LastIndex >= s.LastIndex {
			n := l.LastIndex - s.LastIndex
			behind = fmt.Sprintf("%d commits", n)
			if n == 1 {
				behind = "1 commit"
			}
		}
	}
	return []string{s.Node, s.ID, s.Address, state, strconv.FormatBool(s.Voter), s.ProtocolVersion, strconv.FormatUint(s.LastIndex, 10), behind}
}

func runRemovePeer(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	id := fs.String("id", "", "node `ID` of the server")
	address := fs.String("address", "", "`address` of the server in the peer set, IP:port")
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if (*id == "") == (*address == "") || fs.NArg() > 0 {
		return verb.UsageError("want -id or -address of one server" + verb.Given(fs.Args()))
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	what := "id"
	if *id == "" {
		what = "address"
	}
	value := cmp.Or(*id, *address)
	if err := cl.Do(ctx, http.MethodDelete, "/v1/operator/raft/peer", url.Values{what: {value}}, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "Removed peer with %s %q\n", what, value)
	return err
}

func runTransferLeader(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	id := fs.String("id", "", "node `ID` of the server that is to lead")
	cl, err := verb.Connect(c, fs, args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	q := url.Values{}
	if *id != "" {
		q.Set("id", *id)
	}
	if err := cl.Do(ctx, http.MethodPost, "/v1/operator/raft/transfer-leader", q, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Out, "Success")
	return err
}
