// Package join brings a member into a gossip pool: some addresses are tried once, others until one of them answers.
//
// It is the same for the pool of a datacenter and for the one between datacenters. Who is tried again is tried often at first, because
// members that start together find each other as soon as the second one listens, and then once in each interval.
package join

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

// Pool is what is joined.
type Pool interface {
	// Join contacts members, and answers how many were reached; an error says that none was.
	Join(ctx context.Context, addrs []string) (int, error)
}

// Config says whom to join. The zero value is nobody.
type Config struct {
	Once     []string // tried once at the start
	Retry    []string // tried until one answers
	Interval time.Duration
	Max      int // attempts; 0 means without end
}

// DefaultInterval is the pause between attempts where the Config gives none.
const DefaultInterval = 30 * time.Second

// Nobody reports whether there is nobody to join.
func (c Config) Nobody() bool { return len(c.Once) == 0 && len(c.Retry) == 0 }

// Run joins pool. It calls tried once each address was tried, and returns when nothing is left to be tried or ctx ends.
func (c Config) Run(ctx context.Context, pool Pool, log *slog.Logger, tried func()) {
	tried = sync.OnceFunc(tried)
	defer tried()
	if len(c.Once) > 0 {
		if _, err := pool.Join(ctx, c.Once); err != nil {
			log.Error("cannot join; the addresses of retry_join are tried again, those of start_join are not", "addresses", strings.Join(c.Once, ", "), "error", err)
		}
	}
	if len(c.Retry) == 0 {
		return
	}
	if c.Interval <= 0 {
		c.Interval = DefaultInterval
	}
	for try := 1; ctx.Err() == nil; try++ {
		n, err := pool.Join(ctx, c.Retry)
		tried()
		if n > 0 {
			log.Info("joined", "members", n)
			return
		}
		if c.Max > 0 && try >= c.Max {
			log.Error("cannot join, giving up after retry_max attempts", "attempts", try, "error", err)
			return
		}
		log.Log(ctx, level(err), "cannot join, will try again", "addresses", strings.Join(c.Retry, ", "), "in", c.pause(try).String(), "error", err)
		pause.For(ctx, c.pause(try))
	}
}

// level is how loud a failure is said: an address that nobody answers at may just be too early, one of another cluster is a mistake.
func level(err error) slog.Level {
	if cluster.CodeOf(err) == cluster.Conflict {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// pause is how long to wait after an attempt.
func (c Config) pause(try int) time.Duration {
	if quick := time.Duration(try) * 100 * time.Millisecond; try < 20 && quick < c.Interval {
		return quick
	}
	return c.Interval
}
