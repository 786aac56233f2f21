package main

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	tryLimit    = 100 * time.Millisecond // of one PUT while the leader is missed
	flyingLimit = 5 * time.Second        // of the PUT that was on its way: a member that is frozen for longer may be expelled
)

// freeze stops the leader: its connections stay open, as those of a machine that hangs or lost its network.
func (b *bench) freeze() error {
	if err := b.settle(); err != nil { // it may have changed
		return err
	}
	old := b.leader.cmd.Process
	if err := old.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	flying := make(chan float64, 1)
	began := time.Now()
	go func() { // one that is on its way to the frozen leader, from someone with patience
		c := conn{addr: b.follower.http}
		defer c.close()
		_ = c.do("PUT", "/v1/kv/bench/flying", []byte("x"), flyingLimit)
		flying <- time.Since(began).Seconds()
	}()
	took, err := b.accepted(began)
	answered := <-flying
	if err := errors.Join(err, old.Signal(syscall.SIGCONT)); err != nil {
		return err
	}
	b.add(figure{"leader frozen, to a PUT at a survivor", "s", true}, took)
	b.add(figure{"leader frozen, to the answer of a PUT that was on its way to it", "s", true}, answered)
	return b.again()
}

// kill kills the leader, and starts it again.
func (b *bench) kill() error {
	if err := b.settle(); err != nil {
		return err
	}
	old := b.leader
	b.cluster.kill(old)
	took, err := b.accepted(time.Now())
	if err != nil {
		return err
	}
	b.add(figure{"leader killed, to a PUT at a survivor", "s", true}, took)
	if err := b.cluster.start(old); err != nil {
		return err
	}
	return b.again()
}

// again waits until the cluster is whole.
func (b *bench) again() error {
	if err := b.settle(); err != nil {
		return err
	}
	return b.cluster.passing(b.ctx, b.leader)
}

// accepted tries a PUT at the survivors in turn, and says after how many seconds one was taken.
func (b *bench) accepted(began time.Time) (float64, error) {
	var survivors []*conn
	for _, m := range b.cluster.members {
		if m != b.leader {
			survivors = append(survivors, &conn{addr: m.http})
		}
	}
	taken := -1.0
	n := 0
	err := until(b.ctx, func() bool {
		c := survivors[n%len(survivors)]
		n++
		if c.do("PUT", "/v1/kv/bench/accepted", fmt.Append(nil, n), tryLimit) == nil && c.status == 200 {
			taken = time.Since(began).Seconds()
		}
		return taken >= 0
	})
	for _, c := range survivors {
		c.close()
	}
	if err != nil {
		return 0, fmt.Errorf("no survivor took a PUT: %w", err)
	}
	return taken, nil
}
