package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"

	"golang.org/x/sys/unix"

	"holdfast/failover/lab/echo"
)

// runServe is a machine's small service (see echo.Serve) in a process that Machine.Serve has started.
func runServe(reply io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	if len(os.Args) != 3 {
		return fmt.Errorf("give a name and a port, not %q", os.Args[1:])
	}
	port, err := strconv.ParseUint(os.Args[2], 10, 16)
	if err != nil {
		return fmt.Errorf("port %q: %w", os.Args[2], err)
	}
	err = echo.Serve(ctx, uint16(port), os.Args[1], func() error {
		_, err := fmt.Fprintln(reply, ready)
		return err
	})
	if err != nil {
		fmt.Fprintln(reply, err)
	}
	return err
}
