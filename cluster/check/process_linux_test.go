package check

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/cluster"
)

func writePID(t *testing.T, file string, pid int) {
	t.Helper()
	if err := os.WriteFile(file, []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestProcessByPIDFile follows a daemon through its life: not there yet, there, killed, there again with a new number.
func TestProcessByPIDFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	results := run(t, cluster.CheckDefinition{ID: "p", Process: &cluster.ProcessCheck{PIDFile: file}})
	if r := await(t, results, cluster.Critical); r.Output != "the pid file "+file+" does not exist" {
		t.Errorf("output %q", r.Output)
	}
	daemon := start(t, "sleep", "1000")
	writePID(t, file, daemon.Process.Pid)
	if r := await(t, results, cluster.Passing); r.Output != fmt.Sprintf("process %d of %s is running", daemon.Process.Pid, file) {
		t.Errorf("output %q", r.Output)
	}
	end(daemon)
	if r := await(t, results, cluster.Critical); r.Output != fmt.Sprintf("process %d of %s has ended", daemon.Process.Pid, file) {
		t.Errorf("output %q", r.Output)
	}
	again := start(t, "sleep", "1000")
	writePID(t, file, again.Process.Pid)
	await(t, results, cluster.Passing)
}

// TestDeathIsSeenByEvent measures from the kill to the report. The bound is what a noisy machine can promise; a poll at the given
// interval would be far above it.
func TestDeathIsSeenByEvent(t *testing.T) {
	const tries = 5
	best := time.Hour
	for range tries {
		file := filepath.Join(t.TempDir(), "pid")
		daemon := start(t, "sleep", "1000")
		writePID(t, file, daemon.Process.Pid)
		results := run(t, cluster.CheckDefinition{ID: "p", Process: &cluster.ProcessCheck{PIDFile: file}, Interval: time.Hour})
		await(t, results, cluster.Passing)
		killed := time.Now()
		if err := daemon.Process.Kill(); err != nil { // not reaped: a zombie is dead
			t.Fatal(err)
		}
		await(t, results, cluster.Critical)
		best = min(best, time.Since(killed))
	}
	t.Logf("the fastest of %d reports came %s after the kill", tries, best)
	if best > 500*time.Millisecond {
		t.Errorf("the death was reported after %s", best)
	}
}

// TestZombieIsDead starts with a process that has ended and that its parent has not reaped.
func TestZombieIsDead(t *testing.T) {
	daemon := start(t, "sleep", "1000")
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pid")
	writePID(t, file, daemon.Process.Pid)
	for deadline := time.Now().Add(limit); running(daemon.Process.Pid) && time.Now().Before(deadline); {
	}
	p := newProcess(cluster.CheckDefinition{Process: &cluster.ProcessCheck{PIDFile: file}}, slog.New(slog.DiscardHandler), nil)
	_, _, err := p.find(t.Context())
	if want := fmt.Sprintf("process %d of %s has ended", daemon.Process.Pid, file); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

// TestReusedNumberIsNotBelieved has the number of a dead process come to life as another one: the file, which nobody has written
// again, does not mean that one.
func TestReusedNumberIsNotBelieved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	other := start(t, "sleep", "1000")
	writePID(t, file, other.Process.Pid)
	p := &pidFile{path: file}
	if _, _, err := p.find(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.ended(other.Process.Pid) // as the check saw of the one that had the number before
	if _, what, err := p.find(t.Context()); err == nil {
		t.Errorf("found %s", what)
	}
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(file, later, later); err != nil { // the same daemon, started again with the same number
		t.Fatal(err)
	}
	if _, _, err := p.find(t.Context()); err != nil {
		t.Errorf("the file was written again: %v", err)
	}
	writePID(t, file, 1)
	p.ended(other.Process.Pid) // the file names another one already
	if pid, _, err := p.find(t.Context()); pid != 1 || err != nil {
		t.Errorf("found %d: %v", pid, err)
	}
}

func TestProcessByCommand(t *testing.T) {
	line := "sleep 1000.0" + strconv.Itoa(os.Getpid())
	results := run(t, cluster.CheckDefinition{ID: "p", Process: &cluster.ProcessCheck{Command: line}})
	if r := await(t, results, cluster.Critical); r.Output != fmt.Sprintf("no process runs %q", line) {
		t.Errorf("output %q", r.Output)
	}
	args := strings.Fields(line)
	first := start(t, args[0], args[1], "1") // goes on behind the wanted beginning
	if r := await(t, results, cluster.Passing); r.Output != fmt.Sprintf("process %d (%s) is running", first.Process.Pid, line) {
		t.Errorf("output %q", r.Output)
	}
	start(t, args[0], args[1]+"1") // another command
	end(first)
	if r := await(t, results, cluster.Critical); r.Output != fmt.Sprintf("process %d (%s) has ended", first.Process.Pid, line) {
		t.Errorf("output %q", r.Output)
	}
}

// TestOldestOfSeveral has a daemon with workers of the same command line: the daemon counts.
func TestOldestOfSeveral(t *testing.T) {
	c := &command{line: "sleep 2000.0" + strconv.Itoa(os.Getpid())}
	args := strings.Fields(c.line)
	var all []*exec.Cmd
	for range 3 {
		cmd := start(t, args[0], args[1])
		all = append(all, cmd)
		began, ok := statOf(strconv.Itoa(cmd.Process.Pid))
		for now := began; ok && now.began == began.began; { // the next one begins in another tick
			now, ok = statOf(strconv.Itoa(start(t, "true").Process.Pid))
		}
	}
	for _, cmd := range all {
		if pid, _, err := c.find(t.Context()); err != nil || pid != cmd.Process.Pid {
			t.Errorf("found %d (%v), want the oldest, %d", pid, err, cmd.Process.Pid)
		}
		end(cmd)
	}
}

func TestUnitWithoutSystemd(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	_, _, err := newPlace(&cluster.ProcessCheck{Unit: "nginx.service"}).find(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "systemd cannot be asked about the unit nginx.service: ") {
		t.Errorf("error %v", err)
	}
}

// TestProcessThresholds holds back what an event says as it does for every other check.
func TestProcessThresholds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	daemon := start(t, "sleep", "1000")
	results := run(t, cluster.CheckDefinition{
		ID: "p", Process: &cluster.ProcessCheck{PIDFile: file}, Interval: 100 * time.Millisecond, SuccessBeforePassing: 3, FailuresBeforeCritical: 3,
	})
	await(t, results, cluster.Critical) // the first result
	found := time.Now()
	writePID(t, file, daemon.Process.Pid)
	await(t, results, cluster.Passing)
	if took := time.Since(found); took < 200*time.Millisecond {
		t.Errorf("passing after %s: that cannot be three results", took)
	}
	ended := time.Now()
	end(daemon)
	await(t, results, cluster.Critical)
	if took := time.Since(ended); took < 200*time.Millisecond {
		t.Errorf("critical after %s: that cannot be three results", took)
	}
}

// crashing is a place whose process is always there and dies at once.
type crashing struct {
	t     *testing.T
	looks int
	cmd   *exec.Cmd
}

func (c *crashing) find(context.Context) (int, string, error) {
	c.looks++
	if c.cmd == nil {
		c.cmd = start(c.t, "true")
	}
	return c.cmd.Process.Pid, "it", nil
}

func (c *crashing) ended(int) { end(c.cmd); c.cmd = nil }

// TestCrashLoopIsNoBusyLoop counts the looks for a process that dies as soon as it is there.
func TestCrashLoopIsNoBusyLoop(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	at := &crashing{t: t}
	p := &process{place: at, interval: 100 * time.Millisecond, timeout: time.Second, log: slog.New(slog.DiscardHandler), take: func(Result) bool { return true }}
	p.Run(ctx)
	if at.looks > 2*11 {
		t.Errorf("%d looks in a second", at.looks)
	}
}

// TestWatchCanBeWaitedForAgain cuts waits short at every moment: none may end a later one, and the death must never be missed.
func TestWatchCanBeWaitedForAgain(t *testing.T) {
	daemon := start(t, "sleep", "1000")
	w, err := watchPID(daemon.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(cancel)
		if ended, err := w.wait(ctx); ended || err != nil {
			t.Fatalf("ended %v, error %v", ended, err)
		}
		wg.Wait()
	}
	if w.ended() {
		t.Error("a running process has ended")
	}
	if err := daemon.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if ended, err := w.wait(t.Context()); !ended || err != nil {
		t.Errorf("ended %v, error %v", ended, err)
	}
	if !w.ended() {
		t.Error("the process has not ended")
	}
}

func TestParsePID(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "42\n": 42, " 7 nginx\n": 7, "": 0, "\n": 0, "-1": 0, "0": 0, "x": 0, "99999999999": 0, "1.5": 0} {
		pid, err := parsePID([]byte(text))
		if pid != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", text, pid, err, want)
		}
	}
}

func FuzzParsePID(f *testing.F) {
	f.Add([]byte("42\n"))
	f.Add([]byte("\x00\xff 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if pid, err := parsePID(b); (err == nil) != (pid > 0) {
			t.Errorf("%q: %d, %v", b, pid, err)
		}
	})
}

func FuzzParseStartTime(f *testing.F) {
	if b, err := os.ReadFile("/proc/self/stat"); err == nil {
		f.Add(b)
	}
	f.Add([]byte("1 (a) b) S 1 1"))
	f.Fuzz(func(_ *testing.T, b []byte) { parseStat(b) })
}
