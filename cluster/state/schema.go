package state

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/go-memdb"

	"holdfast/cluster"
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

// The indexes of the tables. byID is the primary one, and the only one that finds a single object by its exact key.
const (
	byID       = "id"
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
func keyOf(parts ...string) []byte { return []byte(strings.Join(parts, "\x00")) }

// below makes the prefix of all index keys that continue after these parts.
func below(parts ...string) []byte { return append(keyOf(parts...), 0) }

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// moment makes an index key that sorts as time goes.
func moment(t time.Time) []byte {
	return binary.BigEndian.AppendUint32(number(uint64(t.Unix())^1<<63), uint32(t.Nanosecond()))
}

func nodeKey(name string) []byte        { return keyOf(strings.ToLower(name)) }
func onNode(node, id string) []byte     { return keyOf(strings.ToLower(node), strings.ToLower(id)) }
func ofInstance(node, id string) []byte { return below(strings.ToLower(node), strings.ToLower(id)) }

func addressKey(s string) []byte {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return nil
	}
	return addrKey(a)
}

func addrKey(a netip.Addr) []byte {
	b := a.Unmap().WithZone("").As16()
	return b[:]
}

func transitionKey(t *cluster.Transition) []byte {
	return append(number(t.Index), number(uint64(t.Seq))...)
}

// single indexes objects of type T by one key; a nil key leaves the object out.
type single[T any] func(*T) []byte

func (f single[T]) FromObject(o any) (bool, []byte, error) {
	k := f(o.(*T))
	return k != nil, k, nil
}

func (single[T]) FromArgs(args ...any) ([]byte, error)       { return args[0].([]byte), nil }
func (single[T]) PrefixFromArgs(args ...any) ([]byte, error) { return args[0].([]byte), nil }

// several indexes objects of type T by any number of keys.
type several[T any] func(*T) [][]byte

func (f several[T]) FromObject(o any) (bool, [][]byte, error) {
	k := f(o.(*T))
	return len(k) > 0, k, nil
}

func (several[T]) FromArgs(args ...any) ([]byte, error)       { return args[0].([]byte), nil }
func (several[T]) PrefixFromArgs(args ...any) ([]byte, error) { return args[0].([]byte), nil }

func newTable(name string, id memdb.Indexer, others ...*memdb.IndexSchema) *memdb.TableSchema {
	t := &memdb.TableSchema{Name: name, Indexes: map[string]*memdb.IndexSchema{
		byID: {Name: byID, Unique: true, Indexer: id},
	}}
	for _, x := range others {
		t.Indexes[x.Name] = x
	}
	return t
}

func secondary(name string, by memdb.Indexer) *memdb.IndexSchema {
	return &memdb.IndexSchema{Name: name, AllowMissing: true, Indexer: by}
}

func schema() *memdb.DBSchema {
	s := &memdb.DBSchema{Tables: map[string]*memdb.TableSchema{}}
	for _, t := range [][]*memdb.TableSchema{bookTables(), kvTables(), catalogTables(), failoverTables(), queryTables()} {
		for _, t := range t {
			s.Tables[t.Name] = t
		}
	}
	return s
}

func bookTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		newTable(tableIndexes, single[indexRow](func(r *indexRow) []byte { return keyOf(r.Name) })),
		newTable(tableTombstones, single[Tombstone](func(t *Tombstone) []byte { return keyOf(t.Table, t.Key) }),
			secondary(byIndex, single[Tombstone](func(t *Tombstone) []byte { return number(t.Index) }))),
		newTable(tableClusterID, single[ClusterID](func(*ClusterID) []byte { return clusterIDKey })),
		newTable(tableAutopilot, single[cluster.Autopilot](func(*cluster.Autopilot) []byte { return autopilotKey })),
		newTable(tableCARoots, single[cluster.CARoot](func(*cluster.CARoot) []byte { return caRootKey })),
	}
}

func kvTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		newTable(tableKV, single[cluster.KVEntry](func(e *cluster.KVEntry) []byte { return []byte(e.Key) }),
			secondary(bySession, single[cluster.KVEntry](func(e *cluster.KVEntry) []byte {
				if e.Session == "" {
					return nil
				}
				return below(e.Session)
			}))),
		newTable(tableLockDelays, single[LockDelay](func(d *LockDelay) []byte { return []byte(d.Key) }),
			secondary(byUntil, single[LockDelay](func(d *LockDelay) []byte { return moment(d.Until) }))),
		newTable(tableSessions, single[cluster.Session](func(s *cluster.Session) []byte { return nodeKey(s.ID) }),
			secondary(byNode, single[cluster.Session](func(s *cluster.Session) []byte { return below(strings.ToLower(s.Node)) })),
			secondary(byCheck, several[cluster.Session](sessionCheckKeys))),
	}
}

func queryTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		newTable(tableQueries, single[cluster.PreparedQuery](func(q *cluster.PreparedQuery) []byte { return nodeKey(q.ID) }),
			secondary(byName, single[cluster.PreparedQuery](func(q *cluster.PreparedQuery) []byte {
				if q.Name == "" && !q.IsTemplate() {
					return nil
				}
				return below(foldedName(q))
			})),
			secondary(bySession, single[cluster.PreparedQuery](func(q *cluster.PreparedQuery) []byte {
				if q.Session == "" {
					return nil
				}
				return below(q.Session)
			}))),
	}
}

func sessionCheckKeys(s *cluster.Session) [][]byte {
	var keys [][]byte
	for _, id := range s.NodeChecks {
		keys = append(keys, ofInstance(s.Node, id))
	}
	for _, c := range s.ServiceChecks {
		keys = append(keys, ofInstance(s.Node, c.ID))
	}
	return keys
}

func catalogTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		newTable(tableNodes, single[cluster.Node](func(n *cluster.Node) []byte { return nodeKey(n.Name) }),
			secondary(byUUID, single[cluster.Node](func(n *cluster.Node) []byte {
				if n.ID == "" {
					return nil
				}
				return below(strings.ToLower(n.ID))
			})),
			secondary(byAddress, single[cluster.Node](func(n *cluster.Node) []byte { return addressKey(n.Address) }))),
		newTable(tableServices, single[cluster.Service](func(s *cluster.Service) []byte { return onNode(s.Node, s.ID) }),
			secondary(byName, single[cluster.Service](func(s *cluster.Service) []byte { return below(strings.ToLower(s.Name)) })),
			secondary(byAddress, single[cluster.Service](func(s *cluster.Service) []byte { return addressKey(s.Address) }))),
		newTable(tableChecks, single[cluster.Check](func(c *cluster.Check) []byte { return onNode(c.Node, c.ID) }),
			secondary(byInstance, single[cluster.Check](func(c *cluster.Check) []byte { return ofInstance(c.Node, c.ServiceID) })),
			secondary(byService, single[cluster.Check](func(c *cluster.Check) []byte {
				if c.ServiceName == "" {
					return nil
				}
				return below(strings.ToLower(c.ServiceName))
			})),
			secondary(byStatus, single[cluster.Check](func(c *cluster.Check) []byte { return below(string(c.Status)) }))),
		newTable(tableCoordinates, single[cluster.NodeCoordinate](func(c *cluster.NodeCoordinate) []byte { return nodeKey(c.Node) })),
	}
}

func failoverTables() []*memdb.TableSchema {
	return []*memdb.TableSchema{
		newTable(tableGroups, single[cluster.Group](func(g *cluster.Group) []byte { return keyOf(g.Name) }),
			secondary(byVIP, several[cluster.Group](func(g *cluster.Group) [][]byte {
				var keys [][]byte
				for _, v := range g.VIPs {
					keys = append(keys, addrKey(v.Addr()))
				}
				return keys
			}))),
		newTable(tableAssignments, single[cluster.Assignment](func(a *cluster.Assignment) []byte { return keyOf(a.Group) })),
		newTable(tableEpochs, single[LastEpoch](func(e *LastEpoch) []byte { return keyOf(e.Group) })),
		newTable(tablePresences, single[cluster.Presence](func(p *cluster.Presence) []byte { return nodeKey(p.Node) })),
		newTable(tablePlanned, single[cluster.PlannedMove](func(p *cluster.PlannedMove) []byte { return keyOf(p.Group) })),
		newTable(tableTimeline, single[cluster.Transition](transitionKey),
			secondary(byGroup, single[cluster.Transition](func(t *cluster.Transition) []byte { return below(t.Group) }))),
	}
}
