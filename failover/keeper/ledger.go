package keeper

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/failover/fence"
)

const (
	runLimit   = 2 * time.Second        // of a command that removes an address
	retryAfter = 100 * time.Millisecond // a command that removes and failed
	maxOutput  = 512                    // bytes of a failed command's output that are shown
)

// entry is an address that the keeper answers for.
type entry struct {
	Addr   netip.Addr
	Add    []string
	Remove []string

	deadline fence.Boottime
	alarm    *alarm // ahead of the deadline, or when to try again; nil until it is needed
}

// ledger is what the keeper knows and does. Commands run one at a time for each address.
type ledger struct {
	file string // where the entries are kept, for a keeper that comes after one that was killed
	lead time.Duration
	log  *slog.Logger
	now  func() fence.Boottime
	on   func(netip.Addr) bool // whether the machine has an address

	mu      sync.Mutex // guards following; held while commands run: there are few, and the order is what matters
	entries map[netip.Addr]*entry
}

// load takes over what a keeper that was killed has left, and removes it: nobody knows its deadlines any more.
func (l *ledger) load() error {
	b, err := os.ReadFile(l.file)
	if os.IsNotExist(err) {
		return nil
	}
	var left []entry
	if err == nil {
		err = json.Unmarshal(b, &left)
	}
	if err != nil {
		return fmt.Errorf("read what an earlier keeper left in %s: %w", l.file, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range left {
		l.entries[e.Addr] = &e
		l.closeLocked(&e)
	}
	return nil
}

func (l *ledger) saveLocked() error {
	all := []entry{}
	for _, a := range slices.SortedFunc(maps.Keys(l.entries), netip.Addr.Compare) {
		all = append(all, *l.entries[a])
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	tmp := l.file + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Clean(l.file))
}

// manage takes an address on, closed; one that is known keeps its deadline, and is put back where something else removed it.
func (l *ledger) manage(addr netip.Addr, add, remove []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.entries[addr]; e != nil {
		if slices.Equal(e.Add, add) && slices.Equal(e.Remove, remove) {
			return l.settleLocked(e)
		}
		if err := l.closeLocked(e); err != nil { // it goes to another interface
			return err
		}
	}
	e := &entry{Addr: addr, Add: add, Remove: remove}
	l.entries[addr] = e
	if err := l.saveLocked(); err != nil {
		delete(l.entries, addr)
		return fmt.Errorf("note %s before it is ever added: %w", addr, err)
	}
	return l.closeLocked(e)
}

// set lets an address be served until the deadline. One that has passed closes it.
func (l *ledger) set(addr netip.Addr, deadline fence.Boottime) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[addr]
	if e == nil {
		return fence.ErrNotManaged
	}
	e.deadline = deadline
	return l.settleLocked(e)
}

// forget ends the keeper's care of an address, which must not be on the machine.
func (l *ledger) forget(addr netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[addr]
	if e == nil {
		return fence.ErrNotManaged
	}
	if err := l.closeLocked(e); err != nil {
		return err
	}
	delete(l.entries, addr)
	if e.alarm != nil {
		e.alarm.close()
	}
	return l.saveLocked()
}

// deadlines are the managed addresses, and until when each may be served.
func (l *ledger) deadlines() map[netip.Addr]fence.Boottime {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[netip.Addr]fence.Boottime{}
	for a, e := range l.entries {
		out[a] = e.deadline
	}
	return out
}

// last is the latest of all deadlines.
func (l *ledger) last() (d fence.Boottime) {
	for _, x := range l.deadlines() {
		d = max(d, x)
	}
	return d
}

// settleLocked makes the machine agree with the deadline.
func (l *ledger) settleLocked(e *entry) error {
	left := e.deadline.Sub(l.now()) - l.lead
	if left <= 0 {
		return l.closeLocked(e)
	}
	if err := l.wakeLocked(e, left); err != nil {
		return errors.Join(err, l.closeLocked(e)) // nobody would remove it in time
	}
	if l.on(e.Addr) {
		return nil
	}
	err := l.run(e.Add, left) // a program that hangs is killed before the lease ends
	if l.now() >= e.deadline-fence.Boottime(l.lead) || err != nil {
		return cmp.Or(err, l.closeLocked(e))
	}
	return nil
}

// expire is what the alarm does.
func (l *ledger) expire(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries[e.Addr] != e || e.deadline.Sub(l.now()) > l.lead {
		return // forgotten, or prolonged meanwhile
	}
	if e.deadline > 0 {
		l.log.Warn("the lease of an address has not been renewed: it is removed", "address", e.Addr.String())
	}
	if err := l.closeLocked(e); err != nil {
		l.log.Error("an address cannot be removed, will try again", "address", e.Addr.String(), "error", err)
	}
}

// closeLocked takes the address off the machine. Where that fails it is tried again and again.
func (l *ledger) closeLocked(e *entry) error {
	e.deadline = 0
	if e.alarm != nil {
		e.alarm.stop()
	}
	if !l.on(e.Addr) {
		return nil
	}
	err := l.run(e.Remove, runLimit)
	if err == nil && l.on(e.Addr) {
		err = fmt.Errorf("%q has succeeded, but %s is still on this machine", strings.Join(e.Remove, " "), e.Addr)
	}
	if err != nil {
		err = errors.Join(err, l.wakeLocked(e, retryAfter))
	}
	return err
}

// wakeLocked lets the keeper look after an address again after d.
func (l *ledger) wakeLocked(e *entry, d time.Duration) (err error) {
	if e.alarm == nil {
		if e.alarm, err = newAlarm(func() { l.expire(e) }); err != nil {
			return fmt.Errorf("set an alarm for %s: %w", e.Addr, err)
		}
	}
	e.alarm.set(d)
	return nil
}

func (l *ledger) run(words []string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the operator's own command
	cmd.WaitDelay = retryAfter
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%q failed: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(out[:min(len(out), maxOutput)])))
	}
	return nil
}

// onMachine reports whether an interface of this machine has the address.
func onMachine(addr netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true // to be safe: it will be removed
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == addr
	})
}
