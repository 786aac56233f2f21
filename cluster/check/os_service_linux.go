package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"

	"holdfast/cluster"
)

// osService asks systemd, over D-Bus, how a unit is.
type osService struct{ unit string }

func newOSService(d cluster.CheckDefinition) probe {
	unit := d.OSService
	if !strings.Contains(unit, ".") {
		unit += ".service"
	}
	return &osService{unit: unit}
}

func (o *osService) probe(ctx context.Context) Result {
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return Result{cluster.Critical, fmt.Sprintf("systemd cannot be asked about the unit %s: %s", o.unit, err)}
	}
	defer conn.Close()
	all, err := conn.GetUnitPropertiesContext(ctx, o.unit)
	if err != nil {
		return Result{cluster.Critical, fmt.Sprintf("systemd does not answer about the unit %s: %s", o.unit, err)}
	}
	text := func(name string) string { s, _ := all[name].(string); return s }
	return judgeUnit(o.unit, text("LoadState"), text("ActiveState"), text("SubState"))
}

// judgeUnit says how a unit is. One that is on its way up is not there yet, and not lost either.
func judgeUnit(unit, load, active, sub string) Result {
	if load == "not-found" {
		return Result{cluster.Critical, "systemd knows no unit " + unit}
	}
	status := cluster.Critical
	switch active {
	case "active":
		status = cluster.Passing
	case "activating", "reloading", "refreshing":
		status = cluster.Warning
	}
	return Result{status, fmt.Sprintf("the unit %s is %s (%s)", unit, active, sub)}
}
