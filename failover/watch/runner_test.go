package watch

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/failover/program"
)

// TestOneRunForEachChange holds that a handler has every change that it has time for once, the first answer too, and none for an index
// that rises without a change.
func TestOneRunForEachChange(t *testing.T) {
	t.Parallel()
	out, w := file(t), newWorld(key("a"))
	r := running(t, w, shell("cat >> "+out))
	want := []string{"a"}
	sees := func() {
		t.Helper()
		eventually(t, fmt.Sprintf("the values %q", want), func() bool { return slices.Equal(values(t, out), want) })
	}
	sees()
	for _, v := range []string{"b", "c", "", "d"} {
		body := key(v)
		if v == "" {
			body, v = "", "null" // the key is deleted
		}
		w.set(body)
		want = append(want, v)
		sees()
		w.set(body) // it was written again as it is
	}
	eventually(t, "the runs to be counted", func() bool { s := r.Watches()[0]; return s.Runs == 5 && !s.Running && s.Error == "" })
	sees()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, q := range w.asked {
		if stale := q.Has("stale"); stale != (i > 0) {
			t.Errorf("question %d: stale %t: only the first answer is the leader's", i, stale)
		}
	}
}

// TestChangesWhileTheHandlerRuns holds that what changes meanwhile is one change, and that its newest state counts.
func TestChangesWhileTheHandlerRuns(t *testing.T) {
	t.Parallel()
	out, gate, w := file(t), file(t), newWorld(key("a"))
	running(t, w, shell("cat >> "+out+"; until test -e "+gate+"; do sleep 0.01; done"))
	eventually(t, "the first run", func() bool { return len(values(t, out)) == 1 })
	for _, v := range []string{"b", "c", "d"} {
		w.set(key(v))
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the newest value", func() bool { return slices.Equal(values(t, out), []string{"a", "d"}) })
}

func TestInitialAndCoalesce(t *testing.T) {
	t.Parallel()
	out, w := file(t), newWorld(key("a"))
	quiet := shell("cat >> " + out)
	quiet.SkipInitial, quiet.Coalesce = true, 2*time.Second // in which a busy machine gets three changes done
	r := running(t, w, quiet)
	eventually(t, "the first answer", func() bool { return r.Watches()[0].Index == 10 })
	w.set(key("b"))
	w.set(key("c"))
	eventually(t, "one run for both", func() bool { return slices.Equal(values(t, out), []string{"c"}) })
	w.set(key("d"))
	w.set(key("c")) // and back
	w.set(key("e"))
	eventually(t, "one more", func() bool { return slices.Equal(values(t, out), []string{"c", "e"}) })
}

// TestTimeout holds that a handler that hangs dies with its children, and that the watch goes on.
func TestTimeout(t *testing.T) {
	t.Parallel()
	out, w := file(t), newWorld(key("a"))
	hangs := shell("sleep 1000 & echo $! > " + out + "; echo at work; wait")
	hangs.Timeout = 3 * time.Second // in which a busy machine starts a shell
	r := running(t, w, hangs)
	eventually(t, "the end of the run", func() bool { return r.Watches()[0].Failures == 1 })
	s := r.Watches()[0]
	if s.Error != "it was killed after its timeout of 3s" || s.Output != "at work\n" || s.Running {
		t.Errorf("status %+v", s)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child to be gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(stat), ") Z ")
	})
	w.set(key("b"))
	eventually(t, "the next run", func() bool { return r.Watches()[0].Runs == 2 })
}

// TestFloodAndGrandchild holds that the end of an output is kept, and that nobody waits for a child that keeps it open.
func TestFloodAndGrandchild(t *testing.T) {
	t.Parallel()
	r := running(t, newWorld(key("a")), shell("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end; setsid sleep 5 &"))
	eventually(t, "the end of the run", func() bool { s := r.Watches()[0]; return s.Runs == 1 && !s.Running })
	s := r.Watches()[0]
	if s.Error != "" || !strings.HasSuffix(s.Output, "x\nthe end\n") || len(s.Output) > program.MaxOutput+len("…") {
		t.Errorf("error %q, %d bytes of output that end with %.20q", s.Error, len(s.Output), s.Output[max(0, len(s.Output)-20):])
	}
	if s.Took > 4*time.Second {
		t.Errorf("the run took %s: it waited for a child", s.Took)
	}
}

// TestRetry holds that a run that fails is tried again, and that something newer comes first.
func TestRetry(t *testing.T) {
	t.Parallel()
	out, gate, w := file(t), file(t), newWorld(key("a"))
	again := shell("cat >> " + out + "; test -e " + gate)
	again.Retry = 1000
	r := running(t, w, again)
	eventually(t, "two tries", func() bool { return slices.Equal(values(t, out), []string{"a", "a"}) })
	w.set(key("b"))
	eventually(t, "the newer one", func() bool { return slices.Contains(values(t, out), "b") })
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a run that goes well", func() bool { s := r.Watches()[0]; return s.Runs > s.Failures && !s.Running && s.Error == "" })
	if got := values(t, out); got[len(got)-1] != "b" {
		t.Errorf("runs %q", got)
	}
}

// TestUnanswered holds that a watch without an answer says why, and goes on as soon as there is one.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	out, w := file(t), newWorld(key("a"))
	w.failing(cluster.ErrNoLeader)
	r := running(t, w, shell("cat >> "+out))
	eventually(t, "the reason", func() bool { return r.Watches()[0].Waiting == "No cluster leader" })
	w.failing(nil)
	eventually(t, "the run", func() bool { return slices.Equal(values(t, out), []string{"a"}) })
	if s := r.Watches()[0]; s.Waiting != "" {
		t.Errorf("waiting for %q", s.Waiting)
	}
}

// TestSet holds that a new list ends what is gone, begins what is new and leaves the rest alone.
func TestSet(t *testing.T) {
	t.Parallel()
	kept, gone, added, w := file(t), file(t), file(t), newWorld(key("a"))
	r := running(t, w, shell("cat >> "+gone), shell("cat >> "+kept))
	eventually(t, "both", func() bool { return len(values(t, kept)) == 1 && len(values(t, gone)) == 1 })
	r.Set([]cluster.Watch{shell("cat >> " + kept), shell("cat >> " + added)})
	eventually(t, "the new one", func() bool { return len(values(t, added)) == 1 })
	w.set(key("b"))
	eventually(t, "the change", func() bool { return len(values(t, kept)) == 2 && len(values(t, added)) == 2 })
	if k, g := values(t, kept), values(t, gone); !slices.Equal(k, []string{"a", "b"}) || !slices.Equal(g, []string{"a"}) {
		t.Errorf("the one that stays has %q, the one that went %q", k, g)
	}
	if s := r.Watches(); len(s) != 2 || s[0].Runs != 2 {
		t.Errorf("statuses %+v", s)
	}
}
