// Package source reads one source of configuration, a text in HCL or JSON, into a struct whose fields name their keys (tag mapstructure). It knows the two
// languages and no key.
//
// A field that may be absent is a pointer: [Or] is its value or the default. Where a struct or a map is wanted, HCL's list of blocks becomes one; a duration is
// written with its unit. The keys that no field takes are handed back, because it is for the caller to say what they mean. Each error is a sentence without
// the name of the source, which the caller puts before it.
package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/hashicorp/hcl"
)

// Or is the value of p, or def where the source did not say.
func Or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// Files lists the files of paths. Of a directory it takes those that end in .hcl or .json, in the order of their names, or all where the format is known without.
func Files(paths []string, every bool) ([]string, error) {
	var files []string
	for _, p := range paths {
		if p == "" {
			continue // Consul's wrappers pass an empty -config-file
		}
		st, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("cannot read config %s: %w", p, unwrapPath(err))
		}
		if !st.IsDir() {
			files = append(files, p)
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, fmt.Errorf("cannot read config directory %s: %w", p, unwrapPath(err))
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); !e.IsDir() && (every || ext == ".hcl" || ext == ".json") {
				files = append(files, filepath.Join(p, e.Name()))
			}
		}
	}
	return files, nil
}

// Read is the content of a file that Files named.
func Read(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read config file %s: %w", name, unwrapPath(err))
	}
	return b, nil
}

// Format is that of a file by its ending.
func Format(name string) string { return strings.TrimPrefix(filepath.Ext(name), ".") }

// Decode reads a text into out, a pointer to a struct. format is "hcl" or "json". raw is everything that stood in the text, unused the keys that no field
// takes, sorted; same tells whether a key and a field's name are the same, nil for: but for their case.
func Decode(text []byte, format string, out any, same func(key, field string) bool) (raw map[string]any, unused []string, err error) {
	if raw, err = parse(text, format); err != nil {
		return nil, nil, err
	}
	var md mapstructure.Metadata
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: out, Metadata: &md, WeaklyTypedInput: true, MatchName: same,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mergeBlocks, textDuration),
	})
	if err != nil {
		return nil, nil, err
	}
	if err := d.Decode(raw); err != nil {
		return nil, nil, errors.New(oneLine(err))
	}
	slices.Sort(md.Unused)
	return raw, md.Unused, nil
}

func parse(b []byte, format string) (map[string]any, error) {
	raw := map[string]any{}
	switch format {
	case "json":
		if len(bytes.TrimSpace(b)) == 0 {
			return raw, nil // programs make the file first, and fill it before a reload; an empty file is good HCL, too
		}
		d := json.NewDecoder(bytes.NewReader(b))
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("not valid JSON: %w", err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("not valid JSON: something follows the first object")
		}
	case "hcl":
		if err := hcl.Unmarshal(b, &raw); err != nil {
			return nil, fmt.Errorf("not valid HCL: %w", err)
		}
	default:
		return nil, fmt.Errorf("the format %q is not known: name the file .hcl or .json, or give -config-format", format)
	}
	return raw, nil
}

// mergeBlocks makes one map of HCL's list of blocks wherever a struct or a map is wanted.
func mergeBlocks(from, to reflect.Type, v any) (any, error) {
	blocks, ok := v.([]map[string]any)
	for to.Kind() == reflect.Pointer {
		to = to.Elem()
	}
	if !ok || from == nil || (to.Kind() != reflect.Struct && to.Kind() != reflect.Map) {
		return v, nil
	}
	one := map[string]any{}
	for _, b := range blocks {
		for k := range b {
			if _, twice := one[k]; twice {
				return nil, fmt.Errorf("%q is given twice", k)
			}
		}
		maps.Copy(one, b)
	}
	return one, nil
}

// textDuration reads "10s" where a duration is wanted. A bare number is refused: nobody knows of what.
func textDuration(from, to reflect.Type, v any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() || from == to {
		return v, nil
	}
	s := fmt.Sprint(v)
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a duration: write it as \"10s\" or \"200ms\"", s)
	}
	return d, nil
}

// oneLine makes one sentence of mapstructure's list of errors.
func oneLine(err error) string {
	var lines []string
	for l := range strings.Lines(err.Error()) {
		l = strings.TrimPrefix(strings.TrimSpace(l), "* ")
		if l != "" && !strings.HasSuffix(l, "error(s) decoding:") && !strings.HasPrefix(l, "decoding failed due to") {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "; ")
}

// unwrapPath drops the operation and path of a PathError: the sentence around it names the path.
func unwrapPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
