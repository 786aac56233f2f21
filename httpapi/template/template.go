// Package template answers /v1/failover/templates: the templates that this agent renders, and how they fare. It is Holdfast's own.
package template

import (
	"net/http"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Templates says how the agent's templates fare, in the order of its config.
type Templates interface {
	Templates() []cluster.TemplateState
}

// Routes are the endpoints of /v1/failover/templates.
func Routes(t Templates) exchange.Routes {
	return exchange.Routes{"/v1/failover/templates": {http.MethodGet: func(*exchange.Request) (*exchange.Reply, error) {
		return exchange.Answer(exchange.Each(t.Templates(), fromState))
	}}}
}

// Status is a template with what became of it. Times are RFC 3339, durations strings such as "12ms".
type Status struct {
	Source      string
	Destination string
	Phase       string // starting, waiting, rendered, refused or failed
	Why         string
	Rendered    time.Time // when the file was written last since the agent has started
	Writes      uint64    // how many times since then
	Command     Command
}

// Command is the last run of the command behind a template.
type Command struct {
	Command string
	Started time.Time
	Lag     string // from the change to the start
	Took    string
	Error   string
	Output  string // the end of it
}

func fromState(s cluster.TemplateState) Status {
	c := s.Command
	return Status{
		Source: s.Source, Destination: s.Destination, Phase: s.Phase, Why: s.Why, Rendered: s.Rendered, Writes: s.Writes,
		Command: Command{Command: c.Command, Started: c.Started, Lag: c.Lag.String(), Took: c.Took.String(), Error: c.Error, Output: c.Output},
	}
}
