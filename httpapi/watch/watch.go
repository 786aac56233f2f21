// Package watch answers /v1/agent/watches: the watches that this agent runs, and how their handlers fare. It is Holdfast's own; Consul has
// its watches in the log alone.
package watch

import (
	"net/http"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Watches says how the agent's watches fare, in the order of its config.
type Watches interface {
	Watches() []cluster.WatchStatus
}

// Routes are the endpoints of /v1/agent/watches.
func Routes(w Watches) exchange.Routes {
	return exchange.Routes{"/v1/agent/watches": {http.MethodGet: func(*exchange.Request) (*exchange.Reply, error) {
		return exchange.Answer(exchange.Each(w.Watches(), fromStatus))
	}}}
}

// Status is a watch with what its handler did last. Times are RFC 3339, durations strings such as "10s".
type Status struct {
	Type        string
	Key         string   `json:",omitempty"`
	Prefix      string   `json:",omitempty"`
	Service     string   `json:",omitempty"`
	Tags        []string `json:",omitempty"`
	PassingOnly bool     `json:",omitempty"`
	State       string   `json:",omitempty"`
	Name        string   `json:",omitempty"`
	Filter      string   `json:",omitempty"`

	Handler string // the program with its arguments, or the URL
	Waiting string // why there is no answer yet, "" where there is one
	Index   uint64 // of what was handed on last
	Runs    uint64
	Failed  uint64 // of them
	Running bool
	Started time.Time // the newest run
	Took    string
	Error   string // of the newest run, "" where all went well
	Output  string // the end of its output
}

func fromStatus(s cluster.WatchStatus) Status {
	w := s.Watch
	return Status{
		Type: w.Type, Key: w.Key, Prefix: w.Prefix, Service: w.Service, Tags: w.Tags, PassingOnly: w.PassingOnly, State: w.State, Name: w.Name, Filter: w.Filter,
		Handler: w.Handler(), Waiting: s.Waiting, Index: s.Index, Runs: s.Runs, Failed: s.Failures, Running: s.Running, Started: s.Started, Took: s.Took.String(),
		Error: s.Error, Output: s.Output,
	}
}
