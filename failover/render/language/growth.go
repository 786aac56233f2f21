package language

import (
	"reflect"
	"strings"
)

// growth foresees how many bytes the functions make whose results can be far larger than their arguments.
var growth = map[string]func([]reflect.Value) float64{
	"indent":          func(a []reflect.Value) float64 { return indented(a[0], a[1]) },
	"sprig_indent":    func(a []reflect.Value) float64 { return indented(a[0], a[1]) },
	"sprig_nindent":   func(a []reflect.Value) float64 { return indented(a[0], a[1]) },
	"replaceAll":      func(a []reflect.Value) float64 { return replaced(a[0], a[1], a[2]) },
	"sprig_replace":   func(a []reflect.Value) float64 { return replaced(a[0], a[1], a[2]) },
	"regexReplaceAll": func(a []reflect.Value) float64 { return product(a[1], a[2]) },

	"sprig_regexReplaceAll":            func(a []reflect.Value) float64 { return product(a[1], a[2]) },
	"sprig_mustRegexReplaceAll":        func(a []reflect.Value) float64 { return product(a[1], a[2]) },
	"sprig_regexReplaceAllLiteral":     func(a []reflect.Value) float64 { return product(a[1], a[2]) },
	"sprig_mustRegexReplaceAllLiteral": func(a []reflect.Value) float64 { return product(a[1], a[2]) },

	"join":           func(a []reflect.Value) float64 { return joined(a[0], a[1]) },
	"sprig_join":     func(a []reflect.Value) float64 { return joined(a[0], a[1]) },
	"sprig_repeat":   func(a []reflect.Value) float64 { return float64(a[0].Int()) * float64(a[1].Len()) },
	"sprig_wrapWith": func(a []reflect.Value) float64 { return product(a[1], a[2]) },

	"loop":            func(a []reflect.Value) float64 { return 0 }, // it foresees by itself
	"sprig_until":     func(a []reflect.Value) float64 { return 16 * magnitude(a[0]) },
	"sprig_untilStep": func(a []reflect.Value) float64 { return 16 * (magnitude(a[0]) + magnitude(a[1])) },
	"sprig_seq":       seqSize,
}

func magnitude(n reflect.Value) float64 {
	if n.Int() < 0 {
		return -float64(n.Int())
	}
	return float64(n.Int())
}

func indented(n, s reflect.Value) float64 {
	return float64(s.Len()) + max(0, float64(n.Int()))*float64(strings.Count(s.String(), "\n")+1)
}

func replaced(from, to, s reflect.Value) float64 {
	return float64(s.Len()) + float64(strings.Count(s.String(), from.String()))*float64(to.Len())
}

func product(a, b reflect.Value) float64 { return float64(a.Len()+1) * float64(b.Len()+1) }

// joined is the separators alone: the elements have been counted.
func joined(sep, list reflect.Value) float64 {
	for list.Kind() == reflect.Interface {
		list = list.Elem()
	}
	if k := list.Kind(); k != reflect.Slice && k != reflect.Array {
		return 0
	}
	return float64(sep.Len()) * float64(list.Len())
}

// seqSize is for seq's one to three numbers: it writes each with a space.
func seqSize(a []reflect.Value) float64 {
	size := 0.0
	for i := range a[0].Len() {
		size += 20 * magnitude(a[0].Index(i))
	}
	return size
}
