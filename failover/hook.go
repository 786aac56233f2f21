package failover

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast/cluster"
)

// maxHookOutput is how much of a hook's output is kept: its end.
const maxHookOutput = 4096

// hookEvent is what a hook is told in its environment.
type hookEvent struct {
	event     string // "acquire" or "release"
	group     string
	node      string
	epoch     uint64
	addresses []string
}

func (e hookEvent) environ() []string {
	return append(os.Environ(), "HOLDFAST_EVENT="+e.event, "HOLDFAST_GROUP="+e.group, "HOLDFAST_NODE="+e.node,
		"HOLDFAST_EPOCH="+strconv.FormatUint(e.epoch, 10), "HOLDFAST_ADDRESSES="+strings.Join(e.addresses, " "))
}

// runHook runs one hook to its end, or kills its process group after the timeout. It answers a sentence on how it ended, and the end
// of its output.
func runHook(ctx context.Context, h cluster.Hook, e hookEvent) (why, output string) {
	timeout := h.Timeout
	if timeout == 0 {
		timeout = cluster.DefaultHookTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out := &tail{limit: maxHookOutput}
	cmd := exec.CommandContext(ctx, h.Args[0], h.Args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = e.environ(), out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 200 * time.Millisecond // a child that left the group may keep the pipe open
	err := cmd.Run()
	name := "hook " + strconv.Quote(strings.Join(h.Args, " "))
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, and has left a child behind
	}
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		why = name + " was killed after its timeout of " + timeout.String()
	case err != nil:
		why = name + " failed: " + err.Error()
	default:
		why = name + " succeeded"
	}
	return why, out.String()
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	buf   bytes.Buffer
	cut   bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if over := t.buf.Len() - t.limit; over > 0 {
		t.buf.Next(over)
		t.cut = true
	}
	return len(p), nil
}

func (t *tail) String() string {
	s := strings.ToValidUTF8(t.buf.String(), "\uFFFD")
	if t.cut {
		return "…" + s
	}
	return s
}
