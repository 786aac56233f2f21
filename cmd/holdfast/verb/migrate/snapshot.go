package migrate

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast/cmd/holdfast/verb"
	"holdfast/cmd/holdfast/verb/migrate/disk"
)

// readSnapshot reads an archive of consul snapshot save.
func (o *options) readSnapshot(ctx context.Context, here *verb.Client, r io.Reader) (*inventory, error) {
	snap, err := disk.ReadSnapshot(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.source, err)
	}
	dir, err := o.readDataDir("")
	if err != nil {
		return nil, err
	}
	agent, err := o.agentOf(ctx, here, snap, dir)
	if err != nil {
		return nil, err
	}
	inv := &inventory{from: fmt.Sprintf("snapshot %s of datacenter %s, index %d", o.source, cmp.Or(snap.Datacenter, "?"), snap.Index)}
	for _, k := range snap.Keys {
		inv.keys = append(inv.keys, kvEntry{Key: k.Key, Flags: k.Flags, Value: k.Value, Session: k.Session})
	}
	inv.keys = o.chosen(inv.keys)
	inv.omitSessions(len(snap.Sessions))
	name := ""
	if agent != nil {
		name = agent.Name()
	}
	inv.takeNodes(externals(snap.Nodes), name)
	if agent != nil {
		inv.takeAgent(&local{services: agent.Services, checks: agent.Checks, where: "a snapshot", dir: dir})
	}
	inv.takeQueries(snap.Queries)
	inv.omitOthers(snap.Others)
	return inv, nil
}

// agentOf is the node whose services are wanted: the one that is named, the one that the data directory is of, or the one with the name of the
// agent here. It is nil where the snapshot has no such.
func (o *options) agentOf(ctx context.Context, here *verb.Client, snap *disk.Snapshot, dir *disk.DataDir) (*disk.Node, error) {
	find := func(is func(*disk.Node) bool) *disk.Node {
		if i := slices.IndexFunc(snap.Nodes, is); i >= 0 {
			return snap.Nodes[i]
		}
		return nil
	}
	named := func(name string) *disk.Node { return find(func(n *disk.Node) bool { return n.Name() == name }) }
	ofDir := dir != nil && dir.NodeID != ""
	switch {
	case o.node != "":
		n := named(o.node)
		if n == nil {
			return nil, verb.UsageError(fmt.Sprintf("-node: the snapshot has no node %q", o.node))
		}
		if ofDir && n.ID() != dir.NodeID {
			return nil, verb.UsageError(fmt.Sprintf("-data-dir: %s is of the node with the ID %s, and %s has %s", o.dataDir, dir.NodeID, o.node, n.ID()))
		}
		return n, nil
	case ofDir:
		n := find(func(n *disk.Node) bool { return n.ID() == dir.NodeID })
		if n == nil {
			return nil, verb.UsageError(fmt.Sprintf("-data-dir: %s is of the node with the ID %s, which the snapshot does not have", o.dataDir, dir.NodeID))
		}
		return n, nil
	}
	own, err := identity(ctx, here)
	return named(own.Config.NodeName), err
}

// externals are the nodes of a snapshot as catalog/register takes them.
func externals(nodes []*disk.Node) []external {
	var out []external
	for _, n := range nodes {
		x := newExternal(n.Fields, n.Services, n.Checks)
		for _, c := range x.Checks {
			if def, ok := c["Definition"].(map[string]any); ok {
				c["Definition"] = withDurations(def)
			}
		}
		out = append(out, x)
	}
	return out
}

// withDurations is a definition as the API has it: durations are texts there, and nanoseconds in a snapshot.
func withDurations(def map[string]any) map[string]any {
	out := maps.Clone(def)
	for _, field := range []string{"Interval", "Timeout", "TTL", "DeregisterCriticalServiceAfter"} {
		if ns, ok := out[field].(float64); ok {
			delete(out, field)
			if ns > 0 {
				out[field] = time.Duration(ns).String()
			}
		}
	}
	return out
}

// reasons say why what a snapshot has of a group is left out.
var reasons = map[disk.Group]string{
	disk.Access:    "Holdfast does not check tokens yet",
	disk.Mesh:      "Holdfast has no service mesh",
	disk.Peering:   "Holdfast knows one datacenter, and no cluster peering",
	disk.Elsewhere: "of another namespace, partition or cluster, which Holdfast does not have",
	disk.Unknown:   "this version does not know what they are",
}

// omitOthers says what else there is, a line for each reason.
func (inv *inventory) omitOthers(others []disk.Count) {
	for _, g := range slices.Sorted(maps.Keys(reasons)) {
		var b bytes.Buffer
		for _, c := range others {
			if c.Group == g {
				fmt.Fprintf(&b, ", %s", counted(c))
			}
		}
		if b.Len() > 0 {
			inv.omit("%s: %s", strings.TrimPrefix(b.String(), ", "), reasons[g])
		}
	}
}

// counted is a number with its noun, of which the first word but of "record of type 9" is the one in the plural.
func counted(c disk.Count) string {
	if noun, of, ok := strings.Cut(c.What, " of "); ok {
		return count(c.N, noun) + " of " + of
	}
	return count(c.N, c.What)
}
