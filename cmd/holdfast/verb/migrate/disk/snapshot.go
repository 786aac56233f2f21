package disk

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"holdfast/cluster/archive"
)

// Snapshot is what of a snapshot Holdfast has, too, and what else there is. The objects are as the API prints them.
type Snapshot struct {
	Index      uint64
	Datacenter string // "" where no node is in it
	Keys       []Key
	Sessions   []Session
	Nodes      []*Node
	Queries    []map[string]any
	Others     []Count
}

// Key is an entry of the key/value store.
type Key struct {
	Key     string
	Flags   uint64
	Value   []byte
	Session string // that holds it

	Place
}

// Session is a session.
type Session struct {
	ID, Name, Node string

	Place
}

// Node is a node of the catalog with what was registered on it.
type Node struct {
	Fields   map[string]any
	Services map[string]map[string]any // by their IDs
	Checks   map[string]map[string]any
}

// Name is the name of the node.
func (n *Node) Name() string {
	s, _ := n.Fields["Node"].(string)
	return s
}

// ID is the ID of the node, "" where it has none.
func (n *Node) ID() string {
	s, _ := n.Fields["ID"].(string)
	return s
}

// Place is where a record belongs in the editions and clusters that have such places. The zero value is here.
type Place struct {
	Namespace, Partition, PeerName string
}

// elsewhere is whether a record belongs to another namespace, partition or cluster than the one that everybody has.
func (p Place) elsewhere() bool {
	const everybodys = "default"
	return cmp.Or(p.Namespace, everybodys) != everybodys || cmp.Or(p.Partition, everybodys) != everybodys || p.PeerName != ""
}

// registration is a node, or a service or check on it, with the node's fields.
type registration struct {
	ID              string
	Node            string
	Datacenter      string
	Address         string
	TaggedAddresses map[string]string
	NodeMeta        map[string]string
	Service         map[string]any
	Check           map[string]any

	Place
}

// Bounds of what is believed.
const (
	maxDepth  = 64 // of msgpack; Consul's own reaches 8
	maxRecord = 64 << 20
)

// handle says how msgpack is read. Nothing changes it.
var handle = newHandle()

func newHandle() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{}
	h.RawToString = true
	h.MapType = reflect.TypeFor[map[string]any]()
	h.MaxDepth = maxDepth
	return h
}

// ReadSnapshot reads an archive of consul snapshot save to its end. With an error, nothing of it is known.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	var s *Snapshot
	_, err := archive.Decode(r, func(state io.Reader) (err error) {
		s, err = readState(state)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// reading is how far a state was read.
type reading struct {
	Snapshot
	nodes map[string]*Node
	tally tally
}

// ourMagic is how the state of Holdfast's own snapshots begins.
const ourMagic = "holdfast"

// readState reads a state.bin of Consul's.
func readState(r io.Reader) (*Snapshot, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	if b, err := in.Peek(len(ourMagic)); err == nil && string(b) == ourMagic {
		return nil, errors.New("this snapshot was saved by Holdfast: holdfast snapshot restore brings it back")
	}
	f := &framer{r: in}
	var header struct{ LastIndex *uint64 }
	if err := f.decode(&header); err != nil || header.LastIndex == nil {
		return nil, fmt.Errorf("the state in the snapshot does not begin as Consul's do, with a header that has LastIndex%s", because(err))
	}
	s := &reading{Snapshot: Snapshot{Index: *header.LastIndex}, nodes: map[string]*Node{}}
	for n := 1; ; n++ {
		number, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			s.Others = s.tally.counts
			return &s.Snapshot, nil
		}
		if err != nil {
			return nil, err
		}
		if err := s.record(f, number); err != nil {
			return nil, fmt.Errorf("record %d of the snapshot, of type %d, cannot be read: %w", n, number, err)
		}
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// record reads one record.
func (s *reading) record(in *framer, number byte) error {
	switch number {
	case typeRegister:
		var r registration
		if err := in.decode(&r); err != nil {
			return err
		}
		return s.register(&r)
	case typeKey:
		var k Key
		if err := in.decode(&k); err != nil {
			return err
		}
		return s.key(k)
	case typeSession:
		var x Session
		if err := in.decode(&x); err != nil {
			return err
		}
		if x.elsewhere() {
			s.tally.add("session", Elsewhere)
		} else {
			s.Sessions = append(s.Sessions, x)
		}
		return nil
	case typeQuery:
		var q map[string]any
		if err := in.decode(&q); err != nil {
			return err
		}
		q, err := plain(q)
		s.Queries = append(s.Queries, q)
		return err
	}
	s.tally.skipped(number)
	_, err := in.next()
	return err
}

func (s *reading) key(k Key) error {
	switch {
	case k.Key == "":
		return errors.New("it has no key")
	case k.elsewhere():
		s.tally.add("key", Elsewhere)
	default:
		s.Keys = append(s.Keys, k)
	}
	return nil
}

// register takes a node, a service, or a check. The node of a service comes before it.
func (s *reading) register(r *registration) error {
	switch {
	case r.Node == "":
		return errors.New("it has no name of a node")
	case r.elsewhere():
		what := "node"
		if r.Service != nil {
			what = "service"
		} else if r.Check != nil {
			what = "check"
		}
		s.tally.add(what, Elsewhere)
		return nil
	}
	s.Datacenter = cmp.Or(s.Datacenter, r.Datacenter)
	n := s.nodes[r.Node]
	if n == nil {
		n = &Node{
			Fields:   map[string]any{"ID": r.ID, "Node": r.Node, "Address": r.Address, "TaggedAddresses": objectOf(r.TaggedAddresses), "Meta": objectOf(r.NodeMeta)},
			Services: map[string]map[string]any{}, Checks: map[string]map[string]any{},
		}
		s.nodes[r.Node] = n
		s.Nodes = append(s.Nodes, n)
	}
	if err := put(n.Services, r.Service, "ID"); err != nil {
		return fmt.Errorf("a service of node %s: %w", r.Node, err)
	}
	if err := put(n.Checks, r.Check, "CheckID"); err != nil {
		return fmt.Errorf("a check of node %s: %w", r.Node, err)
	}
	return nil
}

// put adds an object by one of its fields.
func put(to map[string]map[string]any, object map[string]any, field string) error {
	if object == nil {
		return nil
	}
	id, _ := object[field].(string)
	if id == "" {
		return fmt.Errorf("it has no %s", field)
	}
	object, err := plain(object)
	to[id] = object
	return err
}

// objectOf is a map as JSON has it.
func objectOf(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// plain is an object as it comes out of JSON: numbers are float64, lists []any.
func plain(object map[string]any) (out map[string]any, err error) {
	b, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}
