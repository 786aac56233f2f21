package prepared

import (
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// view is a view of the state after some commands.
func view(tb testing.TB, cmds ...cluster.Command) *state.View {
	tb.Helper()
	s := state.New()
	for i, cmd := range cmds {
		if r := s.Apply([]state.Entry{{Index: uint64(i + 1), Time: time.Unix(0, 0), Command: cmd}})[0]; r.Err != nil {
			tb.Fatalf("%T: %v", cmd, r.Err)
		}
	}
	return s.WatchView()
}

// web is an instance of the service web on a node, with checks "id:status" of its own.
func web(node, addr string, change func(n *cluster.Node, s *cluster.Service), checks ...cluster.Check) *cluster.Register {
	r := &cluster.Register{Node: cluster.Node{Name: node, Address: addr}, Service: &cluster.Service{ID: "web", Name: "web"}}
	if change != nil {
		change(&r.Node, r.Service)
	}
	for _, c := range checks {
		r.Checks = append(r.Checks, &c)
	}
	return r
}

func check(id, service string, s cluster.Status) cluster.Check {
	return cluster.Check{ID: id, ServiceID: service, Status: s}
}

func nearly(node string, x float64) cluster.NodeCoordinate {
	return cluster.NodeCoordinate{Node: node, Coordinate: cluster.Coordinate{Vec: []float64{x, 0, 0, 0, 0, 0, 0, 0}}}
}

// names are the nodes of instances.
func names(all []state.Instance) string {
	var out strings.Builder
	for _, i := range all {
		out.WriteString(i.Node.Name + " ")
	}
	return out.String()
}

func query(change func(q *cluster.PreparedQuery)) *cluster.PreparedQuery {
	q := &cluster.PreparedQuery{ID: "q1", Name: "geo", Service: cluster.QueryService{Service: "web"}}
	if change != nil {
		change(q)
	}
	return q
}
