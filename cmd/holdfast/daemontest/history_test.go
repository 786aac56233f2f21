package daemontest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// step of a hand-made history: what was called from one time to another, and what came of it.
type line struct {
	from, to int // to 0: never answered
	call     Call
	ret      Return
}

// TestCheckerBites holds that histories which no register can have are found out, and that those which it can are let pass.
func TestCheckerBites(t *testing.T) {
	get := func(v string) (Call, Return) { return Call{Verb: Get, Key: "k"}, Return{Value: v} }
	put := func(v string) (Call, Return) { return Call{Verb: Put, Key: "k", Value: v}, Return{OK: true} }
	lost := func(c Call, _ Return) (Call, Return) { return c, Return{Unknown: true} }
	cas := func(expect, v string, ok bool) (Call, Return) {
		return Call{Verb: CAS, Key: "k", Value: v, Expect: expect}, Return{OK: ok}
	}
	del := func() (Call, Return) { return Call{Verb: Delete, Key: "k"}, Return{OK: true} }
	delCAS := func(expect string, ok bool) (Call, Return) {
		return Call{Verb: DeleteCAS, Key: "k", Expect: expect}, Return{OK: ok}
	}
	at := func(from, to int) func(Call, Return) line {
		return func(c Call, r Return) line { return line{from, to, c, r} }
	}
	for name, test := range map[string]struct {
		lines []line
		want  porcupine.CheckResult
	}{
		"read your write":                   {[]line{at(1, 2)(put("a")), at(3, 4)(get("a"))}, porcupine.Ok},
		"stale read":                        {[]line{at(1, 2)(put("a")), at(3, 4)(put("b")), at(5, 6)(get("a"))}, porcupine.Illegal},
		"read during a write, old":          {[]line{at(1, 2)(put("a")), at(3, 6)(put("b")), at(4, 5)(get("a"))}, porcupine.Ok},
		"old after new, during a write":     {[]line{at(1, 2)(put("a")), at(3, 9)(put("b")), at(4, 5)(get("b")), at(6, 7)(get("a"))}, porcupine.Illegal},
		"lost write":                        {[]line{at(1, 2)(put("a")), at(3, 4)(get(""))}, porcupine.Illegal},
		"read of what nobody wrote":         {[]line{at(1, 2)(get("x"))}, porcupine.Illegal},
		"unknown write that happened":       {[]line{at(1, 2)(put("a")), at(3, 0)(lost(put("b"))), at(5, 6)(get("b"))}, porcupine.Ok},
		"unknown write that never happened": {[]line{at(1, 2)(put("a")), at(3, 0)(lost(put("b"))), at(5, 6)(get("a"))}, porcupine.Ok},
		"unknown write that happened late":  {[]line{at(1, 2)(put("a")), at(3, 0)(lost(put("b"))), at(5, 6)(get("a")), at(7, 8)(get("b"))}, porcupine.Ok},
		"unknown write that was undone":     {[]line{at(1, 2)(put("a")), at(3, 0)(lost(put("b"))), at(5, 6)(get("b")), at(7, 8)(get("a"))}, porcupine.Illegal},
		"unknown write before its call":     {[]line{at(1, 2)(get("b")), at(3, 0)(lost(put("b")))}, porcupine.Illegal},
		"write applied twice":               {[]line{at(1, 2)(put("a")), at(3, 4)(put("b")), at(5, 6)(get("b")), at(7, 8)(get("a"))}, porcupine.Illegal},
		"cas holds":                         {[]line{at(1, 2)(put("a")), at(3, 4)(cas("a", "b", true)), at(5, 6)(get("b"))}, porcupine.Ok},
		"cas of two holds":                  {[]line{at(1, 2)(put("a")), at(3, 6)(cas("a", "b", true)), at(3, 6)(cas("a", "c", true))}, porcupine.Illegal},
		"cas refused without a reason":      {[]line{at(1, 2)(put("a")), at(3, 4)(cas("a", "b", false))}, porcupine.Illegal},
		"refused cas took place":            {[]line{at(1, 2)(put("a")), at(3, 4)(cas("x", "b", false)), at(5, 6)(get("b"))}, porcupine.Illegal},
		"creation twice":                    {[]line{at(1, 2)(cas("", "a", true)), at(3, 4)(cas("", "b", true))}, porcupine.Illegal},
		"unknown cas that failed":           {[]line{at(1, 2)(put("a")), at(3, 0)(lost(cas("x", "b", true))), at(5, 6)(get("a"))}, porcupine.Ok},
		"deleted and gone":                  {[]line{at(1, 2)(put("a")), at(3, 4)(del()), at(5, 6)(get(""))}, porcupine.Ok},
		"deleted and there":                 {[]line{at(1, 2)(put("a")), at(3, 4)(del()), at(5, 6)(get("a"))}, porcupine.Illegal},
		"delete-cas of another version":     {[]line{at(1, 2)(put("a")), at(3, 4)(delCAS("x", true))}, porcupine.Illegal},
		"delete-cas of nothing":             {[]line{at(1, 2)(delCAS("x", true)), at(3, 4)(get(""))}, porcupine.Ok},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := handMade(test.lines).Linearizable(); got != test.want {
				t.Errorf("the checker says %s, want %s", got, test.want)
			}
		})
	}
}

// handMade is a history in which the lines' times stand for themselves.
func handMade(lines []line) *History {
	h := NewHistory()
	for i, l := range lines {
		h.Add(i, time.Duration(l.from), l.call, l.ret)
		if l.to != 0 {
			h.ops[i].Return = int64(l.to)
		}
	}
	return h
}

// TestKeysAreJudgedAlone holds that a fault of one key is not hidden by another, nor made by it.
func TestKeysAreJudgedAlone(t *testing.T) {
	lines := []line{
		{1, 2, Call{Verb: Put, Key: "x", Value: "a"}, Return{OK: true}},
		{3, 4, Call{Verb: Get, Key: "y"}, Return{}},
	}
	if got, _ := handMade(lines).Linearizable(); got != porcupine.Ok {
		t.Errorf("two keys: %s", got)
	}
	lines = append(lines, line{5, 6, Call{Verb: Get, Key: "x"}, Return{}})
	if got, _ := handMade(lines).Linearizable(); got != porcupine.Illegal {
		t.Errorf("a write of one of two keys is lost: %s", got)
	}
}

// witness is a test that a check fails.
type witness struct {
	testing.TB
	errors []string
}

func (w *witness) Helper()                   {}
func (w *witness) Error(args ...any)         { w.errors = append(w.errors, fmt.Sprint(args...)) }
func (w *witness) Errorf(f string, a ...any) { w.errors = append(w.errors, fmt.Sprintf(f, a...)) }
func (w *witness) Logf(f string, a ...any)   { w.TB.Logf(f, a...) }

func TestCheckFailsTheTestAndDraws(t *testing.T) {
	h := handMade([]line{
		{1, 2, Call{Verb: Put, Key: "k", Value: "a", How: "m1"}, Return{OK: true}},
		{3, 4, Call{Verb: Get, Key: "k", How: "m2"}, Return{}},
	})
	w, dir := &witness{TB: t}, t.TempDir()
	h.Check(w, dir)
	if len(w.errors) != 1 || !strings.Contains(w.errors[0], "NOT linearizable") {
		t.Errorf("a lost write gave the errors %q", w.errors)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "history.html")); err != nil || !strings.Contains(string(b), "put a (m1)") {
		t.Errorf("the picture does not show the write: %v", err)
	}
}

func TestAWriteHasOneVersion(t *testing.T) {
	h := NewHistory()
	h.See("k", &Entry{Key: "k", Value: []byte("a"), ModifyIndex: 7})
	h.See("k", &Entry{Key: "k", Value: []byte("a"), ModifyIndex: 7})
	if e := h.Seen("k"); e.ModifyIndex != 7 || h.version("a") != 7 {
		t.Errorf("last seen %+v, version %d", e, h.version("a"))
	}
	h.See("k", &Entry{Key: "k", Value: []byte("a"), ModifyIndex: 9})
	w := &witness{TB: t}
	h.Check(w, t.TempDir())
	if len(w.errors) != 1 || !strings.Contains(w.errors[0], "written twice") {
		t.Errorf("a write with two versions gave the errors %q", w.errors)
	}
	h.See("k", nil)
	if e := h.Seen("k"); e.ModifyIndex != 0 {
		t.Errorf("a key that is gone is seen as %+v", e)
	}
}

// TestWhatIsCertain holds how the answers of members are read.
func TestWhatIsCertain(t *testing.T) {
	for _, test := range []struct {
		status int
		text   string
		want   bool
	}{
		{503, "this agent is stopping: ask another", true},
		{500, "No cluster leader", true},
		{500, "this member ceased to lead while it committed the request: it may still succeed", false},
		{400, "the parameter cas=x is not a number", true},
		{502, "", false},
	} {
		if got := notDone(test.status, test.text); got != test.want {
			t.Errorf("%d %s: certainly not done is %t, want %t", test.status, test.text, got, test.want)
		}
	}
	_, err := (&KV{Base: "http://127.0.0.1:1", Client: NewClient(nil)}).Put(t.Context(), "k", "v", "")
	if !NotDone(err) {
		t.Errorf("a connection that was refused: %v is not taken for certain", err)
	}
	if NotDone(errors.New("x")) {
		t.Error("an error of another kind is taken for certain")
	}
}
