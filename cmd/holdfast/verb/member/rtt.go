package member

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cmd/holdfast/verb"
)

func rttVerb() verb.Verb {
	return verb.Verb{
		Name: "rtt", Args: "NODE [NODE]", Short: "estimate the round-trip time between two nodes", Run: runRTT, Examples: []string{"rtt n2", "rtt n1 n2", "rtt -format=json n2"},
		Long: `The second node is the agent's own unless it is named. The estimate comes from the nodes' network coordinates, which the members work out from
the answers to gossip's probes; nothing is measured now. In JSON the time is in nanoseconds.`,
	}
}

// located is a node with its coordinate.
type located struct {
	Node  string
	Coord cluster.Coordinate
}

func runRTT(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	var format verb.FormatFlag
	fs.Var(&format, "format", "`how` to print: pretty, or json")
	wan := fs.Bool("wan", false, "name servers as they are called between datacenters, NODE.DATACENTER")
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 1, 2, "one node or two")); err != nil {
		return err
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	nodes, estimate, err := distance(ctx, cl, fs.Args(), *wan)
	if err != nil {
		return err
	}
	pool := "LAN"
	if *wan {
		pool = "WAN"
	}
	if format.JSON {
		out, err := json.Marshal(map[string]any{"Nodes": nodes, "RTT": estimate, "Pool": pool})
		if err != nil {
			return err
		}
		return verb.PrintJSON(c.Out, out)
	}
	_, err = fmt.Fprintf(c.Out, "Estimated %s <-> %s rtt: %.3f ms (using %s coordinates)\n", nodes[0], nodes[1], estimate.Seconds()*1000, pool)
	return err
}

// distance is the estimate between two nodes, the second of which may be the agent's own, and their names.
func distance(ctx context.Context, cl *verb.Client, nodes []string, wan bool) ([]string, time.Duration, error) {
	if len(nodes) == 1 {
		own, err := ownName(ctx, cl, wan)
		if err != nil {
			return nil, 0, err
		}
		nodes = append(nodes, own)
	}
	a, err := coordinate(ctx, cl, nodes[0], wan)
	if err != nil {
		return nil, 0, err
	}
	b, err := coordinate(ctx, cl, nodes[1], wan)
	return nodes, a.DistanceTo(&b), err
}

// ownName is the name of the agent's node.
func ownName(ctx context.Context, c *verb.Client, wan bool) (string, error) {
	var self struct {
		Config struct{ NodeName, Datacenter string }
	}
	if err := c.Do(ctx, http.MethodGet, "/v1/agent/self", nil, nil, &self); err != nil {
		return "", err
	}
	if wan {
		return self.Config.NodeName + "." + self.Config.Datacenter, nil
	}
	return self.Config.NodeName, nil
}

// coordinate is where a node is.
func coordinate(ctx context.Context, c *verb.Client, name string, wan bool) (cluster.Coordinate, error) {
	var found []located
	var err error
	if wan {
		found, err = abroad(ctx, c, name)
	} else {
		err = c.Do(ctx, http.MethodGet, "/v1/coordinate/node/"+url.PathEscape(name), url.Values{"stale": {""}}, nil, &found)
	}
	var se verb.StatusError
	switch {
	case errors.As(err, &se) && se.Code == http.StatusNotFound, err == nil && len(found) == 0:
		return cluster.Coordinate{}, fmt.Errorf("could not find a coordinate for node %q: either there is no such node, or it has not been there for long", name)
	case err != nil:
		return cluster.Coordinate{}, err
	}
	return found[0].Coord, found[0].Coord.Validate()
}

// abroad is the coordinate of a server between datacenters, none where it has none there.
func abroad(ctx context.Context, c *verb.Client, name string) ([]located, error) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return nil, fmt.Errorf("node names with -wan are NODE.DATACENTER, and %q has no datacenter", name)
	}
	var all []struct {
		Datacenter  string
		Coordinates []located
	}
	if err := c.Do(ctx, http.MethodGet, "/v1/coordinate/datacenters", nil, nil, &all); err != nil {
		return nil, err
	}
	for _, dc := range all {
		for _, l := range dc.Coordinates {
			if dc.Datacenter == name[dot+1:] && l.Node == name[:dot] {
				return []located{l}, nil
			}
		}
	}
	return nil, nil
}
