package config

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

// tolerated lists Consul's keys of parts that Holdfast leaves out or has not yet. They are accepted, with a warning unless they
// switch off what is not there anyway.
var tolerated = map[string]string{
	"connect":                     "there is no service mesh",
	"peering":                     "there is no cluster peering",
	"ui":                          "there is no web interface yet",
	"ui_config":                   "there is no web interface yet",
	"disable_update_check":        "",
	"disable_anonymous_signature": "",
	"disable_remote_exec":         "",
	"disable_host_node_id":        "",
	"check_update_interval":       "",
	"raft_protocol":               "",
	"protocol":                    "",
	"rejoin_after_leave":          "",
	"log_rotate_duration":         "log files are not rotated yet",
	"segments":                    "",
	"version":                     "",
	"locality":                    "",
	"audit":                       "there is no audit log",
	"experiments":                 "",
	"telemetry":                   "metrics are not sent anywhere yet",
	"use_streaming_backend":       "",
	"rpc":                         "",
	"primary_datacenter":          "there is one datacenter",
}

// Load reads the files and directories in order and lays each over what came before. In a directory it reads the files that end in
// .hcl or .json, in the order of their names. format is "hcl", "json" or "" for: by the file's ending. The warnings are sentences.
func Load(paths []string, format string) (*File, []string, error) {
	var all File
	var warnings []string
	files, err := expand(paths)
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

func expand(paths []string) ([]string, error) {
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
			if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".hcl" || ext == ".json") {
				files = append(files, filepath.Join(p, e.Name()))
			}
		}
	}
	return files, nil
}

// Parse reads one source. name stands in the errors and, where format is empty, tells the format by its ending.
func Parse(name string, b []byte, format string) (*File, []string, error) {
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(name), ".")
	}
	raw, err := decodeText(b, format)
	if err != nil {
		return nil, nil, fmt.Errorf("config file %s: %w", name, err)
	}
	var f File
	var md mapstructure.Metadata
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: &f, Metadata: &md, WeaklyTypedInput: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mergeBlocks, textDuration),
	})
	if err != nil {
		return nil, nil, err
	}
	if err := d.Decode(raw); err != nil {
		return nil, nil, fmt.Errorf("config file %s: %s", name, oneLine(err))
	}
	warnings, err := unused(name, raw, md.Unused)
	return &f, warnings, err
}

func decodeText(b []byte, format string) (map[string]any, error) {
	raw := map[string]any{}
	switch format {
	case "json":
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

// unused turns the keys that no field took into warnings, or into an error that names the first unknown one.
func unused(name string, raw map[string]any, keys []string) ([]string, error) {
	slices.Sort(keys)
	var warnings []string
	for _, k := range keys {
		why, ok := tolerated[k]
		if !ok {
			return nil, fmt.Errorf("config file %s: unknown key %q; remove it or correct its spelling", name, k)
		}
		if why != "" && !switchedOff(raw[k]) {
			warnings = append(warnings, fmt.Sprintf("config file %s: the key %q has no effect: %s", name, k, why))
		}
	}
	return warnings, nil
}

// switchedOff reports whether a value asks for nothing: false, nil, or a block whose "enabled" is false.
func switchedOff(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case map[string]any:
		return len(v) == 0 || v["enabled"] == false
	case []map[string]any:
		return !slices.ContainsFunc(v, func(m map[string]any) bool { return !switchedOff(m) })
	}
	return false
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

// textDuration reads "10s" where a duration is wanted.
func textDuration(_, to reflect.Type, v any) (any, error) {
	s, ok := v.(string)
	if !ok || to != reflect.TypeFor[time.Duration]() {
		return v, nil
	}
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
