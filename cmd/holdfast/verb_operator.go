package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

func operatorVerb() verb {
	return verb{
		name: "operator", args: "raft|autopilot", short: "look after the servers of the cluster",
		subs: []verb{
			{
				name: "operator raft", args: "list-peers|remove-peer|transfer-leader", short: "the peer set, and who leads",
				subs: []verb{
					{name: "operator raft list-peers", short: "list the servers of the peer set", run: runListPeers},
					{
						name: "operator raft remove-peer", short: "take a server out of the peer set that will not come back", run: runRemovePeer,
						long: "A server that lives is admitted again: let it leave instead.",
					},
					{
						name: "operator raft transfer-leader", short: "hand the leadership to another server", run: runTransferLeader,
						long: "Without -id it goes to the server that is furthest.",
					},
				},
			},
			autopilotVerb(),
		},
	}
}

// raftServer is one row of /v1/operator/raft/configuration.
type raftServer struct {
	ID, Node, Address, ProtocolVersion string
	Leader, Voter                      bool
	LastIndex                          uint64
}

func runListPeers(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "operator raft list-peers")
	var f clientFlags
	f.register(c, fs)
	stale := fs.Bool("stale", false, "ask this agent alone, for when there is no leader")
	fs.Bool("detailed", false, "")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := wantArgs(fs, 0, 0, "no arguments"); err != nil {
		return err
	}
	cl, err := f.client(c)
	if err != nil {
		return err
	}
	q := url.Values{}
	if *stale {
		q.Set("stale", "")
	}
	var conf struct{ Servers []raftServer }
	if err := cl.do(ctx, http.MethodGet, "/v1/operator/raft/configuration", q, nil, &conf); err != nil {
		return err
	}
	var rows [][]string
	for _, s := range conf.Servers {
		rows = append(rows, s.row(conf.Servers))
	}
	return table(c.out, []string{"Node", "ID", "Address", "State", "Voter", "RaftProtocol", "Commit Index", "Trails Leader By"}, rows)
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

func runRemovePeer(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "operator raft remove-peer")
	var f clientFlags
	f.register(c, fs)
	id := fs.String("id", "", "node `ID` of the server")
	address := fs.String("address", "", "`address` of the server in the peer set, IP:port")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if (*id == "") == (*address == "") || fs.NArg() > 0 {
		return usageError{"want -id or -address of one server" + given(fs.Args())}
	}
	cl, err := f.client(c)
	if err != nil {
		return err
	}
	what := "id"
	if *id == "" {
		what = "address"
	}
	value := cmp.Or(*id, *address)
	if err := cl.do(ctx, http.MethodDelete, "/v1/operator/raft/peer", url.Values{what: {value}}, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "Removed peer with %s %q\n", what, value)
	return err
}

func runTransferLeader(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "operator raft transfer-leader")
	var f clientFlags
	f.register(c, fs)
	id := fs.String("id", "", "node `ID` of the server that is to lead")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := wantArgs(fs, 0, 0, "no arguments"); err != nil {
		return err
	}
	cl, err := f.client(c)
	if err != nil {
		return err
	}
	q := url.Values{}
	if *id != "" {
		q.Set("id", *id)
	}
	if err := cl.do(ctx, http.MethodPost, "/v1/operator/raft/transfer-leader", q, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "Success")
	return err
}
