package cluster

import (
	"reflect"
	"slices"
	"time"
)

// Status is the health of a check, or the worst of several.
type Status string

// The states of a check, from best to worst. Maintenance is shown as critical in the catalog.
const (
	Passing  Status = "passing"
	Warning  Status = "warning"
	Critical Status = "critical"
)

// Valid reports whether s is one of the three states.
func (s Status) Valid() bool { return s == Passing || s == Warning || s == Critical }

// Worse is the worse of two states.
func (s Status) Worse(o Status) Status {
	switch {
	case s == Critical || o == Critical:
		return Critical
	case s == Warning || o == Warning:
		return Warning
	}
	return Passing
}

// Check IDs with a meaning of their own.
const (
	SerfHealth         = "serfHealth"            // the node check that the leader keeps from gossip
	SerfHealthName     = "Serf Health Status"    //
	NodeMaintenance    = "_node_maintenance"     // critical while the node is in maintenance
	ServiceMaintenance = "_service_maintenance:" // followed by the service ID
)

// Check is the health of a node or of one service instance, as the catalog holds it. A Check that a View hands out is shared and
// must not be changed.
type Check struct {
	Node        string
	ID          string // unique on its node
	Name        string
	Status      Status
	Notes       string
	Output      string
	ServiceID   string   // "" for a check of the whole node
	ServiceName string   // filled in by the state
	ServiceTags []string // filled in by the state
	Type        string   // "ttl", "http", "script", …; "" where a program registered it
	Interval    string   // as configured, "10s"
	Timeout     string

	CreateIndex, ModifyIndex uint64
}

// Validate says in one sentence what is wrong with the check, or returns nil.
func (c *Check) Validate() error {
	switch {
	case c.ID == "" && c.Name == "":
		return Errorf(Invalid, "a check of node %q has neither an ID nor a name: give CheckID or Name", c.Node)
	case !c.Status.Valid():
		return Errorf(Invalid, "check %q has status %q: want passing, warning or critical", c.ID, c.Status)
	}
	return nil
}

// Equal reports whether two checks say the same, indexes and what the state fills in aside.
func (c *Check) Equal(o *Check) bool {
	return c.Node == o.Node && c.ID == o.ID && c.Name == o.Name && c.Status == o.Status && c.Notes == o.Notes && c.Output == o.Output &&
		c.ServiceID == o.ServiceID && c.Type == o.Type && c.Interval == o.Interval && c.Timeout == o.Timeout &&
		c.ServiceName == o.ServiceName && slices.Equal(c.ServiceTags, o.ServiceTags)
}

// Worst is the worst state of the checks, Passing for none.
func Worst(checks []*Check) Status {
	s := Passing
	for _, c := range checks {
		s = s.Worse(c.Status)
	}
	return s
}

// CheckDefinition is what an agent needs to run a check. Exactly one of Args, HTTP, TCP, TTL, Process and Maintenance is given.
type CheckDefinition struct {
	ID        string
	Name      string
	Notes     string
	ServiceID string // "" for a check of the whole node

	Args    []string // a program and its arguments; exit 0 passing, 1 warning, else critical
	HTTP    string   // a URL; 2xx passing, 429 warning, else critical
	TCP     string   // host:port that must accept a connection
	TTL     time.Duration
	Process *ProcessCheck

	Maintenance bool // it runs nothing: it is critical for as long as it is registered

	Interval         time.Duration
	Timeout          time.Duration // 0 means 10 s, 30 s for Args
	Method           string        // of HTTP, default GET
	Header           map[string][]string
	Body             string
	TLSServerName    string
	TLSSkipVerify    bool
	DisableRedirects bool

	InitialStatus                  Status // "" means critical
	SuccessBeforePassing           int
	FailuresBeforeWarning          int
	FailuresBeforeCritical         int
	DeregisterCriticalServiceAfter time.Duration // 0 means never
	OutputMaxSize                  int           // bytes, 0 means DefaultOutputMaxSize
}

// ProcessCheck names a process to watch by event. Exactly one field is given.
type ProcessCheck struct {
	PIDFile string // a file that holds the process ID
	Command string // a command line as in /proc/PID/cmdline, joined with blanks: its beginning
	Unit    string // a systemd unit, "nginx.service"
}

// Limits of check definitions.
const (
	DefaultOutputMaxSize = 4096
	MinCheckInterval     = 100 * time.Millisecond
)

// Kind is the one-word type of the check as the catalog shows it: "script", "http", "tcp", "ttl", "process", "maintenance".
func (d *CheckDefinition) Kind() string {
	switch {
	case len(d.Args) > 0:
		return "script"
	case d.HTTP != "":
		return "http"
	case d.TCP != "":
		return "tcp"
	case d.TTL > 0:
		return "ttl"
	case d.Process != nil:
		return "process"
	case d.Maintenance:
		return "maintenance"
	}
	return ""
}

// Validate says in one sentence what is wrong with the definition, or returns nil.
func (d *CheckDefinition) Validate() error {
	kinds := 0
	for _, given := range []bool{len(d.Args) > 0, d.HTTP != "", d.TCP != "", d.TTL > 0, d.Process != nil, d.Maintenance} {
		if given {
			kinds++
		}
	}
	switch {
	case d.Name == "" && d.ID == "":
		return Errorf(Invalid, "a check has neither an ID nor a name: give check ID or name")
	case kinds != 1:
		return Errorf(Invalid, "check %q gives %d of args, http, tcp, ttl and process: give exactly one", d.label(), kinds)
	case d.Process != nil && !d.Process.valid():
		return Errorf(Invalid, "check %q: process wants exactly one of pid_file, command and unit", d.label())
	case d.needsInterval() && d.Interval <= 0:
		return Errorf(Invalid, "check %q has no interval: give one of at least %s", d.label(), MinCheckInterval)
	case d.needsInterval() && d.Interval < MinCheckInterval:
		return Errorf(Invalid, "check %q has interval %s: the shortest is %s", d.label(), d.Interval, MinCheckInterval)
	case d.Timeout < 0 || d.TTL < 0 || d.DeregisterCriticalServiceAfter < 0:
		return Errorf(Invalid, "check %q has a negative duration", d.label())
	case d.InitialStatus != "" && !d.InitialStatus.Valid():
		return Errorf(Invalid, "check %q has initial status %q: want passing, warning or critical", d.label(), d.InitialStatus)
	case d.FailuresBeforeWarning > d.FailuresBeforeCritical && d.FailuresBeforeCritical > 0:
		return Errorf(Invalid, "check %q has failures_before_warning above failures_before_critical", d.label())
	case d.OutputMaxSize < 0:
		return Errorf(Invalid, "check %q has a negative output_max_size", d.label())
	}
	return nil
}

func (d *CheckDefinition) needsInterval() bool { return len(d.Args) > 0 || d.HTTP != "" || d.TCP != "" }

func (d *CheckDefinition) label() string {
	if d.ID != "" {
		return d.ID
	}
	return d.Name
}

func (p *ProcessCheck) valid() bool {
	n := 0
	for _, s := range []string{p.PIDFile, p.Command, p.Unit} {
		if s != "" {
			n++
		}
	}
	return n == 1
}

// Equal reports whether two definitions say the same.
func (d *CheckDefinition) Equal(o *CheckDefinition) bool { return reflect.DeepEqual(d, o) }
