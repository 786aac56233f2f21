package config

import (
	"maps"
	"reflect"
	"slices"

	"holdfast/cluster"
)

// ParseServices reads the service blocks of one file and nothing else, for `holdfast services register FILE`, and answers each as the keys
// that it sets, with their values as the API takes them. format is as Load takes it.
func ParseServices(name string, b []byte, format string) ([]map[string]any, error) {
	f, _, err := Parse(name, b, format)
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for _, s := range slices.Concat(f.Service, f.Services) {
		if s.Name == "" {
			return nil, cluster.Errorf(cluster.Invalid, "%s has a service without a name: write service { name = \"web\" … }", name)
		}
		s.Checks, s.Check = slices.Concat(s.Check, s.Checks), nil
		s.Token = "" // whoever registers it shows their own
		if keys, ok := keysOf(reflect.ValueOf(s)).(map[string]any); ok {
			out = append(out, keys)
		}
	}
	if len(out) == 0 {
		return nil, cluster.Errorf(cluster.Invalid, "%s has no service block: write service { name = \"web\" … }", name)
	}
	return out, nil
}

// keysOf is what a block sets, under the keys of the config; nil where it sets nothing.
func keysOf(v reflect.Value) any {
	switch {
	case v.IsZero():
		return nil
	case v.Kind() == reflect.Pointer:
		return valueOf(v.Elem())
	}
	return valueOf(v)
}

// valueOf is keysOf for what is set, be it to the zero value.
func valueOf(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if value := keysOf(v.Field(i)); value != nil {
				out[v.Type().Field(i).Tag.Get("mapstructure")] = value
			}
		}
		return out
	case reflect.Slice:
		out := make([]any, 0, v.Len())
		for i := range v.Len() {
			out = append(out, valueOf(v.Index(i)))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for k, e := range maps.Collect(v.Seq2()) {
			out[k.String()] = valueOf(e)
		}
		return out
	default:
		return v.Interface()
	}
}
