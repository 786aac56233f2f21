package check

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// A program may start others that leave its process group: with setsid, as daemons do, whose parents end so that nothing leads back to the
// program. Each run has a mark in its environment, which all that it starts inherit. Whoever bears the mark, or has an ancestor in the run,
// belongs to it; only a process that has done away with both escapes.
//
// What a run that ended in time has left behind is nobody's business: it may be meant.

// markName is the variable that holds the mark.
const markName = "HOLDFAST_CHECK_RUN"

// offspring is the processes that one run of a program has started.
type offspring struct {
	mark string
	seen map[int]uint64 // process ID -> when it began
}

func newOffspring() *offspring {
	return &offspring{mark: markName + "=" + rand.Text(), seen: map[int]uint64{}}
}

// env is the environment that the program is to have.
func (o *offspring) env() []string { return append(os.Environ(), o.mark) }

// kill ends a program with its process group, and all that it has started. They are stopped first, so that none starts another meanwhile.
func (o *offspring) kill(pid int) error {
	_ = syscall.Kill(-pid, syscall.SIGSTOP) // it may have ended
	o.signalNew(pid, syscall.SIGSTOP)
	err := killGroup(pid)
	for p := range o.seen {
		o.signal(p, syscall.SIGKILL)
	}
	o.signalNew(pid, syscall.SIGKILL)
	return err
}

// signalNew sends a signal to whoever is found, until nobody is who was not before.
func (o *offspring) signalNew(root int, sig syscall.Signal) {
	const enough = 100
	for range enough {
		found := o.find(root)
		if len(found) == 0 {
			return
		}
		for _, pid := range found {
			o.signal(pid, sig)
		}
	}
}

// find is the processes of the run, with all that pid has started, that were not seen before and run.
func (o *offspring) find(root int) []int {
	all := processes()
	if st, ok := all[root]; ok && st.parent == os.Getpid() { // its number has not passed to another
		o.seen[root] = st.began
	}
	var found []int
	for grown := true; grown; {
		grown = false
		for pid, st := range all {
			if began, ok := o.seen[pid]; ok && began == st.began || !o.belongs(pid, st, all) {
				continue
			}
			o.seen[pid] = st.began
			grown = true
			if !st.zombie {
				found = append(found, pid)
			}
		}
	}
	return found
}

// belongs is whether a process has a parent in the run, or bears its mark.
func (o *offspring) belongs(pid int, st stat, all map[int]stat) bool {
	if began, ok := o.seen[st.parent]; ok {
		if parent, ok := all[st.parent]; ok && parent.began == began {
			return true
		}
	}
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	return err == nil && bytes.Contains(env, []byte(o.mark))
}

// signal sends a signal to a process that was found.
func (o *offspring) signal(pid int, sig syscall.Signal) {
	p, err := os.FindProcess(pid) // from here on it is this process, whatever becomes of its number
	if err != nil {
		return
	}
	defer func() { _ = p.Release() }() // it never fails
	if st, ok := statOf(strconv.Itoa(pid)); ok && st.began == o.seen[pid] {
		_ = p.Signal(sig) // it may have ended
	}
}

// processes is all that run now.
func processes() map[int]stat {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1) // as far as it can be read
	out := make(map[int]stat, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		if st, ok := statOf(name); ok {
			out[pid] = st
		}
	}
	return out
}
