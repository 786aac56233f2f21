package config

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"holdfast/cmd/holdfast/config/leftout"
)

// table is the page that says of every key what becomes of it.
const table = "../../../docs/config.md"

// ownBlocks are Holdfast's own, whose keys README explains.
var ownBlocks = []string{"group", "proxy", "database", "zone", "failover", "template"}

// parsed are the keys that a File takes, with those of blocks behind a dot. What stands in a service or a check is listed once.
func parsed() map[string]bool {
	keys := map[string]bool{}
	addKeys(keys, reflect.TypeFor[File](), "")
	return keys
}

func addKeys(keys map[string]bool, typ reflect.Type, prefix string) {
	for f := range typ.Fields() {
		name := f.Tag.Get("mapstructure")
		switch {
		case prefix == "service." && (name == "check" || name == "checks"):
			keys[prefix+name] = true // they are listed as check
			continue
		case strings.HasSuffix(f.Tag.Get("mapstructure"), ",squash"):
			addKeys(keys, f.Type, prefix)
			continue
		case prefix == "" && slices.Contains(ownBlocks, name):
			keys[name] = true
			continue
		case prefix == "" && (name == "services" || name == "checks"):
			keys[name] = true // as service and check
			continue
		}
		block, key := f.Type, prefix+name
		for block.Kind() == reflect.Pointer || block.Kind() == reflect.Slice || block.Kind() == reflect.Map {
			block = block.Elem()
		}
		keys[key] = true
		if block.Kind() == reflect.Struct {
			addKeys(keys, block, key+".")
		}
	}
}

var keyRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\|$")

// TestTable holds that the page lists exactly the keys that are known here, and gives the reason that a warning gives.
func TestTable(t *testing.T) {
	b, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range keyRow.FindAllStringSubmatch(string(b), -1) {
		if _, twice := rows[m[1]]; twice {
			t.Errorf("%s is listed twice", m[1])
		}
		rows[m[1]] = m[2]
	}
	want := parsed()
	for key := range leftout.Keys {
		want[key] = true
	}
	for key := range leftout.Refused {
		want[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if rows[key] == "" {
			t.Errorf("%s does not list %s", table, key)
		}
	}
	for key, text := range rows {
		if now, known := atReload()[key]; known && now != strings.HasSuffix(text, " *") {
			t.Errorf("%s says of %s %q: that it is taken at a reload is %t", table, key, text, now)
		}
		switch why, left := leftout.Keys[key]; {
		case !want[key]:
			t.Errorf("%s lists %s, which is no key", table, key)
		case parsed()[key] && key != "connect":
		case left && why == "" && text != "taken and passed over: nothing is lost without it":
			t.Errorf("%s says of %s %q, and nothing is lost without it", table, key, text)
		case left && why != "" && !strings.HasSuffix(text, why):
			t.Errorf("%s says of %s %q, and the warning says %q", table, key, text, why)
		case !left && !strings.HasSuffix(text, leftout.Refused[key]):
			t.Errorf("%s says of %s %q, and the error says %q", table, key, text, leftout.Refused[key])
		}
	}
}

// atReload says of keys whether a running agent takes them.
func atReload() map[string]bool {
	out := map[string]bool{}
	for f := range reflect.TypeFor[Config]().Fields() {
		out[f.Tag.Get("key")] = f.Tag.Get("reload") == "true"
	}
	return out
}
