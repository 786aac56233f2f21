package codec

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

func TestCommandsAreGolden(t *testing.T) {
	at := time.Unix(1700000001, 987654321).UTC()
	for number, typ := range commandTypes.types {
		t.Run(typ.Elem().Name(), func(t *testing.T) {
			want := filled(reflect.New(typ.Elem()).Interface()).(cluster.Command)
			encoded, err := EncodeCommand(want)
			if err != nil {
				t.Fatal(err)
			}
			entry := golden(t, "command/"+typ.Elem().Name(), Stamped(encoded, at))
			gotAt, got, err := DecodeCommand(entry)
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, got, want)
			if !gotAt.Equal(at) || entry[0] != number {
				t.Errorf("decoded time %v and type %d, want %v and %d", gotAt, entry[0], at, number)
			}
		})
	}
}

func TestEncodedCommandIsAFunctionOfTheCommand(t *testing.T) {
	for _, typ := range commandTypes.types {
		first, err := EncodeCommand(filled(reflect.New(typ.Elem()).Interface()).(cluster.Command))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 { // the order of a Go map differs from run to run
			again, _ := EncodeCommand(filled(reflect.New(typ.Elem()).Interface()).(cluster.Command))
			if !bytes.Equal(first, again) {
				t.Fatalf("%v: two encodings of one command differ", typ)
			}
		}
	}
}

func TestZeroCommandsSurvive(t *testing.T) {
	for _, typ := range commandTypes.types {
		want := reflect.New(typ.Elem()).Interface().(cluster.Command)
		encoded, err := EncodeCommand(want)
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := DecodeCommand(encoded)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, want)
	}
}

// TestEveryCommandHasANumber reads package cluster: a type with a command method must be in the table.
func TestEveryCommandHasANumber(t *testing.T) {
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of package cluster: %v", err)
	}
	numbered := map[string]bool{}
	for _, typ := range commandTypes.types {
		numbered[typ.Elem().Name()] = true
	}
	found := 0
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			m, ok := d.(*ast.FuncDecl)
			if !ok || m.Recv == nil || m.Name.Name != "command" {
				continue
			}
			found++
			typ := fmt.Sprint(m.Recv.List[0].Type.(*ast.StarExpr).X)
			if !numbered[typ] {
				t.Errorf("cluster.%s is a command and has no number in commandTypes", typ)
			}
		}
	}
	if found != len(commandTypes.types) {
		t.Errorf("package cluster has %d commands, the table %d", found, len(commandTypes.types))
	}
}

func TestTypeNumbersNeverChange(t *testing.T) {
	for _, c := range []struct {
		table typeTable
		want  string
	}{
		{commandTypes, "Register Deregister KVWrite SessionCreate SessionDestroy ReapTombstones PutGroup DeleteGroup Steer Record NewTerm NameCluster! Transaction UpdateCoordinates! PutPreparedQuery DeletePreparedQuery PutAutopilot SetCARoot! PlanMove! Await! PutFullGroup PutGroups _ _ _ _ _ _ _ Restore"},
		{recordTypes, "IndexRow Tombstone LockDelay LastEpoch KVEntry Node Service Check Session Group Assignment Presence Transition ClusterID! NodeCoordinate! PreparedQuery Autopilot CARoot! PlannedMove!"},
	} {
		for i, name := range strings.Fields(c.want) {
			if name == "_" { // never given, or given to a type that is gone
				continue
			}
			number := byte(i + 1)
			if skipped, ok := strings.CutSuffix(name, "!"); ok { // older members may skip it
				name, number = skipped, number|ignorable
			}
			if typ := c.table.types[number]; typ == nil || typ.Elem().Name() != name {
				t.Errorf("number %d stands for %v, want %s", number, typ, name)
			}
		}
	}
}

func TestDecodeCommandRefuses(t *testing.T) {
	whole, err := EncodeCommand(&cluster.DeleteGroup{Name: "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	with := func(number byte, body ...byte) []byte {
		return append(append([]byte{number}, make([]byte, 8)...), body...)
	}
	for _, c := range []struct {
		name  string
		entry []byte
		want  string
	}{
		{"nothing", nil, "has only 0 bytes"},
		{"a header alone", whole[:entryHeader], "has only 9 bytes"},
		{"type 0", with(0, 0x80), "does not know the type 0"},
		{"a newer type that may not be skipped", with(0x7f, 0x80), "does not know the type 127"},
		{"cut off", whole[:len(whole)-1], "decode *cluster.DeleteGroup"},
		{"followed by something", append(bytes.Clone(whole), 0), "1 bytes follow"},
		{"not the right shape", with(8, 0xa1, 'x'), "decode *cluster.DeleteGroup"},
		{"a list longer than the entry", with(10, append([]byte{0x81, 0xab}, append([]byte("Transitions"), 0xdd, 0xff, 0xff, 0xff, 0xff)...)...), "decode *cluster.Record"},
		{"nested without end", with(10, bytes.Repeat([]byte{0x81, 0xa1, 'x'}, 10_000)...), "depth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := DecodeCommand(c.entry)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, _, err := DecodeCommand(with(0xfc, 0xc0)); !errors.Is(err, ErrIgnorable) {
		t.Errorf("a newer type that may be skipped: error %v", err)
	}
}

func TestDecodeCommandSkipsFieldsOfNewerMembers(t *testing.T) {
	body := append([]byte{0x82, 0xa4}, "Name"...)
	body = append(append(body, 0xa1), "g"...)
	body = append(append(body, 0xa3), "New"...)
	body = append(body, 0x92, 0x01, 0x81, 0xa1, 'k', 0xc3) // [1, {"k": true}]
	_, got, err := DecodeCommand(append(append([]byte{8}, make([]byte, 8)...), body...))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, &cluster.DeleteGroup{Name: "g"})
}

func TestDecodedCommandSharesNothingWithTheEntry(t *testing.T) {
	want := &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "a key", Value: []byte("a value")}}
	entry, err := EncodeCommand(want)
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := DecodeCommand(entry)
	if err != nil {
		t.Fatal(err)
	}
	clear(entry)
	wantEqual(t, got, want)
}

func TestEncodeCommandRefusesWhatIsTooLarge(t *testing.T) {
	value := func(n int) *cluster.KVWrite {
		return &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "k", Value: make([]byte, n)}}
	}
	if _, err := EncodeCommand(value(cluster.MaxValueSize)); err != nil {
		t.Errorf("the largest value: %v", err)
	}
	if _, err := EncodeCommand(value(MaxCommandSize)); cluster.CodeOf(err) != cluster.TooLarge {
		t.Errorf("error %v, want code %v", err, cluster.TooLarge)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	names, _ := filepath.Glob("testdata/command/*.golden")
	for _, name := range names {
		f.Add(readGolden(f, name))
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		_, c, err := DecodeCommand(entry)
		if err != nil {
			return
		}
		once, err := EncodeCommand(c)
		if err != nil {
			t.Fatalf("a decoded command cannot be encoded: %v", err)
		}
		_, again, err := DecodeCommand(once)
		if err != nil {
			t.Fatalf("an encoded command cannot be decoded: %v", err)
		}
		if twice, _ := EncodeCommand(again); !bytes.Equal(once, twice) {
			t.Fatalf("two encodings of one command:\n%x\n%x", once, twice)
		}
	})
}
