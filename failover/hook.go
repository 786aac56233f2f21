package failover

import (
	"cmp"
	"context"
	"os"
	"strconv"
	"strings"

	"holdfast/cluster"
	"holdfast/failover/program"
)

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
	output, err := program.Program{Args: h.Args, Env: e.environ(), Timeout: cmp.Or(h.Timeout, cluster.DefaultHookTimeout)}.Run(ctx)
	name := "hook " + strconv.Quote(strings.Join(h.Args, " "))
	if err != nil {
		return name + " " + err.Error(), output
	}
	return name + " succeeded", output
}
