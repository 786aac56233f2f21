package daemontest

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// Verb is what an operation on a key does.
type Verb string

// The verbs. The cas verbs act only if the key holds what the last read of it showed.
const (
	Get       Verb = "get"
	Put       Verb = "put"
	CAS       Verb = "cas"
	Delete    Verb = "delete"
	DeleteCAS Verb = "delete-cas"
)

// Call is an operation as it was asked for. Values are unique, so a value stands for the one write that wrote it.
type Call struct {
	Verb   Verb
	Key    string
	Value  string // put and cas
	Expect string // cas and delete-cas: the value that must be there, "" for none
	How    string // member and consistency, for people
}

// Return is how an operation ended.
type Return struct {
	Unknown bool   // the write may have happened at any time since it was called, or may never happen
	Value   string // get: "" for a key that is not there
	OK      bool   // writes: whether the precondition held
}

// model is what one key must behave like: a register. Its state is the value, "" for none.
func model() porcupine.Model {
	return porcupine.Model{
		Partition:         byKey,
		Init:              func() any { return "" },
		Step:              func(state, in, out any) (bool, any) { return step(state.(string), in.(Call), out.(Return)) },
		DescribeOperation: func(in, out any) string { return describe(in.(Call), out.(Return)) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%q", state) },
	}
}

// step says whether a register in a state may answer a call so, and its state afterwards. A write of unknown outcome may answer anything;
// one that never happened is the same as one that happens after everything else.
func step(state string, c Call, r Return) (bool, string) {
	matches, next := true, c.Value // a deletion's value is ""
	switch c.Verb {
	case Get:
		return r.Value == state, state
	case CAS:
		matches = state == c.Expect
	case DeleteCAS:
		matches = state == c.Expect || state == "" // there is nothing to delete: that is no conflict
	}
	if !matches {
		next = state
	}
	return r.Unknown || r.OK == matches, next
}

func byKey(history []porcupine.Operation) [][]porcupine.Operation {
	place := map[string]int{}
	var parts [][]porcupine.Operation
	for _, op := range history {
		key := op.Input.(Call).Key
		i, ok := place[key]
		if !ok {
			i = len(parts)
			place[key], parts = i, append(parts, nil)
		}
		parts[i] = append(parts[i], op)
	}
	return parts
}

func describe(c Call, r Return) string {
	text := strings.TrimSpace(string(c.Verb) + " " + c.Value)
	if c.Verb == CAS || c.Verb == DeleteCAS {
		text += fmt.Sprintf(" if %q", c.Expect)
	}
	switch {
	case c.Verb == Get:
		text += fmt.Sprintf(" = %q", r.Value)
	case r.Unknown:
		text += " = unknown"
	case !r.OK:
		text += " = refused"
	}
	return text + " (" + c.How + ")"
}
