package agent

import (
	"context"
	"net/http"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"

	"holdfast/httpapi/exchange"
)

// hostHandler says on what machine this agent runs.
type hostHandler struct{ dataDir string }

func (h *hostHandler) routes() exchange.Routes {
	return exchange.Routes{"/v1/agent/host": {http.MethodGet: h.host}}
}

// hostJSON is the machine, in the words of gopsutil, which are Consul's. What cannot be found out is null, and Errors say why.
type hostJSON struct {
	Memory         *mem.VirtualMemoryStat
	CPU            []cpu.InfoStat
	Host           *host.InfoStat
	Disk           *disk.UsageStat // that the data directory is on
	CollectionTime int64           // nanoseconds since 1970
	Errors         []string
}

// hostTimeout bounds the look at the machine: a file system that hangs must not hold the client.
const hostTimeout = 5 * time.Second

func (h *hostHandler) host(r *exchange.Request) (*exchange.Reply, error) {
	ctx, cancel := context.WithTimeout(r.Context(), hostTimeout)
	defer cancel()
	out := hostJSON{CollectionTime: time.Now().UnixNano()}
	var errs [4]error
	out.Memory, errs[0] = mem.VirtualMemoryWithContext(ctx)
	out.CPU, errs[1] = cpu.InfoWithContext(ctx)
	out.Host, errs[2] = host.InfoWithContext(ctx)
	out.Disk, errs[3] = disk.UsageWithContext(ctx, h.dataDir)
	for i, what := range []string{"memory", "CPU", "host", "disk"} {
		if errs[i] != nil {
			out.Errors = append(out.Errors, what+": "+errs[i].Error())
		}
	}
	return exchange.Answer(out)
}
