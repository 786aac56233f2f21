package migrate

import (
	"strings"
	"testing"
)

// FuzzParseExport holds that no file breaks the reader, and that what it takes has keys.
func FuzzParseExport(f *testing.F) {
	for _, s := range []string{
		`[{"key":"a","flags":3,"value":"aGk="}]`, `[]`, `null`, `[{"key":"","value":""}]`, `[{"key":"a","value":"!!"}]`, `{"a":1}`, "\x1f\x8b\x08\x00", `[{"Key":"a","Flags":18446744073709551615,"Value":null}]`, `[{"key":"a"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseExport(b)
		if err != nil && (keys != nil || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: %v with the error %q", b, keys, err)
		}
		for _, e := range keys {
			if e.Key == "" {
				t.Errorf("%q: an entry without a key", b)
			}
		}
	})
}

func TestCount(t *testing.T) {
	for want, got := range map[string]string{"1 key": count(1, "key"), "2 keys": count(2, "key"), "0 prepared queries": count(0, "prepared query"), "3 external nodes": count(3, "external node")} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
