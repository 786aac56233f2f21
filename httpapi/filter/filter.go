package filter

import (
	"fmt"
	"reflect"

	"github.com/hashicorp/go-bexpr/grammar"
)

// maxSteps bounds the work of reading a filter: brackets within brackets cost the parser ever more.
const maxSteps = 200_000

// Compile is an expression as a function. The error says what is wrong with it.
func Compile[T any](expression string) (func(T) bool, error) {
	tree, err := grammar.Parse("", []byte(expression), grammar.MaxExpressions(maxSteps))
	if err != nil {
		return nil, err
	}
	e, ok := tree.(grammar.Expression)
	if !ok {
		return nil, fmt.Errorf("%T is no expression", tree)
	}
	holds, err := (&compiler{row: reflect.TypeFor[T]()}).compile(e)
	if err != nil {
		return nil, err
	}
	return func(row T) bool { return holds(&scene{row: reflect.ValueOf(&row).Elem()}) }, nil
}

// scene is what an expression is held against: a row, and what the names of any and all stand for at the moment.
type scene struct {
	row   reflect.Value
	local []reflect.Value
}

// condition is an expression, compiled.
type condition func(*scene) bool

// compiler knows the types of what names stand for.
type compiler struct {
	row   reflect.Type
	local []local
}

// local is a name that any or all binds.
type local struct {
	name string
	typ  reflect.Type
}

func (c *compiler) compile(e grammar.Expression) (condition, error) {
	switch e := e.(type) {
	case *grammar.UnaryExpression:
		operand, err := c.compile(e.Operand)
		return func(s *scene) bool { return !operand(s) }, err
	case *grammar.BinaryExpression:
		return c.binary(e)
	case *grammar.MatchExpression:
		return c.match(e)
	case *grammar.CollectionExpression:
		return c.collection(e)
	}
	return nil, fmt.Errorf("%T is not known", e)
}

func (c *compiler) binary(e *grammar.BinaryExpression) (condition, error) {
	left, err := c.compile(e.Left)
	if err != nil {
		return nil, err
	}
	right, err := c.compile(e.Right)
	if err != nil {
		return nil, err
	}
	if e.Operator == grammar.BinaryOpAnd {
		return func(s *scene) bool { return left(s) && right(s) }, nil
	}
	return func(s *scene) bool { return left(s) || right(s) }, nil
}

// match compiles the comparison of what a selector reaches.
func (c *compiler) match(e *grammar.MatchExpression) (condition, error) {
	origin, typ, path := c.origin(e.Selector.Path)
	reach, err := c.reach(typ, path, &match{e})
	if err != nil {
		return nil, err
	}
	return func(s *scene) bool { return reach(s, origin(s)) }, nil
}

// origin is where a path begins: at the value of a name that any or all binds, else at the row.
func (c *compiler) origin(path []string) (func(*scene) reflect.Value, reflect.Type, []string) {
	for i := len(c.local) - 1; i >= 0 && len(path) > 0; i-- {
		if c.local[i].name == path[0] {
			return func(s *scene) reflect.Value { return s.local[i] }, c.local[i].typ, path[1:]
		}
	}
	return func(s *scene) reflect.Value { return s.row }, c.row, path
}
