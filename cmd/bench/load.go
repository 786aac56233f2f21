package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// bench is one turn.
type bench struct {
	*options
	cluster  *cluster
	ctx      context.Context // the turn's
	leader   *member
	follower *member
	add      func(figure, float64)
}

// start starts the members, and measures that.
func (b *bench) start() error {
	began := time.Now()
	for _, m := range b.cluster.members {
		if err := b.cluster.start(m); err != nil {
			return err
		}
	}
	if err := b.settle(); err != nil {
		return err
	}
	b.add(figure{"start of three fresh members to a PUT", "s", true}, time.Since(began).Seconds())
	return b.cluster.passing(b.ctx, b.leader)
}

// settle waits for a leader that takes a PUT, and picks a follower.
func (b *bench) settle() (err error) {
	if b.leader, err = b.cluster.leader(b.ctx); err != nil {
		return err
	}
	for _, m := range b.cluster.members {
		if m != b.leader && m.cmd != nil {
			b.follower = m
		}
	}
	c := conn{addr: b.leader.http}
	defer c.close()
	return until(b.ctx, func() bool { return c.ok("PUT", "/v1/kv/bench/settled", []byte("x")) == nil })
}

// request is one request of a client, or a few that belong together.
type request func(c *conn, client, n int) error

// result is what a loop did.
type result struct {
	perSecond float64
	p50, p99  float64 // ms
	cpu       float64 // seconds of the members' CPU time per 10,000 requests
}

const (
	warmUp       = 5                     // the part of a loop that is not measured, as a share of the window
	tolerated    = 20                    // failures of one client: a machine that is busy otherwise may lose its leader for a moment
	afterFailure = 20 * time.Millisecond // the pause of a client whose request failed
)

// loop has clients send requests to a member, each the next when the last was answered, for the window.
func (b *bench) loop(at *member, clients int, send request) (result, error) {
	begin := time.Now().Add(b.window / warmUp)
	end := begin.Add(b.window)
	var (
		mu    sync.Mutex
		times []float64
		errs  []error
		all   sync.WaitGroup
	)
	for client := range clients {
		all.Go(func() {
			took, err := one(at, client, begin, end, send)
			mu.Lock()
			defer mu.Unlock()
			times, errs = append(times, took...), append(errs, err)
		})
	}
	time.Sleep(time.Until(begin))
	before := b.cluster.cpu()
	time.Sleep(time.Until(end))
	used := b.cluster.cpu() - before
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return result{}, err
	}
	n := float64(max(len(times), 1))
	return result{
		perSecond: float64(len(times)) / b.window.Seconds(), cpu: used.Seconds() / n * 10_000,
		p50: percentile(times, 50), p99: percentile(times, 99),
	}, nil
}

// one is one client of a loop. What is answered within the window counts; the error is of one that got no answers, or too many failures.
func one(at *member, client int, begin, end time.Time, send request) (times []float64, err error) {
	c := &conn{addr: at.http}
	defer c.close()
	for n, failed := 0, 0; ; n++ {
		from := time.Now()
		if !from.Before(end) {
			if len(times) > 0 {
				err = nil
			}
			return times, err
		}
		if failure := send(c, client, n); failure != nil {
			err = failure
			if failed++; failed > tolerated {
				return times, err
			}
			time.Sleep(afterFailure)
			continue
		}
		if to := time.Now(); to.After(begin) && to.Before(end) {
			times = append(times, milliseconds(to.Sub(from)))
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// throughput measures a loop and adds its rows.
func (b *bench) throughput(name string, at *member, clients int, send request) error {
	r, err := b.loop(at, clients, send)
	if err != nil {
		return err
	}
	name += ", " + strconv.Itoa(clients) + " clients"
	if clients == 1 {
		name = name[:len(name)-1]
	}
	b.add(figure{name, "/s", false}, r.perSecond)
	if clients == 1 {
		b.add(figure{name + ": p50", "ms", true}, r.p50)
		return nil
	}
	b.add(figure{name + ": servers' CPU", "s per 10,000", true}, r.cpu)
	return nil
}

const (
	valueSize = 512
	keyCount  = 1024 // what PUT and GET go through
)

// value is a value that was never written before.
func value() []byte {
	b := make([]byte, valueSize)
	for i := 0; i < len(b); i += 8 {
		x := rand.Uint64() //nolint:gosec // it is load
		for j := range 8 {
			b[i+j] = byte(x >> (8 * j))
		}
	}
	return b
}

func key(n int) string { return "/v1/kv/bench/" + strconv.Itoa(n%keyCount) }

// each runs n tasks, some at a time.
func each(n, atOnce int, task func(worker, i int) error) error {
	errs := make([]error, atOnce)
	var all sync.WaitGroup
	for w := range atOnce {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += atOnce {
				errs[w] = task(w, i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
