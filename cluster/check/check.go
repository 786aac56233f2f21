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

// New makes the runner of a valid definition, but for a TTL check, which is made by NewTTL, and for an alias, whose owner knows the
// catalog. Where it speaks TLS it is the one that identity says. A check that asks again and again is not run before after, or its interval if that is shorter: an
// agent that begins many puts them apart. report is called from one goroutine.
func New(d cluster.CheckDefinition, identity Identity, after time.Duration, log *slog.Logger, report func(Result)) Runner {
	take := (&thresholds{definition: d, report: report}).take
	if d.Process != nil {
		return newProcess(d, log, take)
	}
	p, timeout := newProbe(d, identity)
	poll := newPoller(d, p, timeout, take)
	poll.after = min(after, d.Interval)
	return poll
}

// newProbe makes the probe of a definition, with its timeout where the definition has none.
func newProbe(d cluster.CheckDefinition, identity Identity) (probe, time.Duration) {
	switch {
	case d.DockerContainerID != "":
		return newDocker(d), defaultScriptTimeout
	case len(d.Args) > 0:
		return &script{args: d.Args, limit: outputLimit(d)}, defaultScriptTimeout
	case d.HTTP != "":
		return newHTTPProbe(d, identity), defaultTimeout
	case d.UDP != "":
		return &udp{addr: d.UDP}, defaultTimeout
	case d.GRPC != "":
		return newGRPC(d, identity), defaultTimeout
	case d.H2Ping != "":
		return newH2Ping(d, identity), defaultTimeout
	case d.Ping != "":
		return &ping{host: d.Ping}, defaultTimeout
	case d.DNS != nil:
		return newDNS(d.DNS), defaultTimeout
	case d.MySQL != nil:
		return &mysqlServer{d.MySQL, identity.speaks(d)}, defaultTimeout
	case d.Postgres != nil:
		return &postgresServer{d.Postgres, identity.speaks(d)}, defaultTimeout
	case d.OSService != "":
		return newOSService(d), defaultTimeout
	}
	return newTCP(d, identity), defaultTimeout
}

func outputLimit(d cluster.CheckDefinition) int {
	if d.OutputMaxSize > 0 {
		return d.OutputMaxSize
	}
	return cluster.DefaultOutputMaxSize
}
