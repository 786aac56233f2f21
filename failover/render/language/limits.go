package language

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// What a template may use. Nobody who renders files comes near.
const (
	maxSource  = 1 << 20
	maxText    = 16 << 20
	maxTurns   = 1_000_000
	maxMade    = 256 << 20 // bytes of all that its functions have made
	maxOnce    = 64 << 20  // bytes that one call may make
	maxDepth   = 1000      // of templates in templates
	maxNesting = 200       // of lists in lists
	maxTime    = 10 * time.Second

	perElement = 64 // bytes that an element of a list or map counts, beside what is in it
)

// limitError says which limit a template has met.
type limitError struct{ text string }

func (e limitError) Error() string { return e.text }

func limitf(format string, args ...any) error { return limitError{fmt.Sprintf(format, args...)} }

// limits counts what one execution uses.
type limits struct {
	ctx          context.Context
	turns, depth int
	most         int // turns
	made         int
}

// turn counts a turn of a loop.
func (l *limits) turn() (string, error) {
	l.turns++
	if l.turns > l.most {
		return "", limitf("the template's loops turn more than %d times", l.most)
	}
	return "", l.alive()
}

// alive is an error once the time is up.
func (l *limits) alive() error {
	switch l.ctx.Err() {
	case nil:
		return nil
	case context.DeadlineExceeded:
		return limitf("the template takes more than %s", maxTime)
	}
	return l.ctx.Err()
}

// enter counts a template that another one executes, until leave.
func (l *limits) enter() error {
	l.depth++
	if l.depth > maxDepth {
		return limitf("the template calls templates in templates more than %d deep", maxDepth)
	}
	_, err := l.turn()
	return err
}

func (l *limits) leave() { l.depth-- }

// foresee is an error where a call would make too much.
func foresee(bytes float64) error {
	if bytes > maxOnce {
		return limitf("the template makes a value of more than %d bytes", maxOnce)
	}
	return nil
}

// take counts a value that a function has made.
func (l *limits) take(v reflect.Value) error {
	n, err := weigh(v, 0, 0)
	if err != nil {
		return err
	}
	l.made += n
	if l.made > maxMade {
		return limitf("the template makes values of more than %d bytes altogether", maxMade)
	}
	return l.alive()
}

// own is the package of the types that a Source hands out. They are as large as the state is, and a template makes none.
var own = reflect.TypeFor[Pair]().PkgPath()

// weigh adds the bytes of a value to n: its strings, and perElement for each element.
func weigh(v reflect.Value, n, depth int) (int, error) {
	if depth > maxNesting {
		return n, limitf("the template makes lists and maps that lie more than %d deep in one another", maxNesting)
	}
	if n > maxText {
		return n, limitf("the template makes a value of more than %d bytes", maxText)
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		n += v.Len()
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() || v.Elem().Type().PkgPath() == own {
			break
		}
		n, err = weigh(v.Elem(), n, depth+1)
	case reflect.Slice, reflect.Array:
		switch elem := v.Type().Elem(); {
		case elem.Kind() == reflect.Uint8:
			n += v.Len()
		case elem.Kind() == reflect.Pointer && elem.Elem().PkgPath() == own:
			n += perElement * v.Len() / 4 // a pointer each
		default:
			for i := 0; i < v.Len() && err == nil; i++ {
				n, err = weigh(v.Index(i), n+perElement, depth+1)
			}
		}
	case reflect.Map:
		for it := v.MapRange(); err == nil && it.Next(); {
			if n, err = weigh(it.Key(), n+perElement, depth+1); err == nil {
				n, err = weigh(it.Value(), n, depth+1)
			}
		}
	default:
	}
	if err == nil && n > maxText {
		err = limitf("the template makes a value of more than %d bytes", maxText)
	}
	return n, err
}

// boundedText collects text up to the limit.
type boundedText struct {
	strings.Builder
	limits *limits
}

func (b *boundedText) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxText {
		return 0, limitf("the template gives more than %d bytes of text", maxText)
	}
	return b.Builder.Write(p)
}
