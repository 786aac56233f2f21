package codec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares b with testdata/name, a hex dump, and gives back what the file holds.
func golden(t *testing.T, name string, b []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(hex.Dump(b)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept := readGolden(t, path)
	if !bytes.Equal(kept, b) {
		at := 0
		for at < min(len(kept), len(b)) && kept[at] == b[at] {
			at++
		}
		t.Fatalf("%s: this version writes %d bytes and the file holds %d; they differ from byte %#x on. "+
			"Members of both versions must read both, and one of an older version loses a new field of an old command for ever: where anything follows from it, it wants a command of its own. If that is so, write the file anew: go test ./cluster/codec -run Golden -update", path, len(b), len(kept), at)
	}
	return kept
}

// readGolden reads a hex dump.
func readGolden(tb testing.TB, path string) []byte {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var b []byte
	for line := range strings.Lines(string(text)) {
		digits, _, _ := strings.Cut(line[min(8, len(line)):], "|")
		part, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		b = append(b, part...)
	}
	return b
}

// wantEqual compares every field; a cmp.Diff would ask the Equal methods, which leave some out.
func wantEqual(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		g, _ := json.MarshalIndent(got, "", " ")
		w, _ := json.MarshalIndent(want, "", " ")
		t.Errorf("got %T %s\nwant %T %s", got, g, want, w)
	}
}

// filled is a new value of the type that sample points to, every field of it set to something of its own.
func filled(sample any) any {
	v := reflect.New(reflect.TypeOf(sample).Elem())
	fill(v.Elem(), v.Elem().Type().Name())
	return v.Interface()
}

func fill(v reflect.Value, name string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1700000000, 123456789).UTC()))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.MustParseAddr("10.77.0.1")))
		return
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.MustParsePrefix("10.77.0.100/24")))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(name)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(len(name)) * 1000)
	case reflect.Uint64:
		v.SetUint(uint64(len(name)) << 40)
	case reflect.Float64:
		v.SetFloat(float64(len(name)) + 0.25)
	case reflect.Uint8:
		v.SetUint(uint64(len(name)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), name)
		fill(v.Index(1), name+"2")
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, k := range []string{name + "B", name + "A", name + "C"} {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(e, name)
			v.SetMapIndex(reflect.ValueOf(k), e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), v.Type().Field(i).Name)
		}
	default:
		panic("no sample for " + v.Type().String())
	}
}
