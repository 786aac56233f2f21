package effect

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	around, end := context.WithTimeout(ctx, r.Limit()+time.Second) // the connection outlives the time that the job has
	defer end()
	ctx, cancel := context.WithTimeout(ctx, r.Limit())
	defer cancel()
	conn, err := dbus.NewSystemConnectionContext(around)
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
			return fmt.Errorf("the job of systemd ended as %q%s", how, became(around, conn, r.Unit))
		}
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("systemd was not done within %s%s", r.Limit(), became(around, conn, r.Unit))
		}
		return ctx.Err()
	}
}

// became says what has become of a unit, "" where systemd does not say.
func became(ctx context.Context, conn *dbus.Conn, unit string) string {
	all, err := conn.GetAllPropertiesContext(ctx, unit)
	if err != nil {
		return ""
	}
	said := fmt.Sprintf("; the unit is %v (%v)", all["ActiveState"], all["SubState"])
	if result, _ := all["Result"].(string); result != "" && result != "success" {
		said += ": " + result
	}
	if status, _ := all["ExecMainStatus"].(int32); status != 0 {
		said += fmt.Sprintf(", status %d", status)
	}
	if text, _ := all["StatusText"].(string); text != "" {
		said += fmt.Sprintf(", %q", text)
	}
	return said
}
