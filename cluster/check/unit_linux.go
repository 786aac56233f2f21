package check

import (
	"context"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"
)

// unit finds the main process of a systemd unit.
type unit struct{ name string }

func (u *unit) find(ctx context.Context) (int, string, error) {
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return 0, "", fmt.Errorf("systemd cannot be asked about the unit %s: %w", u.name, err)
	}
	defer conn.Close()
	prop, err := conn.GetServicePropertyContext(ctx, u.name, "MainPID")
	if err != nil {
		return 0, "", fmt.Errorf("systemd does not know the unit %s: %w", u.name, err)
	}
	pid, ok := prop.Value.Value().(uint32)
	if !ok || pid == 0 {
		return 0, "", fmt.Errorf("the unit %s is not running", u.name)
	}
	return int(pid), fmt.Sprintf("process %d of unit %s", pid, u.name), nil
}

func (u *unit) ended(int) {}
