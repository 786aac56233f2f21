package agent

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"holdfast/cluster"
)

// defaultRetryInterval is the pause between attempts to join where the config gives none.
const defaultRetryInterval = 30 * time.Second

// joinLoop brings this member into the pool: the addresses of Join once, those of RetryJoin until one answers.
func (a *Agent) joinLoop(ctx context.Context) {
	if len(a.cfg.Join) > 0 {
		if _, err := a.pool.Join(ctx, a.cfg.Join); err != nil {
			a.log.Error("cannot join; the addresses of retry_join are tried again, those of start_join are not", "addresses", strings.Join(a.cfg.Join, ", "), "error", err)
		}
	}
	var asked sync.Once
	answered := func() { asked.Do(func() { close(a.asked) }) }
	defer answered()
	if len(a.cfg.RetryJoin) == 0 {
		return
	}
	interval := a.cfg.RetryInterval
	if interval <= 0 {
		interval = defaultRetryInterval
	}
	for try := 1; ctx.Err() == nil; try++ {
		n, err := a.pool.Join(ctx, a.cfg.RetryJoin)
		answered()
		if n > 0 {
			a.log.Info("joined", "members", n)
			return
		}
		if a.cfg.RetryMax > 0 && try >= a.cfg.RetryMax {
			a.log.Error("cannot join, giving up after retry_max attempts", "attempts", try, "error", err)
			return
		}
		a.log.Log(ctx, joinLevel(err), "cannot join, will try again", "addresses", strings.Join(a.cfg.RetryJoin, ", "), "in", a.joinPause(try, interval).String(), "error", err)
		sleep(ctx, a.joinPause(try, interval))
	}
}

// joinLevel is how loud a failure is said: an address that nobody answers at may just be too early, one of another cluster is a mistake.
func joinLevel(err error) slog.Level {
	if cluster.CodeOf(err) == cluster.Conflict {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// joinPause is short at first: members that start together find each other as soon as the second one listens.
func (a *Agent) joinPause(try int, interval time.Duration) time.Duration {
	if quick := time.Duration(try) * 100 * time.Millisecond; try < 20 && quick < interval {
		return quick
	}
	return interval
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
