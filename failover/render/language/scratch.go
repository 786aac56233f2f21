package language

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Scratch is where a template keeps values while it runs. All of it together is bounded.
type Scratch struct {
	limits *limits
	values map[string]any
}

// Key reports whether there is a value.
func (s *Scratch) Key(k string) bool {
	_, ok := s.values[k]
	return ok
}

// Get is a value, nil where there is none. A map is a copy: a template cannot put it into itself.
func (s *Scratch) Get(k string) any {
	if m, ok := s.values[k].(map[string]any); ok {
		return maps.Clone(m)
	}
	return s.values[k]
}

// Set keeps a value; of a map, a copy.
func (s *Scratch) Set(k string, v any) (string, error) {
	if s.values == nil {
		s.values = map[string]any{}
	}
	if m, ok := v.(map[string]any); ok {
		v = maps.Clone(m)
	}
	s.values[k] = v
	return "", s.limits.take(reflect.ValueOf(v))
}

// SetX keeps a value where there is none yet.
func (s *Scratch) SetX(k string, v any) (string, error) {
	if s.Key(k) {
		return "", nil
	}
	return s.Set(k, v)
}

// MapSet keeps a value in a map.
func (s *Scratch) MapSet(k, name string, v any) (string, error) { return s.mapSet(k, name, v, true) }

// MapSetX keeps a value in a map where there is none yet.
func (s *Scratch) MapSetX(k, name string, v any) (string, error) { return s.mapSet(k, name, v, false) }

func (s *Scratch) mapSet(k, name string, v any, over bool) (string, error) {
	m, ok := s.values[k].(map[string]any)
	if !ok && s.Key(k) {
		return "", fmt.Errorf("scratch: %q is not a map", k)
	}
	if !ok {
		m = map[string]any{}
	}
	if _, have := m[name]; have && !over {
		return "", nil
	}
	if !ok {
		if _, err := s.Set(k, m); err != nil {
			return "", err
		}
		m = s.values[k].(map[string]any)
	}
	m[name] = v
	return "", s.limits.take(reflect.ValueOf(v))
}

// MapValues is the values of a map in the order of their names.
func (s *Scratch) MapValues(k string) []any {
	out := []any{}
	m, _ := s.values[k].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}
