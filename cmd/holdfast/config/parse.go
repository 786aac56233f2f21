package config

import (
	"bytes"
	"crypto/sha256"
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

	"holdfast/cmd/holdfast/config/leftout"
)

// Load reads the files and directories in order and lays each over what came before. In a directory it reads the files that end in
// .hcl or .json, in the order of their names. format is "hcl", "json" or "" for: by the file's ending. The warnings are sentences.
func Load(paths []string, format string) (*File, []string, error) {
	var all File
	var warnings []string
	files, err := expand(paths, format != "")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read config file %s: %w", name, unwrapPath(err))
		}
		f, warn, err := Parse(name, b, format)
		if err != nil {
			return nil, nil, err
		}
		warnings = append(warnings, warn...)
		Merge(&all, f)
	}
	return &all, warnings, nil
}

// Fingerprint is a value that is another one whenever Load would read something else, there or in the files that were named. A file that cannot be
// read counts as empty.
func Fingerprint(paths []string, format string, named []string) string {
	files, err := expand(paths, format != "")
	if err != nil {
		return err.Error()
	}
	h := sha256.New()
	for _, name := range slices.Concat(files, named) {
		b, _ := os.ReadFile(name) // Load says what is wrong
		fmt.Fprintf(h, "%q %d\n", name, len(b))
		h.Write(b)
	}
	return string(h.Sum(nil))
}

// expand lists the files. Of a directory it takes those with a known ending, or all where the format is known without.
func expand(paths []string, every bool) ([]string, error) {
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

// Parse reads one file. name stands in the errors and, where format is empty, tells the format by its ending.
func Parse(name string, b []byte, format string) (*File, []string, error) {
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(name), ".")
	}
	return parseSource("config file "+name, b, format)
}

// parseSource reads one source, as the errors and warnings name it.
func parseSource(source string, b []byte, format string) (*File, []string, error) {
	raw, err := decodeText(b, format)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", source, err)
	}
	var f File
	var md mapstructure.Metadata
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: &f, Metadata: &md, WeaklyTypedInput: true, MatchName: leftout.SameKey,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mergeBlocks, textDuration),
	})
	if err != nil {
		return nil, nil, err
	}
	if err := d.Decode(raw); err != nil {
		return nil, nil, fmt.Errorf("%s: %s", source, oneLine(err))
	}
	if f.Connect != nil {
		md.Unused = append(md.Unused, "connect") // it is taken for the CA's root, and asks for more
	}
	warnings, err := leftout.Judge(source, raw, md.Unused)
	return &f, append(warnings, olderForms(source, &f)...), err
}

func decodeText(b []byte, format string) (map[string]any, error) {
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
