package main

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// watching is who waits for what.
type watching struct {
	name     string
	watchers int
	same     bool // all for one key, else each for one of its own
	query    string
	writes   int
	p        int // the percentile that is shown
}

func (b *bench) watch() error {
	for _, w := range []watching{
		{"wake-up of one watcher: p50", 1, false, "", b.wakeups, 50},
		{"wake-up of one ?stale watcher: p50", 1, false, "&stale", b.wakeups / 2, 50},
		{"wake-up of 100 watchers of one key: p50", 100, true, "", b.wakeups / 4, 50},
		{"wake-up of one of 1,000 watchers: p99", 1000, false, "", 2 * b.wakeups, 99},
	} {
		times, err := b.wake(w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		b.add(figure{w.name, "ms", true}, percentile(times, w.p))
	}
	return nil
}

// watched is a key that somebody waits for.
type watched struct {
	path    string
	written atomic.Int64 // when its last write began, in nanoseconds
}

// wake has watchers wait at the follower for what is written at the leader, one write after the other.
func (b *bench) wake(w watching) ([]float64, error) {
	keys := make([]watched, w.watchers)
	if w.same {
		keys = keys[:1]
	}
	writer := &conn{addr: b.leader.http}
	defer writer.close()
	for i := range keys {
		keys[i].path = fmt.Sprintf("/v1/kv/bench/watched-%d-%s-%d", w.watchers, w.query, i)
		if err := writer.ok("PUT", keys[i].path, value()); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	woken := make(chan float64, w.watchers)
	armed, end := new(sync.WaitGroup), make(chan struct{})
	var all sync.WaitGroup
	conns := make([]*conn, w.watchers)
	for i := range conns {
		conns[i] = &conn{addr: b.follower.http}
		armed.Add(1)
		all.Go(func() { wait(conns[i], &keys[i%len(keys)], w.query, began, armed, woken, end) })
	}
	armed.Wait()
	time.Sleep(300*time.Millisecond + time.Duration(w.watchers)*300*time.Microsecond) // until the last question is there
	var times []float64
	var err error
	for n := 0; n < w.writes && err == nil; n++ {
		k := &keys[n*7919%len(keys)]
		k.written.Store(int64(time.Since(began)))
		if err = writer.ok("PUT", k.path, value()); err == nil {
			times, err = collect(times, woken, w.watchers/len(keys))
		}
		time.Sleep(5 * time.Millisecond)
	}
	close(end)
	for _, c := range conns {
		if c.c != nil {
			_ = c.c.SetDeadline(time.Now()) // who waits still is not waited for
		}
	}
	all.Wait()
	return times, err
}

// wait is one watcher, until end.
func wait(c *conn, k *watched, query string, began time.Time, armed *sync.WaitGroup, woken chan<- float64, end <-chan struct{}) {
	defer c.close()
	err := c.ok("GET", k.path, nil)
	armed.Done()
	for seen := int64(0); err == nil; {
		err = c.ok("GET", k.path+"?wait=9s&index="+strconv.FormatUint(c.index, 10)+query, nil)
		now := int64(time.Since(began))
		select {
		case <-end:
			return
		default:
		}
		if at := k.written.Load(); err == nil && at != seen {
			seen = at
			woken <- float64(now-at) / 1e6
		}
	}
}

// collect waits for n watchers.
func collect(times []float64, woken <-chan float64, n int) ([]float64, error) {
	limit := time.After(5 * time.Second)
	for got := range n {
		select {
		case t := <-woken:
			times = append(times, t)
		case <-limit:
			return times, fmt.Errorf("%d of %d watchers were not woken", n-got, n)
		}
	}
	return times, nil
}
