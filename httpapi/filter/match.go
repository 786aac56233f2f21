package filter

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/go-bexpr/grammar"
)

// match is the comparison of one value.
type match struct{ *grammar.MatchExpression }

func (m *match) selector() string { return strings.Join(m.Selector.Path, ".") }
func (m *match) absent() bool     { return m.Operator.NotPresentDisposition() }

// plain is the operator without its negation.
func (m *match) plain() (op grammar.MatchOperator, negated bool) {
	switch m.Operator {
	case grammar.MatchNotEqual:
		return grammar.MatchEqual, true
	case grammar.MatchNotIn, grammar.MatchNotContains:
		return grammar.MatchIn, true
	case grammar.MatchContains:
		return grammar.MatchIn, false
	case grammar.MatchNotMatches:
		return grammar.MatchMatches, true
	case grammar.MatchIsNotEmpty:
		return grammar.MatchIsEmpty, true
	}
	return m.Operator, false
}

func (m *match) on(t reflect.Type) (test, error) {
	op, negated := m.plain()
	holds, err := m.compare(t, op)
	if err != nil || !negated {
		return holds, err
	}
	return func(s *scene, v reflect.Value) bool { return !holds(s, v) }, nil
}

// compare is the test for an operator that is no negation.
func (m *match) compare(t reflect.Type, op grammar.MatchOperator) (test, error) {
	switch k := t.Kind(); {
	case op == grammar.MatchEqual && isPrimitive(t):
		return m.equal(t)
	case op == grammar.MatchMatches && k == reflect.String:
		re, err := m.regexp()
		return func(_ *scene, v reflect.Value) bool { return re.MatchString(v.String()) }, err
	case op == grammar.MatchIn && k == reflect.String:
		return func(_ *scene, v reflect.Value) bool { return strings.Contains(v.String(), m.Value.Raw) }, nil
	case op == grammar.MatchIn && k == reflect.Map:
		key := reflect.ValueOf(m.Value.Raw).Convert(t.Key())
		return func(_ *scene, v reflect.Value) bool { return v.MapIndex(key).IsValid() }, nil
	case op == grammar.MatchIn && k == reflect.Slice && isPrimitive(t.Elem()):
		return m.member(t)
	case op == grammar.MatchIsEmpty && (k == reflect.String || k == reflect.Map || k == reflect.Slice):
		return func(_ *scene, v reflect.Value) bool { return v.Len() == 0 }, nil
	}
	return nil, fmt.Errorf("the operator %q does not go with %q, which is %s", strings.ToLower(m.Operator.String()), m.selector(), kindName(t))
}

func (m *match) regexp() (*regexp.Regexp, error) {
	re, err := regexp.Compile(m.Value.Raw)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", m.Value.Raw, err)
	}
	return re, nil
}

// member holds where any member of a list is equal.
func (m *match) member(t reflect.Type) (test, error) {
	equal, err := m.equal(t.Elem())
	return func(s *scene, v reflect.Value) bool {
		for i := range v.Len() {
			if equal(s, v.Index(i)) {
				return true
			}
		}
		return false
	}, err
}

// equal compares with the value of the expression, read as the type has it.
func (m *match) equal(t reflect.Type) (test, error) {
	raw := m.Value.Raw
	var err error
	var holds test
	switch t.Kind() {
	case reflect.String:
		return func(_ *scene, v reflect.Value) bool { return v.String() == raw }, nil
	case reflect.Bool:
		var want bool
		want, err = strconv.ParseBool(raw)
		holds = func(_ *scene, v reflect.Value) bool { return v.Bool() == want }
	case reflect.Float32, reflect.Float64:
		var want float64
		want, err = strconv.ParseFloat(raw, 64)
		holds = func(_ *scene, v reflect.Value) bool { return v.Float() == want }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var want uint64
		want, err = strconv.ParseUint(raw, 0, 64)
		holds = func(_ *scene, v reflect.Value) bool { return v.Uint() == want }
	default:
		var want int64
		want, err = strconv.ParseInt(raw, 0, 64)
		holds = func(_ *scene, v reflect.Value) bool { return v.Int() == want }
	}
	if err != nil {
		return nil, fmt.Errorf("%q is %s, and %q is none", m.selector(), kindName(t), raw)
	}
	return holds, nil
}
