package check

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"holdfast/cluster"
)

// process watches one process by event: found it is passing, gone it is critical in the same instant. While it is not there it is
// looked for again and again.
type process struct {
	definition cluster.CheckDefinition
	log        *slog.Logger
	report     func(Result)
}

// lookInterval is the pause between two looks for a process that is not there, where the definition gives no interval.
const lookInterval = 100 * time.Millisecond

// Run finds the process, waits for its end, and so on until the context ends.
func (p *process) Run(ctx context.Context) {
	missing := ""
	for ctx.Err() == nil {
		w, what, err := p.find(ctx)
		if err != nil {
			if missing != err.Error() {
				missing = err.Error()
				p.report(Result{cluster.Critical, missing})
			}
			p.pause(ctx)
			continue
		}
		missing = ""
		p.report(Result{cluster.Passing, what + " is running"})
		ended := w.wait(ctx)
		w.close()
		if ended {
			p.report(Result{cluster.Critical, what + " has ended"})
		}
	}
}

func (p *process) pause(ctx context.Context) {
	d := p.definition.Interval
	if d <= 0 {
		d = lookInterval
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// find answers a watch on the process and words for it, or an error that says in a sentence why there is none.
func (p *process) find(ctx context.Context) (*watch, string, error) {
	pid, what, err := locate(ctx, p.definition.Process)
	if err != nil {
		return nil, "", err
	}
	w, err := watchPID(pid)
	if err != nil {
		return nil, "", fmt.Errorf("%s is not running: %w", what, err)
	}
	// The number may have gone to another process between the two: what was meant must still be what is watched.
	if again, _, err := locate(ctx, p.definition.Process); err != nil || again != pid {
		w.close()
		return nil, "", fmt.Errorf("%s has just ended", what)
	}
	return w, what, nil
}
