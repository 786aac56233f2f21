package language

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"dario.cat/mergo"
)

// listFuncs work on lists and maps.
var listFuncs = map[string]any{
	"contains": func(v, list any) (bool, error) { return in(list, v) }, "in": in,
	"containsAll":    func(want []any, list any) (bool, error) { n, err := found(want, list); return n == len(want), err },
	"containsAny":    func(want []any, list any) (bool, error) { n, err := found(want, list); return n > 0, err },
	"containsNone":   func(want []any, list any) (bool, error) { n, err := found(want, list); return n == 0, err },
	"containsNotAll": func(want []any, list any) (bool, error) { n, err := found(want, list); return n < len(want), err },
	"byKey":          byKey, "byTag": byTag, "byMeta": byMeta, "byPort": byPort,
	"explode": explode, "explodeMap": explodeMap, "loop": loop,
	"mergeMap": func(dst, src map[string]any) (map[string]any, error) { return dst, mergo.Merge(&dst, src) },
	"mergeMapWithOverride": func(dst, src map[string]any) (map[string]any, error) {
		return dst, mergo.Merge(&dst, src, mergo.WithOverride)
	},
}

// in reports whether a value is in a list, or a text in a text. As for consul-template, it finds texts and numbers alone.
func in(list, v any) (bool, error) {
	l, want := reflect.ValueOf(list), reflect.ValueOf(v)
	if !l.IsValid() {
		return false, nil
	}
	switch l.Kind() {
	case reflect.String:
		return want.Kind() == reflect.String && strings.Contains(l.String(), want.String()), nil
	case reflect.Slice, reflect.Array:
		for i := range l.Len() {
			if same(l.Index(i), want) {
				return true, nil
			}
		}
	default:
	}
	return false, nil
}

func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Interface {
		a = a.Elem()
	}
	switch {
	case a.CanInt() && b.CanInt():
		return a.Int() == b.Int()
	case a.CanFloat() && b.CanFloat():
		return a.Float() == b.Float()
	}
	return a.Kind() == reflect.String && b.Kind() == reflect.String && a.String() == b.String()
}

func found(want []any, list any) (n int, err error) {
	for _, w := range want {
		ok, err := in(list, w)
		if err != nil {
			return 0, err
		}
		if ok {
			n++
		}
	}
	return n, nil
}

// byKey groups keys by the folder that they are in, and shortens them by it. Keys in no folder are left out.
func byKey(pairs []*Pair) map[string]map[string]*Pair {
	out := map[string]map[string]*Pair{}
	for _, p := range pairs {
		folder, rest, ok := strings.Cut(p.Key, "/")
		if !ok {
			continue
		}
		if out[folder] == nil {
			out[folder] = map[string]*Pair{}
		}
		short := *p
		short.Key = rest
		out[folder][rest] = &short
	}
	return out
}

// byTag groups instances or services by their tags.
func byTag(list any) (map[string][]any, error) {
	out := map[string][]any{}
	add := func(tags Tags, v any) {
		for _, t := range tags {
			out[t] = append(out[t], v)
		}
	}
	switch list := list.(type) {
	case nil:
	case []*Instance:
		for _, i := range list {
			add(i.Tags, i)
		}
	case []*Service:
		for _, s := range list {
			add(s.Tags, s)
		}
	case []*NodeService:
		for _, s := range list {
			add(s.Tags, s)
		}
	default:
		return nil, fmt.Errorf("byTag: want what service or services gives, not a %T", list)
	}
	return out, nil
}

// byMeta groups instances by values of their metadata, as "a,b|int": the values of several keys are joined with "_", and those with "|int"
// padded, so that they sort as numbers.
func byMeta(keys string, list []*Instance) (map[string][]*Instance, error) {
	out := map[string][]*Instance{}
	for _, i := range list {
		var parts []string
		for key := range strings.SplitSeq(keys, ",") {
			key, kind, _ := strings.Cut(key, "|")
			v, have := i.ServiceMeta[key]
			switch {
			case kind == "int":
				n, err := strconv.Atoi(v)
				if err != nil && have {
					return nil, fmt.Errorf("byMeta: the metadata %s of %s is %q, which is not a number", key, i.ID, v)
				}
				v = fmt.Sprintf("%05d", n)
			case !have:
				v = "_no_" + key + "_"
			}
			parts = append(parts, v)
		}
		name := strings.Join(parts, "_")
		out[name] = append(out[name], i)
	}
	return out, nil
}

// byPort groups instances by their ports.
func byPort(list []*Instance) map[int][]*Instance {
	out := map[int][]*Instance{}
	for _, i := range list {
		out[i.Port] = append(out[i.Port], i)
	}
	return out
}

// explode makes nested maps of keys with slashes.
func explode(pairs []*Pair) (map[string]any, error) {
	flat := map[string]any{}
	for _, p := range pairs {
		flat[p.Key] = p.Value
	}
	return explodeMap(flat)
}

func explodeMap(flat map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		at, steps := out, strings.Split(key, "/")
		if len(steps) > maxNesting {
			return nil, limitf("the key %.40q… has more than %d parts", key, maxNesting)
		}
		for i, step := range steps[:len(steps)-1] {
			if at[step] == nil {
				at[step] = map[string]any{}
			}
			next, ok := at[step].(map[string]any)
			if !ok {
				return nil, fmt.Errorf("explode: %q is a key and a folder at once", strings.Join(steps[:i+1], "/"))
			}
			at = next
		}
		if last := steps[len(steps)-1]; last != "" {
			at[last] = flat[key]
		}
	}
	return out, nil
}

// loop counts from 0, or from the first number, up to the last one, which it leaves out.
func loop(args ...any) (<-chan int64, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, fmt.Errorf("loop: want one or two numbers, not %d", len(args))
	}
	bounds := [2]int64{}
	for i, a := range args {
		n, err := wholeNumber(a)
		if err != nil {
			return nil, err
		}
		bounds[i+2-len(args)] = n
	}
	from, to := bounds[0], bounds[1]
	n := max(0, float64(to)-float64(from))
	if err := foresee(8 * n); err != nil {
		return nil, err
	}
	out := make(chan int64, int(n))
	for i := from; i < to; i++ {
		out <- i
	}
	close(out)
	return out, nil
}

func wholeNumber(v any) (int64, error) {
	switch r := reflect.ValueOf(v); {
	case r.IsValid() && r.CanInt():
		return r.Int(), nil
	case r.IsValid() && r.CanUint():
		return int64(min(r.Uint(), 1<<62)), nil //nolint:gosec // bounded
	case r.IsValid() && r.Kind() == reflect.String:
		if r.Len() == 0 {
			return 0, nil
		}
		return strconv.ParseInt(r.String(), 10, 64)
	}
	return 0, fmt.Errorf("loop: %v (%T) is not a whole number", v, v)
}
