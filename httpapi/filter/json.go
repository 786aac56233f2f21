package filter

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-bexpr/grammar"
)

// within compares what lies in JSON that is kept as it came. What it does not say is as if it said false, 0 or "".
func (m *match) within(path []string) (test, error) {
	op, negated := m.plain()
	var re *regexp.Regexp
	if op == grammar.MatchMatches {
		var err error
		if re, err = m.regexp(); err != nil {
			return nil, err
		}
	}
	return func(_ *scene, v reflect.Value) bool {
		var document any
		if json.Unmarshal(v.Bytes(), &document) != nil {
			document = nil
		}
		return walk(document, path, func(x any) bool { return m.holds(op, re, x) != negated })
	}, nil
}

// walk follows a path through a document; a list holds where any of its members does.
func walk(x any, path []string, holds func(any) bool) bool {
	if len(path) == 0 {
		return holds(x)
	}
	switch x := x.(type) {
	case map[string]any:
		return walk(x[path[0]], path[1:], holds)
	case []any:
		for _, member := range x {
			if walk(member, path, holds) {
				return true
			}
		}
		return false
	}
	return holds(nil)
}

// holds compares one value of a document.
func (m *match) holds(op grammar.MatchOperator, re *regexp.Regexp, x any) bool {
	switch op {
	case grammar.MatchEqual:
		return m.equals(x)
	case grammar.MatchMatches:
		return re.MatchString(text(x))
	case grammar.MatchIsEmpty:
		return isEmpty(x)
	case grammar.MatchIn:
		return m.contained(x)
	}
	return false
}

func (m *match) equals(x any) bool {
	raw := m.Value.Raw
	switch x := x.(type) {
	case nil:
		return raw == "" || raw == "false" || raw == "0"
	case float64:
		want, err := strconv.ParseFloat(raw, 64)
		return err == nil && want == x
	}
	return text(x) == raw
}

func (m *match) contained(x any) bool {
	switch x := x.(type) {
	case map[string]any:
		_, ok := x[m.Value.Raw]
		return ok
	case []any:
		return slices.ContainsFunc(x, m.equals)
	}
	return strings.Contains(text(x), m.Value.Raw)
}

func isEmpty(x any) bool {
	switch x := x.(type) {
	case map[string]any:
		return len(x) == 0
	case []any:
		return len(x) == 0
	}
	return text(x) == ""
}

// text is a single value as it is written in a filter, "" for what is none.
func text(x any) string {
	switch x := x.(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return ""
}
