package cluster

import (
	"reflect"
	"strings"
	"time"
)

// CheckDefinition is what an agent needs to run a check. It is of exactly one kind; see Kind.
type CheckDefinition struct {
	ID        string
	Name      string
	Notes     string
	ServiceID string // "" for a check of the whole node

	Args    []string // a program and its arguments; exit 0 passing, 1 warning, else critical
	HTTP    string   // a URL; 2xx passing, 429 warning, else critical
	TCP     string   // host:port that must accept a connection, over TLS where TCPUseTLS
	UDP     string   // host:port that must not refuse a datagram
	GRPC    string   // host:port, or host:port/service, that must say SERVING
	H2Ping  string   // host:port that must answer an HTTP/2 ping
	TTL     time.Duration
	Process *ProcessCheck
	Alias   *AliasCheck

	Ping      string // a host that must answer an ICMP echo
	DNS       *DNSCheck
	MySQL     *DatabaseCheck // or MariaDB
	Postgres  *DatabaseCheck
	OSService string // a systemd unit that must be active; ".service" may be left out

	DockerContainerID string // the container that Args run in
	Shell             string // that Args run in there, "" for none

	Maintenance bool // it runs nothing: it is critical for as long as it is registered

	Interval         time.Duration
	Timeout          time.Duration // 0 means 10 s, 30 s for Args
	Method           string        // of HTTP, default GET
	Header           map[string][]string
	Body             string
	TLSServerName    string
	TLSSkipVerify    bool
	DisableRedirects bool

	TCPUseTLS, GRPCUseTLS, H2PingUseTLS bool

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

// AliasCheck names whose health a check repeats: that of a node, or of one instance on it.
type AliasCheck struct {
	Node    string // "" means the node of the check itself
	Service string // an ID; "" means the checks of the node alone
}

// Limits of check definitions.
const (
	DefaultOutputMaxSize = 4096
	MinCheckInterval     = 100 * time.Millisecond
	MinDeregisterAfter   = time.Minute // what is shorter counts as this, as in Consul
)

// kinds are the kinds that the definition is of: one, if it is valid.
func (d *CheckDefinition) kinds() []string {
	var out []string
	for _, k := range []struct {
		name  string
		given bool
	}{
		{"script", len(d.Args) > 0 && d.DockerContainerID == ""},
		{"docker", d.DockerContainerID != ""},
		{"http", d.HTTP != ""},
		{"tcp", d.TCP != ""},
		{"udp", d.UDP != ""},
		{"grpc", d.GRPC != ""},
		{"h2ping", d.H2Ping != ""},
		{"ttl", d.TTL > 0},
		{"process", d.Process != nil},
		{"alias", d.Alias != nil},
		{"ping", d.Ping != ""},
		{"dns", d.DNS != nil},
		{"mysql", d.MySQL != nil},
		{"postgres", d.Postgres != nil},
		{"os_service", d.OSService != ""},
		{"maintenance", d.Maintenance},
	} {
		if k.given {
			out = append(out, k.name)
		}
	}
	return out
}

// Kind is the one-word type of the check as the catalog shows it: "script", "docker", "http", "tcp", "udp", "grpc", "h2ping", "ttl",
// "process", "alias", "ping", "dns", "mysql", "postgres", "os_service", "maintenance".
func (d *CheckDefinition) Kind() string {
	if k := d.kinds(); len(k) > 0 {
		return k[0]
	}
	return ""
}

// Validate says in one sentence what is wrong with the definition, or returns nil.
func (d *CheckDefinition) Validate() error {
	kinds := d.kinds()
	switch {
	case d.Name == "" && d.ID == "":
		return Errorf(Invalid, "a check has neither an ID nor a name: give check ID or name")
	case hasNUL(d.ID) || hasNUL(d.Name) || hasNUL(d.ServiceID):
		return Errorf(Invalid, "check ID %q, its name %q or its service ID %q has a NUL character", d.ID, d.Name, d.ServiceID)
	case d.Timeout < 0 || d.TTL < 0 || d.DeregisterCriticalServiceAfter < 0:
		return Errorf(Invalid, "check %q has a negative duration", d.label())
	case len(kinds) == 0:
		return Errorf(Invalid, "check %q does not say what to check: give one of args, http, tcp, udp, grpc, h2ping, ttl, process, ping, dns, mysql, postgres, os_service and alias_node or alias_service", d.label())
	case len(kinds) > 1:
		return Errorf(Invalid, "check %q is of more than one kind (%s): give each a check of its own", d.label(), strings.Join(kinds, " and "))
	case d.DockerContainerID != "" && len(d.Args) == 0:
		return Errorf(Invalid, "check %q names a container and not what to run in it: give args", d.label())
	case d.Process != nil && !d.Process.valid():
		return Errorf(Invalid, "check %q: process wants exactly one of pid_file, command and unit", d.label())
	case d.targetAmiss() != "":
		return Errorf(Invalid, "check %q: %s", d.label(), d.targetAmiss())
	case d.needsInterval() && d.Interval <= 0:
		return Errorf(Invalid, "check %q has no interval: give one of at least %s", d.label(), MinCheckInterval)
	case d.needsInterval() && d.Interval < MinCheckInterval:
		return Errorf(Invalid, "check %q has interval %s: the shortest is %s", d.label(), d.Interval, MinCheckInterval)
	case d.InitialStatus != "" && !d.InitialStatus.Valid():
		return Errorf(Invalid, "check %q has initial status %q: want passing, warning or critical", d.label(), d.InitialStatus)
	case d.FailuresBeforeWarning > d.FailuresBeforeCritical && d.FailuresBeforeCritical > 0:
		return Errorf(Invalid, "check %q has failures_before_warning above failures_before_critical", d.label())
	case d.OutputMaxSize < 0:
		return Errorf(Invalid, "check %q has a negative output_max_size", d.label())
	}
	return nil
}

// targetAmiss is what is wrong with what the check asks, "" for nothing.
func (d *CheckDefinition) targetAmiss() string {
	switch {
	case d.DNS != nil:
		return d.DNS.amiss()
	case d.MySQL != nil:
		return d.MySQL.amiss("mysql")
	case d.Postgres != nil:
		return d.Postgres.amiss("postgres")
	}
	return ""
}

// needsInterval reports whether the check is of a kind that asks again and again.
func (d *CheckDefinition) needsInterval() bool {
	return d.TTL == 0 && d.Process == nil && d.Alias == nil && !d.Maintenance
}

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
