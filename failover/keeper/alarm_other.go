//go:build !linux

package keeper

import (
	"sync"
	"time"
)

// alarm calls a function when a time is over. Its clock is that of Go's timers, CLOCK_MONOTONIC: so is that of the deadlines here.
type alarm struct {
	call func()

	mu sync.Mutex // guards following
	t  *time.Timer
}

// newAlarm makes an alarm that is not set.
func newAlarm(call func()) (*alarm, error) { return &alarm{call: call}, nil }

// set lets the alarm go off once, after d, and not at the time for which it was set before.
func (a *alarm) set(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.t != nil {
		a.t.Stop()
	}
	a.t = time.AfterFunc(d, a.call)
}

// stop lets it not go off; a call that has begun goes on.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.t != nil {
		a.t.Stop()
	}
}

// close ends the alarm.
func (a *alarm) close() { a.stop() }
