package quorum

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// reopened is a ledger as the next process of a member finds it.
func reopened(t *testing.T, file string, own Promise) *Ledger {
	t.Helper()
	l, err := OpenLedger(file, own)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLedger(t *testing.T) {
	file := filepath.Join(t.TempDir(), "promises.json")
	long, short := Promise{5 * time.Second, time.Second}, Promise{span, 300 * ms}
	for i, step := range []struct {
		own, earlier Promise
		then         func(l *Ledger) error
	}{
		{long, long, func(*Ledger) error { return nil }},
		{short, long, func(*Ledger) error { return nil }}, // it was stopped before long was over
		{short, long, (*Ledger).outlived},
		{short, short, func(l *Ledger) error { return l.raise(2 * time.Second) }},                                  // a leader's leases are longer
		{short, Promise{2 * time.Second, 300 * ms}, func(l *Ledger) error { return l.raise(ms) }},                  // that is not news
		{Promise{3 * span, 100 * ms}, Promise{3 * span, 300 * ms}, (*Ledger).outlived},                             // one of the two is shorter now
		{Promise{span, 100 * ms}, Promise{3 * span, 100 * ms}, func(l *Ledger) error { return l.raise(4 * span) }}, // raised while the earlier one counts
		{Promise{span, 100 * ms}, Promise{4 * span, 100 * ms}, (*Ledger).outlived},
		{Promise{span, 100 * ms}, Promise{span, 100 * ms}, (*Ledger).outlived},
		{Promise{5 * span, 100 * ms}, Promise{5 * span, 100 * ms}, (*Ledger).outlived},
		{Promise{span, 100 * ms}, Promise{5 * span, 100 * ms}, func(l *Ledger) error { return errors.Join(l.raise(3*span), l.outlived()) }}, // promised while the earlier one covered it
		{Promise{span, 100 * ms}, Promise{3 * span, 100 * ms}, (*Ledger).outlived},
	} {
		l := reopened(t, file, step.own)
		if l.Earlier() != step.earlier {
			t.Errorf("step %d: earlier processes may have promised %+v, want %+v", i+1, l.Earlier(), step.earlier)
		}
		if err := step.then(l); err != nil {
			t.Errorf("step %d: %v", i+1, err)
		}
	}
}

// TestLedgerFaults holds that what cannot be read is not passed over, and that what cannot be noted is not promised.
func TestLedgerFaults(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "promises.json")
	for _, content := range []string{"", "{", `{"LongestLease":-1}`, `{"LongestLease":"5s"}`} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenLedger(file, Promise{span, 300 * ms}); cluster.CodeOf(err) != cluster.Invalid || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	l := reopened(t, file, Promise{span, 300 * ms})
	v := newVoter("b", &fakeRaft{s: following("a", 4)}, l, func() time.Duration { return time.Hour })
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	longer := ask(Confirm, Lease, "a", 4)
	longer.Span = 2 * span
	if v.reply(longer).Yes {
		t.Error("a word was given that is not in the ledger")
	}
	if !v.reply(ask(Confirm, Lease, "a", 4)).Yes {
		t.Error("a word that was in the ledger before is refused")
	}
}

// TestAShorterLeaseAfterARestart holds that a majority which is started again with a shorter lease waits for the leases that it let an older leader grant.
func TestAShorterLeaseAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVoters(t, "a", "b", "c")
		clock := v.voter["a"].clock
		const long = 5 * time.Second
		files := map[string]string{}
		for _, id := range v.ids {
			files[id] = filepath.Join(t.TempDir(), "promises.json")
			v.voter[id] = newVoter(id, v.raft[id], reopened(t, files[id], Promise{long, 300 * ms}), clock)
		}
		wait(time.Minute)
		q := ask(Confirm, Lease, "a", 4)
		q.Span = long
		for _, id := range v.ids {
			if !v.voter[id].reply(q).Yes {
				t.Fatalf("%s gives no word", id)
			}
		}
		for _, id := range []string{"a", "b"} {
			v.voter[id] = newVoter(id, v.raft[id], reopened(t, files[id], Promise{span, 300 * ms}), clock)
		}
		v.fails["c"] = true // it holds the lease
		v.asker = NewAsker("a", v.voter["a"], v, 300*ms, span)
		wait(span)
		left, err := v.asker.OlderLeases(t.Context())
		if err != nil || left < long-span-olderGrace || left > long-span {
			t.Errorf("%s left, %v; want what is left of the longer lease", left, err)
		}
		for _, id := range []string{"a", "b"} {
			if left, err := v.voter[id].Settle(); left <= 0 || err != nil {
				t.Errorf("%s forgets it before it is over: %s, %v", id, left, err)
			}
		}
		wait(long)
		for _, id := range []string{"a", "b"} {
			if left, err := v.voter[id].Settle(); left != 0 || err != nil {
				t.Errorf("%s: %s, %v", id, left, err)
			}
			if e := reopened(t, files[id], Promise{span, 300 * ms}).Earlier(); e.Span != span {
				t.Errorf("%s: the next process waits for %s", id, e.Span)
			}
		}
	})
}
