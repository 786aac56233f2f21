package check

import (
	"context"
	"log/slog"
	"time"

	"holdfast/cluster"
)

// Result is the outcome of one run.
type Result struct {
	Status cluster.Status
	Output string
}

// Runner runs one check until the context ends.
type Runner interface {
	Run(ctx context.Context)
}

// probe is one way to find out. It honours the context's deadline.
type probe interface {
	probe(ctx context.Context) Result
}

// The timeouts of probes that give none. They are Consul's.
const (
	defaultTimeout       = 10 * time.Second
	defaultScriptTimeout = 30 * time.Second
)

// New makes the runner of a valid definition, TTL checks aside: those are made by NewTTL. report is called from one goroutine.
func New(d cluster.CheckDefinition, log *slog.Logger, report func(Result)) Runner {
	take := (&thresholds{definition: d, report: report}).take
	switch {
	case d.Process != nil:
		return newProcess(d, log, take)
	case len(d.Args) > 0:
		return newPoller(d, &script{args: d.Args, limit: outputLimit(d)}, defaultScriptTimeout, take)
	case d.HTTP != "":
		return newPoller(d, newHTTPProbe(d), defaultTimeout, take)
	}
	return newPoller(d, &tcp{addr: d.TCP}, defaultTimeout, take)
}

func outputLimit(d cluster.CheckDefinition) int {
	if d.OutputMaxSize > 0 {
		return d.OutputMaxSize
	}
	return cluster.DefaultOutputMaxSize
}
