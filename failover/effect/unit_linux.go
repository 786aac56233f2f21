package effect

import (
	"context"
	"errors"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"

	"holdfast/cluster"
)

func startUnit(ctx context.Context, r cluster.Run) error {
	return unitJob(ctx, r, (*dbus.Conn).StartUnitContext)
}

func stopUnit(ctx context.Context, r cluster.Run) error {
	return unitJob(ctx, r, (*dbus.Conn).StopUnitContext)
}

// unitJob has systemd do something with a unit, and waits until it is done. A unit that is as wanted already is no error.
func unitJob(ctx context.Context, r cluster.Run, do func(c *dbus.Conn, ctx context.Context, name, mode string, ch chan<- string) (int, error)) error {
	ctx, cancel := context.WithTimeout(ctx, r.Limit())
	defer cancel()
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("systemd cannot be asked: %w", err)
	}
	defer conn.Close()
	ended := make(chan string, 1)
	if _, err := do(conn, ctx, r.Unit, "replace", ended); err != nil {
		return fmt.Errorf("systemd refuses: %w", err)
	}
	select {
	case how := <-ended:
		if how != "done" && how != "skipped" {
			return fmt.Errorf("the job of systemd ended as %q", how)
		}
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("systemd was not done within %s", r.Limit())
		}
		return ctx.Err()
	}
}
