package state

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// The tables, in the order in which a snapshot streams them.
const (
	tableIndexes     = "indexes"
	tableTombstones  = "tombstones"
	tableKV          = "kv"
	tableLockDelays  = "lock-delays"
	tableNodes       = "nodes"
	tableServices    = "services"
	tableChecks      = "checks"
	tableSessions    = "sessions"
	tableGroups      = "groups"
	tableAssignments = "assignments"
	tableEpochs      = "epochs"
	tablePresences   = "presences"
	tableTimeline    = "timeline"
	tableCoordinates = "coordinates"
	tableQueries     = "prepared-queries"
	tableClusterID   = "cluster-id"
	tableAutopilot   = "autopilot"
	tableCARoots     = "ca-roots"
	tablePlanned     = "planned-moves"
)

// The indexes of the tables. byID is the key of the table itself.
const (
	byID       = "" // the table's key
	byIndex    = "index"
	bySession  = "session"
	byUntil    = "until"
	byUUID     = "uuid"
	byAddress  = "address"
	byName     = "name"
	byInstance = "instance"
	byService  = "service"
	byStatus   = "status"
	byNode     = "node"
	byCheck    = "check"
	byVIP      = "vip"
	byGroup    = "group"
)

// keyOf makes an index key of parts, none of which contains a NUL byte (validNames sees to that).
func keyOf(parts ...string) string { return strings.Join(parts, "\x00") }

// below makes the prefix of all index keys that continue after these parts.
func below(parts ...string) string { return keyOf(parts...) + "\x00" }

// belowAny is below, for a part that may be missing: then there is no key.
func belowAny(part string) string {
	if part == "" {
		return ""
	}
	return below(part)
}

func number(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

// moment makes an index key that sorts as time goes.
func moment(t time.Time) string {
	return number(uint64(t.Unix())^1<<63) + string(binary.BigEndian.AppendUint32(nil, uint32(t.Nanosecond())))
}

func nodeKey(name string) string        { return keyOf(strings.ToLower(name)) }
func onNode(node, id string) string     { return keyOf(strings.ToLower(node), strings.ToLower(id)) }
func ofInstance(node, id string) string { return below(strings.ToLower(node), strings.ToLower(id)) }

func addressKey(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return addrKey(a)
}

func addrKey(a netip.Addr) string {
	b := a.Unmap().WithZone("").As16()
	return string(b[:])
}

func transitionKey(t *cluster.Transition) string { return number(t.Index) + number(uint64(t.Seq)) }

// newTable is a table of T with one key.
func newTable[T any](name string, key func(*T) string, others ...table.Index) table.Table {
	return table.Table{Name: name, Key: func(row any) string { return key(row.(*T)) }, Indexes: others}
}

// single finds objects of type T by one more key; an empty one leaves the object out.
func single[T any](name string, key func(*T) string) table.Index {
	return table.Index{Name: name, Keys: func(keys []string, row any) []string {
		if k := key(row.(*T)); k != "" {
			keys = append(keys, k)
		}
		return keys
	}}
}

// several finds objects of type T by any number of further keys.
func several[T any](name string, more func(*T) []string) table.Index {
	return table.Index{Name: name, Keys: func(keys []string, row any) []string { return append(keys, more(row.(*T))...) }}
}

func schema() []table.Table {
	return slices.Concat(bookTables(), kvTables(), catalogTables(), failoverTables(), queryTables())
}

func bookTables() []table.Table {
	return []table.Table{
		newTable(tableIndexes, func(r *indexRow) string { return r.Name }),
		newTable(tableTombstones, func(t *Tombstone) string { return keyOf(t.Table, t.Key) },
			single(byIndex, func(t *Tombstone) string { return number(t.Index) })),
		newTable(tableClusterID, func(*ClusterID) string { return clusterIDKey }),
		newTable(tableAutopilot, func(*cluster.Autopilot) string { return autopilotKey }),
		newTable(tableCARoots, func(*cluster.CARoot) string { return caRootKey }),
	}
}

func kvTables() []table.Table {
	return []table.Table{
		newTable(tableKV, func(e *cluster.KVEntry) string { return e.Key },
			single(bySession, func(e *cluster.KVEntry) string { return belowAny(e.Session) })),
		newTable(tableLockDelays, func(d *LockDelay) string { return d.Key },
			single(byUntil, func(d *LockDelay) string { return moment(d.Until) })),
		newTable(tableSessions, func(s *cluster.Session) string { return nodeKey(s.ID) },
			single(byNode, func(s *cluster.Session) string { return below(strings.ToLower(s.Node)) }),
			several(byCheck, sessionCheckKeys)),
	}
}

func queryTables() []table.Table {
	return []table.Table{
		newTable(tableQueries, func(q *cluster.PreparedQuery) string { return nodeKey(q.ID) },
			single(byName, func(q *cluster.PreparedQuery) string {
				if q.Name == "" && !q.IsTemplate() {
					return ""
				}
				return below(foldedName(q))
			}),
			single(bySession, func(q *cluster.PreparedQuery) string { return belowAny(q.Session) })),
	}
}

func sessionCheckKeys(s *cluster.Session) []string {
	var keys []string
	for _, id := range s.NodeChecks {
		keys = append(keys, ofInstance(s.Node, id))
	}
	for _, c := range s.ServiceChecks {
		keys = append(keys, ofInstance(s.Node, c.ID))
	}
	return keys
}

func catalogTables() []table.Table {
	return []table.Table{
		newTable(tableNodes, func(n *cluster.Node) string { return nodeKey(n.Name) },
			single(byUUID, func(n *cluster.Node) string { return belowAny(strings.ToLower(n.ID)) }),
			single(byAddress, func(n *cluster.Node) string { return addressKey(n.Address) })),
		newTable(tableServices, func(s *cluster.Service) string { return onNode(s.Node, s.ID) },
			single(byName, func(s *cluster.Service) string { return below(strings.ToLower(s.Name)) }),
			single(byAddress, func(s *cluster.Service) string { return addressKey(s.Address) })),
		newTable(tableChecks, func(c *cluster.Check) string { return onNode(c.Node, c.ID) },
			single(byInstance, func(c *cluster.Check) string { return ofInstance(c.Node, c.ServiceID) }),
			single(byService, func(c *cluster.Check) string { return belowAny(strings.ToLower(c.ServiceName)) }),
			single(byStatus, func(c *cluster.Check) string { return below(string(c.Status)) })),
		newTable(tableCoordinates, func(c *cluster.NodeCoordinate) string { return nodeKey(c.Node) }),
	}
}

func failoverTables() []table.Table {
	return []table.Table{
		newTable(tableGroups, func(g *cluster.Group) string { return g.Name },
			several(byVIP, func(g *cluster.Group) []string {
				var keys []string
				for _, v := range g.VIPs {
					keys = append(keys, addrKey(v.Addr()))
				}
				return keys
			})),
		newTable(tableAssignments, func(a *cluster.Assignment) string { return a.Group }),
		newTable(tableEpochs, func(e *LastEpoch) string { return e.Group }),
		newTable(tablePresences, func(p *cluster.Presence) string { return nodeKey(p.Node) }),
		newTable(tablePlanned, func(p *cluster.PlannedMove) string { return p.Group }),
		newTable(tableTimeline, transitionKey,
			single(byGroup, func(t *cluster.Transition) string { return below(t.Group) })),
	}
}
