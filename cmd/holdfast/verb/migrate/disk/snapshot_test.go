package disk

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-msgpack/v2/codec"

	"holdfast/cluster/archive"
)

var update = flag.Bool("update", false, "write testdata/small.snap anew")

// nodeID is that of testdata/agent, too.
const nodeID = "40e4a748-2192-161a-0510-9bf59fe950b5"

const smallSnap = "testdata/small.snap"

// rec is a record of a state as Consul writes it.
type rec struct {
	number byte
	value  any
}

type object = map[string]any

// node is the fields that every registration on a node has.
func node(name, id string, more object) object {
	o := object{"ID": id, "Node": name, "Datacenter": "dc1", "Address": "192.0.2.1", "TaggedAddresses": object{"lan": "192.0.2.1"}, "NodeMeta": object{"rack": "a"}, "Service": nil, "Check": nil}
	maps.Copy(o, more)
	return o
}

// small is a bit of everything: what is read, what stays behind, and what nobody knows.
var small = []rec{
	{0, node("n1", nodeID, nil)},
	{0, node("n1", nodeID, object{"Service": object{"ID": "web-1", "Service": "web", "Port": 80, "Tags": []string{"a"}, "Weights": object{"Passing": 1, "Warning": 1}}})},
	{0, node("n1", nodeID, object{"Check": object{"CheckID": "serfHealth", "Name": "Serf Health Status", "Status": "passing"}})},
	{0, node("n1", nodeID, object{"Service": object{"ID": "conf", "Service": "conf", "Port": 70}})},
	{0, node("n1", nodeID, object{"Check": object{"CheckID": "service:conf", "Name": "conf", "Status": "passing", "ServiceID": "conf", "Type": "tcp", "Definition": object{"Interval": 0}}})},
	{0, node("n1", nodeID, object{"Check": object{"CheckID": "service:web-1:1", "Name": "web", "Status": "passing", "ServiceID": "web-1", "Type": "http", "Definition": object{"Interval": 0}}})},
	{0, node("n1", nodeID, object{"Check": object{"CheckID": "disk", "Name": "disk", "Status": "warning", "Type": "script"}})},
	{0, node("printer", "", object{"Address": "192.0.2.9"})},
	{0, node("printer", "", object{"Address": "192.0.2.9", "Service": object{"ID": "lp", "Service": "lp", "Port": 9100, "Weights": object{"Passing": 1, "Warning": 1}}})},
	{0, node("printer", "", object{"Address": "192.0.2.9", "Check": object{"CheckID": "up", "Name": "up", "Status": "warning", "Type": "http", "Definition": object{"HTTP": "http://192.0.2.9/", "Interval": 10 * time.Second}}})},
	{0, node("far", "", object{"PeerName": "other"})},
	{3, object{"ID": "s-1", "Name": "s", "Node": "n1", "TTL": "10s"}},
	{17, object{"AccessorID": "t", "SecretID": "secret"}},
	{17, object{"AccessorID": "u"}},
	{2, object{"Key": "app/1", "Flags": uint64(1<<63 + 7), "Value": []byte("one\x00\xff"), "Session": ""}},
	{2, object{"Key": "app/lock", "Flags": 0, "Value": nil, "Session": "s-1", "LockIndex": 1}},
	{2, object{"Key": "app/1", "Value": []byte("of another"), "Namespace": "team"}},
	{5, object{"Key": "gone"}},
	{7, object{"ID": "q-1", "Name": "q", "Service": object{"Service": "lp", "Tags": []string{"x"}}, "DNS": object{"TTL": "9s"}}},
	{22, []byte{0x81, 0xff}}, // in a form of its own
	{200, []any{1, "two", object{"three": 3.5}}},
	{16, object{"Key": "kvs", "Value": 9}},
}

// packed is an archive with these records in it.
func packed(tb testing.TB, header any, records ...rec) []byte {
	tb.Helper()
	state := stateOf(tb, header, records...)
	var b bytes.Buffer
	err := archive.Write(&b, archive.New(9, 2, time.UnixMilli(1767225600000)), func(w io.Writer) error { _, err := w.Write(state); return err })
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func stateOf(tb testing.TB, header any, records ...rec) []byte {
	tb.Helper()
	h := &codec.MsgpackHandle{}
	h.Canonical = true
	var b bytes.Buffer
	e := codec.NewEncoder(&b, h)
	err := e.Encode(header)
	for _, r := range records {
		b.WriteByte(r.number)
		err = errors.Join(err, e.Encode(r.value))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestReadSnapshot(t *testing.T) {
	if *update {
		if err := os.WriteFile(smallSnap, packed(t, object{"LastIndex": 9}, small...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(smallSnap)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := ReadSnapshot(f)
	if err != nil {
		t.Fatal(err)
	}
	fields := func(name, id, addr string) object {
		return object{"ID": id, "Node": name, "Address": addr, "TaggedAddresses": object{"lan": "192.0.2.1"}, "Meta": object{"rack": "a"}}
	}
	want := &Snapshot{
		Index: 9, Datacenter: "dc1",
		Keys:     []Key{{Key: "app/1", Flags: 1<<63 + 7, Value: []byte("one\x00\xff")}, {Key: "app/lock", Session: "s-1"}},
		Sessions: []Session{{ID: "s-1", Name: "s", Node: "n1"}},
		Nodes: []*Node{
			{
				Fields:   fields("n1", nodeID, "192.0.2.1"),
				Services: map[string]object{"conf": {"ID": "conf", "Service": "conf", "Port": 70.0}, "web-1": {"ID": "web-1", "Service": "web", "Port": 80.0, "Tags": []any{"a"}, "Weights": object{"Passing": 1.0, "Warning": 1.0}}},
				Checks: map[string]object{
					"serfHealth":      {"CheckID": "serfHealth", "Name": "Serf Health Status", "Status": "passing"},
					"disk":            {"CheckID": "disk", "Name": "disk", "Status": "warning", "Type": "script"},
					"service:conf":    {"CheckID": "service:conf", "Name": "conf", "Status": "passing", "ServiceID": "conf", "Type": "tcp", "Definition": object{"Interval": 0.0}},
					"service:web-1:1": {"CheckID": "service:web-1:1", "Name": "web", "Status": "passing", "ServiceID": "web-1", "Type": "http", "Definition": object{"Interval": 0.0}},
				},
			},
			{
				Fields: fields("printer", "", "192.0.2.9"), Services: map[string]object{"lp": {"ID": "lp", "Service": "lp", "Port": 9100.0, "Weights": object{"Passing": 1.0, "Warning": 1.0}}},
				Checks: map[string]object{"up": {"CheckID": "up", "Name": "up", "Status": "warning", "Type": "http", "Definition": object{"HTTP": "http://192.0.2.9/", "Interval": 1e10}}},
			},
		},
		Queries: []object{{"ID": "q-1", "Name": "q", "Service": object{"Service": "lp", "Tags": []any{"x"}}, "DNS": object{"TTL": "9s"}}},
		Others:  []Count{{"node", Elsewhere, 1}, {"ACL token", Access, 2}, {"key", Elsewhere, 1}, {"config entry", Mesh, 1}, {"record of type 200", Unknown, 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it was read otherwise (-want +got):\n%s", diff)
	}
}

// TestDamagedIsRefused holds that an archive that was cut off or altered anywhere gives nothing.
func TestDamagedIsRefused(t *testing.T) {
	whole, err := os.ReadFile(smallSnap)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if s, err := ReadSnapshot(bytes.NewReader(whole[:n])); err == nil || s != nil {
			t.Fatalf("cut off after %d of %d bytes: %v, %v", n, len(whole), s, err)
		}
		if n >= 3 && n < 10 {
			continue // what the header of gzip says of time and system
		}
		altered := bytes.Clone(whole)
		altered[n] ^= 0x55
		if s, err := ReadSnapshot(bytes.NewReader(altered)); err == nil || s != nil {
			t.Fatalf("byte %d of %d altered: %v, %v", n, len(whole), s, err)
		}
	}
}

func TestReadSnapshotRefuses(t *testing.T) {
	header := object{"LastIndex": 1}
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"another state":       {packed(t, object{"First": 1}), "does not begin as Consul's do"},
		"no map":              {packed(t, "hello"), "does not begin as Consul's do"},
		"ours":                {packed(t, header)[:0], "not compressed with gzip"},
		"a key without a key": {packed(t, header, rec{2, object{"Value": "x"}}), "record 1 of the snapshot, of type 2, cannot be read: it has no key"},
		"a node without one":  {packed(t, header, rec{0, object{}}), "it has no name of a node"},
		"a service without":   {packed(t, header, rec{0, object{"Node": "n", "Service": object{}}}), "a service of node n: it has no ID"},
		"a check without":     {packed(t, header, rec{0, object{"Node": "n", "Check": object{}}}), "a check of node n: it has no CheckID"},
		"a list for a key":    {packed(t, header, rec{2, "x"}), "record 1 of the snapshot, of type 2"},
	} {
		if _, err := ReadSnapshot(bytes.NewReader(c.archive)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	for name, c := range map[string]struct{ state, want string }{
		"ours":                {"holdfast\x01\x00", "was saved by Holdfast"},
		"cut in a record":     {"\x81\xa9LastIndex\x01\x02\x81\xa3Ke", "unexpected EOF"},
		"cut after a type":    {"\x81\xa9LastIndex\x01\x02", "unexpected EOF"},
		"no msgpack":          {"\x81\xa9LastIndex\x01\x2a\xc1", "begins no value of msgpack"},
		"an enormous length":  {"\x81\xa9LastIndex\x01\x2a\xc6\xff\xff\xff\xff", "takes more than 64 MiB"},
		"an enormous list":    {"\x81\xa9LastIndex\x01\x2a\xdf\xff\xff\xff\xff", "unexpected EOF"},
		"too deep for a node": {"\x81\xa9LastIndex\x01\x00\x81\xa7Service" + strings.Repeat("\x81\xa1a", 5000) + "\xc0", "depth"},
	} {
		if _, err := readState(strings.NewReader(c.state)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// FuzzReadState holds that no state breaks the reader, and that what it takes has names.
func FuzzReadState(f *testing.F) {
	f.Add(stateOf(f, object{"LastIndex": 9}, small...))
	for _, r := range small {
		f.Add(stateOf(f, object{"LastIndex": 1}, r))
	}
	f.Add([]byte("\x81\xa9LastIndex\x01\x2a\xdf\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readState(bytes.NewReader(b))
		if err != nil {
			if s != nil {
				t.Errorf("%v with the error %v", s, err)
			}
			return
		}
		for _, k := range s.Keys {
			if k.Key == "" {
				t.Error("a key without a name")
			}
		}
		for _, n := range s.Nodes {
			if n.Name() == "" {
				t.Error("a node without a name")
			}
		}
	})
}

// TestFrames holds that a value takes as many bytes as the library writes for it, whatever it is.
func TestFrames(t *testing.T) {
	values := []any{
		nil, true, 0, 127, 128, 1 << 20, uint64(1 << 63), -1, -33, -200, -70000, -(1 << 40), float32(1.5), 2.5, "", strings.Repeat("a", 31), strings.Repeat("a", 300), strings.Repeat("a", 70000),
		[]byte{},
		bytes.Repeat([]byte("b"), 200), bytes.Repeat([]byte("b"), 300), bytes.Repeat([]byte("b"), 70000), make([]int, 15), make([]int, 16), make([]int, 70000),
		object{"a": object{"b": []any{1}}},
		wide(16), wide(70000), time.Unix(1, 2),
	}
	for _, ext := range []bool{false, true} {
		h := &codec.MsgpackHandle{WriteExt: ext}
		for _, v := range values {
			var b []byte
			if err := codec.NewEncoderBytes(&b, h).Encode(v); err != nil {
				t.Fatal(err)
			}
			got, err := frameOf(append(b, 0x2a, 0x2a))
			if err != nil || !bytes.Equal(got, b) {
				t.Errorf("%T (ext %v): %d of %d bytes, %v", v, ext, len(got), len(b), err)
			}
		}
	}
	for power := range 5 { // types of one's own, of 1 to 16 bytes
		b := append([]byte{byte(0xd4 + power), 7}, make([]byte, 1<<power)...)
		if got, err := frameOf(append(b, 0x2a)); err != nil || !bytes.Equal(got, b) {
			t.Errorf("fixext %d: %d of %d bytes, %v", 1<<power, len(got), len(b), err)
		}
	}
}

func frameOf(b []byte) ([]byte, error) {
	f := &framer{r: bufio.NewReader(bytes.NewReader(b))}
	return f.next()
}

func wide(n int) object {
	out := object{}
	for i := range n {
		out[strconv.Itoa(i)] = i
	}
	return out
}
