package language

import (
	"errors"
	"fmt"
	"reflect"
)

// numberFuncs calculate. The second argument comes first, so that a pipe reads well: {{ 5 | subtract 2 }} is 3.
var numberFuncs = map[string]any{
	"add": func(b, a any) (any, error) {
		return calculate("add", a, b, certain(plus[int64]), certain(plus[float64]))
	},
	"subtract": func(b, a any) (any, error) {
		return calculate("subtract", a, b, certain(minus[int64]), certain(minus[float64]))
	},
	"multiply": func(b, a any) (any, error) {
		return calculate("multiply", a, b, certain(times[int64]), certain(times[float64]))
	},
	"divide": func(b, a any) (any, error) {
		return calculate("divide", a, b, quotient, certain(func(a, b float64) float64 { return a / b }))
	},
	"modulo":  func(b, a any) (any, error) { return calculate("modulo", a, b, remainder, nil) },
	"minimum": func(b, a any) (any, error) { return choose("minimum", b, a, func(x, y float64) bool { return x < y }) },
	"maximum": func(b, a any) (any, error) { return choose("maximum", b, a, func(x, y float64) bool { return x > y }) },
}

// arithmetic is an operation on two numbers.
type arithmetic[T int64 | float64] func(a, b T) (T, error)

// certain is an operation that cannot fail.
func certain[T int64 | float64](f func(a, b T) T) arithmetic[T] {
	return func(a, b T) (T, error) { return f(a, b), nil }
}

func plus[T int64 | float64](a, b T) T  { return a + b }
func minus[T int64 | float64](a, b T) T { return a - b }
func times[T int64 | float64](a, b T) T { return a * b }

func quotient(a, b int64) (int64, error) {
	if b == 0 {
		return 0, errors.New("a number is divided by zero")
	}
	return a / b, nil
}

func remainder(a, b int64) (int64, error) {
	if b == 0 {
		return 0, errors.New("a number is divided by zero")
	}
	return a % b, nil
}

// number is a value as whole number and as float.
type number struct {
	whole    int64
	float    float64
	isFloat  bool
	unsigned bool
}

func numberOf(function string, v any) (number, error) {
	switch r := reflect.ValueOf(v); {
	case r.IsValid() && r.CanInt():
		return number{whole: r.Int(), float: float64(r.Int())}, nil
	case r.IsValid() && r.CanUint():
		return number{whole: int64(r.Uint()), float: float64(r.Uint()), unsigned: true}, nil //nolint:gosec // it wraps, as Go's arithmetic does
	case r.IsValid() && r.CanFloat():
		return number{float: r.Float(), isFloat: true}, nil
	}
	return number{}, fmt.Errorf("%s: %v (%T) is not a number", function, v, v)
}

// calculate works on whole numbers where both are, and on floats where one is. float is nil for what floats do not have.
func calculate(function string, a, b any, whole arithmetic[int64], float arithmetic[float64]) (any, error) {
	x, err := numberOf(function, a)
	if err != nil {
		return nil, err
	}
	y, err := numberOf(function, b)
	switch {
	case err != nil:
		return nil, err
	case !x.isFloat && !y.isFloat:
		n, err := whole(x.whole, y.whole)
		if x.unsigned && y.unsigned {
			return uint64(n), err //nolint:gosec // it wraps
		}
		return n, err
	case float == nil:
		return nil, fmt.Errorf("%s: want whole numbers, not %v and %v", function, b, a)
	}
	return float(x.float, y.float)
}

// choose is the first number where better says so, else the second.
func choose(function string, a, b any, better func(a, b float64) bool) (any, error) {
	x, err := numberOf(function, a)
	if err != nil {
		return nil, err
	}
	y, err := numberOf(function, b)
	if err != nil {
		return nil, err
	}
	n := y
	if better(x.float, y.float) {
		n = x
	}
	switch {
	case n.isFloat:
		return n.float, nil
	case n.unsigned:
		return uint64(n.whole), nil //nolint:gosec // it was one
	}
	return n.whole, nil
}
