package filter

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/hashicorp/go-bexpr/grammar"
)

// collection compiles any and all.
func (c *compiler) collection(e *grammar.CollectionExpression) (condition, error) {
	origin, typ, path := c.origin(e.Selector.Path)
	reach, err := c.reach(typ, path, &quantifier{e, c})
	if err != nil {
		return nil, err
	}
	return func(s *scene) bool { return reach(s, origin(s)) }, nil
}

// quantifier is an expression about the members of a list or a map, each of which has a name in it.
type quantifier struct {
	*grammar.CollectionExpression
	outer *compiler
}

func (q *quantifier) selector() string { return q.Selector.String() }
func (q *quantifier) absent() bool     { return q.Op == grammar.CollectionOpAll } // all of none

func (q *quantifier) within([]string) (test, error) {
	return nil, fmt.Errorf("%q is of the service mesh: any and all do not go with it", q.selector())
}

func (q *quantifier) on(t reflect.Type) (test, error) {
	switch t.Kind() {
	case reflect.Slice:
		inner, bind, err := q.inner(reflect.TypeFor[int](), t.Elem(), false)
		return func(s *scene, v reflect.Value) bool {
			for i := range v.Len() {
				if inner(s.with(bind(reflect.ValueOf(i), v.Index(i)))) != q.absent() {
					return !q.absent()
				}
			}
			return q.absent()
		}, err
	case reflect.Map:
		inner, bind, err := q.inner(t.Key(), t.Elem(), true)
		return func(s *scene, v reflect.Value) bool {
			for _, key := range v.MapKeys() {
				if inner(s.with(bind(key, v.MapIndex(key)))) != q.absent() {
					return !q.absent()
				}
			}
			return q.absent()
		}, err
	}
	return nil, fmt.Errorf("any and all do not go with %q, which is %s", q.selector(), kindName(t))
}

// inner compiles what is said of each member. bind gives what its names stand for, of a member's index or key and its value.
func (q *quantifier) inner(key, value reflect.Type, keyed bool) (inner condition, bind func(k, v reflect.Value) []reflect.Value, err error) {
	var names []local
	switch b := q.NameBinding; b.Mode {
	case grammar.CollectionBindIndex:
		names = []local{{b.Index, key}}
		bind = func(k, _ reflect.Value) []reflect.Value { return []reflect.Value{k} }
	case grammar.CollectionBindIndexAndValue:
		names = []local{{b.Index, key}, {b.Value, value}}
		bind = func(k, v reflect.Value) []reflect.Value { return []reflect.Value{k, v} }
	case grammar.CollectionBindDefault:
		if keyed {
			names = []local{{b.Default, key}}
			bind = func(k, _ reflect.Value) []reflect.Value { return []reflect.Value{k} }
			break
		}
		names = []local{{b.Default, value}}
		bind = func(_, v reflect.Value) []reflect.Value { return []reflect.Value{v} }
	default:
		names = []local{{b.Value, value}}
		bind = func(_, v reflect.Value) []reflect.Value { return []reflect.Value{v} }
	}
	c := &compiler{row: q.outer.row, local: append(slices.Clip(q.outer.local), names...)}
	inner, err = c.compile(q.Inner)
	return inner, bind, err
}

// with is the scene with more names.
func (s *scene) with(values []reflect.Value) *scene {
	return &scene{row: s.row, local: append(slices.Clip(s.local), values...)}
}
