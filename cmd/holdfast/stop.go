package main

import (
	"context"
	"os"
	"syscall"
	"time"

	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/verb"
)

const (
	stopTimeout = 15 * time.Second       // bounds an orderly stop
	syncTimeout = 500 * time.Millisecond // how long a registration through the API waits for the catalog
)

// load reads the configuration anew, with warnings.
type load func() (*config.Config, []string, error)

// wait serves until a signal or an API call ends the daemon.
func (d *daemon) wait(ctx context.Context, signals <-chan os.Signal, read load) error {
	why, leave := d.untilStop(ctx, signals, read)
	d.log.Info("stopping", "why", why, "leave", leave)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		d.stop(why, leave)
	}()
	for {
		select {
		case <-stopped:
			return d.unfit
		case s := <-signals:
			if s != syscall.SIGHUP {
				d.log.Warn("ending at once, before all is in order", "signal", s.String())
				d.sweep()
				return verb.Exit(1)
			}
		}
	}
}

// untilStop serves until the daemon is to end, and answers why, and whether it is to leave the cluster.
func (d *daemon) untilStop(ctx context.Context, signals <-chan os.Signal, read load) (why string, leave bool) {
	for {
		select {
		case <-ctx.Done():
			return "the daemon was told to stop", false
		case <-d.left:
			return "the member has left", false
		case d.unfit = <-d.agent.Unfit():
			return "this version is too old", false
		case done := <-d.reloads:
			done <- d.reload(read)
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				_ = d.reload(read) // the log says what is wrong
			case os.Interrupt:
				return "signal " + s.String(), !d.cfg.SkipLeaveOnInterrupt
			default:
				return "signal " + s.String(), d.cfg.LeaveOnTerminate
			}
		}
	}
}

// stop ends the daemon in good order. The groups go to other machines first: until they have, clients that come by their addresses are
// answered. Then nothing is answered any more, the leadership goes to another server, and the rest ends.
func (d *daemon) stop(why string, leave bool) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	d.endWatches()
	d.endTemplates()
	d.endGroups()
	d.fail.stop(ctx, why)
	d.closeSurfaces()
	if leave {
		if err := d.agent.Leave(ctx); err != nil {
			d.log.Warn("the others were not told that this member leaves", "error", err)
		}
	} else {
		d.agent.Stop(ctx)
	}
	d.close()
}

// hasLeft ends the daemon after /v1/agent/leave has taken the member out of the cluster.
func (d *daemon) hasLeft() { d.once.Do(func() { close(d.left) }) }
