//go:build !linux

package effect

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"holdfast/cluster"
)

type routeKey struct{}

func unsupported(what string) error {
	return fmt.Errorf("%s cannot be managed on %s: use run blocks with programs of this system", what, runtime.GOOS)
}

func (h *Host) setRoutes(want []Wanted, _ bool, _ *Changes, fail func(string, error)) {
	for _, w := range want {
		if len(w.Effects.Routes) > 0 && w.Open {
			fail(w.Group, unsupported("routes"))
		}
	}
}

func (h *Host) setNAT(want []Wanted, _ bool, _ *Changes, fail func(string, error)) {
	for _, w := range want {
		if len(w.Effects.NATs) > 0 && w.Open {
			fail(w.Group, unsupported("NAT rules"))
		}
	}
	h.nat, h.natOld = nil, true
}

func startUnit(context.Context, cluster.Run) error { return unsupported("systemd units") }

func stopUnit(context.Context, cluster.Run) error { return unsupported("systemd units") }

// Watch waits: on this system nothing tells of changes.
func (h *Host) Watch(ctx context.Context, _ func(by string)) error {
	<-ctx.Done()
	return ctx.Err()
}

// system changes with each start of this agent's parent: what a ledger of another says is not believed.
func system() string { return "parent " + strconv.Itoa(os.Getppid()) }
