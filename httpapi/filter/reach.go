package filter

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// test is a condition on one value.
type test func(*scene, reflect.Value) bool

// operation is what is done with the value that a path leads to.
type operation interface {
	// on is the test for values of a type.
	on(t reflect.Type) (test, error)
	// absent is the answer where the path leads nowhere: a map has no such key, or a pointer is nil.
	absent() bool
	// within is the test for what a path leads to in JSON that is kept as it came.
	within(path []string) (test, error)
	// selector is the whole path, for errors.
	selector() string
}

// reach follows a path through a type, and applies the operation at its end.
func (c *compiler) reach(t reflect.Type, path []string, op operation) (test, error) {
	switch {
	case t.Kind() == reflect.Pointer:
		return c.behind(t, path, op)
	case isJSON(t):
		return op.within(path)
	case len(path) == 0:
		return op.on(t)
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.field(t, path, op)
	case reflect.Map:
		return c.value(t, path, op)
	case reflect.Slice:
		if !isPrimitive(t.Elem()) {
			return c.anyOf(t, path, op)
		}
	}
	return nil, fmt.Errorf("selector %q is not valid: nothing lies below %s", op.selector(), kindName(t))
}

func (c *compiler) behind(t reflect.Type, path []string, op operation) (test, error) {
	next, err := c.reach(t.Elem(), path, op)
	return func(s *scene, v reflect.Value) bool {
		if v.IsNil() {
			return op.absent()
		}
		return next(s, v.Elem())
	}, err
}

func (c *compiler) field(t reflect.Type, path []string, op operation) (test, error) {
	all := fields(t)
	f, ok := all[path[0]]
	if !ok {
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("selector %q is not valid: there is no %s, but %s", op.selector(), path[0], strings.Join(names, ", "))
	}
	next, err := c.reach(f.Type, path[1:], op)
	return func(s *scene, v reflect.Value) bool { return next(s, v.FieldByIndex(f.Index)) }, err
}

// fields are the fields of a type by the names that they have in JSON.
func fields(t reflect.Type) map[string]reflect.StructField {
	all := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		if f.IsExported() && !f.Anonymous && name != "-" && f.Tag.Get("bexpr") != "-" {
			all[name] = f
		}
	}
	return all
}

func (c *compiler) value(t reflect.Type, path []string, op operation) (test, error) {
	next, err := c.reach(t.Elem(), path[1:], op)
	key := reflect.ValueOf(path[0]).Convert(t.Key())
	return func(s *scene, v reflect.Value) bool {
		if x := v.MapIndex(key); x.IsValid() {
			return next(s, x)
		}
		return op.absent()
	}, err
}

// anyOf holds where the rest of the path does for any member of a list.
func (c *compiler) anyOf(t reflect.Type, path []string, op operation) (test, error) {
	next, err := c.reach(t.Elem(), path, op)
	return func(s *scene, v reflect.Value) bool {
		for i := range v.Len() {
			if next(s, v.Index(i)) {
				return true
			}
		}
		return false
	}, err
}

// isJSON reports whether a type is JSON that is kept as it came.
func isJSON(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

func isPrimitive(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Map, reflect.Slice:
		return false
	}
	return true
}

// kindName is what a type is to whoever writes filters.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "a boolean"
	case reflect.Struct:
		return "an object"
	case reflect.Map:
		return "a map"
	case reflect.Slice:
		return "a list"
	}
	return "a number"
}
