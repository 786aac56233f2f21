package agent

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// agentRegistrationJSON is the body of agent/service/register. Fields may also be spelt as in config files, enable_tag_override.
type agentRegistrationJSON struct {
	exchange.Place
	Kind              string
	ID                string
	Name              string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]wire.ServiceAddress
	Meta              map[string]string
	Port              int
	SocketPath        string
	Weights           *wire.Weights
	EnableTagOverride bool
	Locality          *wire.Locality
	Check             *checkDefinitionJSON
	Checks            []*checkDefinitionJSON

	Connect, Proxy            json.RawMessage // of the mesh
	EnterpriseMeta, Replicate json.RawMessage // not ours
}

// checkDefinitionJSON is a check as a client defines it: for agent/check/register, or within a service.
type checkDefinitionJSON struct {
	exchange.Place
	ID        string // of a check alone
	CheckID   string // of a check within a service
	Name      string
	Notes     string
	ServiceID string
	Status    string

	Args       []string
	ScriptArgs []string // the older name of Args
	HTTP       string
	TCP        string
	TTL        exchange.Duration
	Process    *cluster.ProcessCheck

	Interval         exchange.Duration
	Timeout          exchange.Duration
	Method           string
	Header           map[string][]string
	Body             string
	TLSServerName    string
	TLSSkipVerify    bool
	DisableRedirects bool

	SuccessBeforePassing           int
	FailuresBeforeWarning          int
	FailuresBeforeCritical         int
	DeregisterCriticalServiceAfter exchange.Duration
	OutputMaxSize                  int

	// Kinds of checks that this agent does not run. They are refused by name where they ask for something.
	Script, DockerContainerID, Shell, GRPC, UDP, H2Ping, AliasNode, AliasService, OSService string
	GRPCUseTLS, H2PingUseTLS, TCPUseTLS                                                     bool

	EnterpriseMeta json.RawMessage // not ours
}

// UnmarshalJSON reads either spelling of the fields.
func (b *agentRegistrationJSON) UnmarshalJSON(data []byte) error {
	type plain agentRegistrationJSON
	return decodeEitherSpelling(data, (*plain)(b))
}

// UnmarshalJSON reads either spelling of the fields.
func (c *checkDefinitionJSON) UnmarshalJSON(data []byte) error {
	type plain checkDefinitionJSON
	return decodeEitherSpelling(data, (*plain)(c))
}

// decodeEitherSpelling decodes an object whose field names may have underscores.
func decodeEitherSpelling(data []byte, v any) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	if fields == nil {
		return nil // null
	}
	for name, value := range fields {
		if bare := strings.ReplaceAll(name, "_", ""); bare != name {
			delete(fields, name)
			fields[bare] = value
		}
	}
	plain, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return exchange.DecodeStrict(plain, v)
}

// service is the instance with its checks, complete with their IDs and names.
func (b *agentRegistrationJSON) service() (cluster.Service, []cluster.CheckDefinition, error) {
	s := cluster.Service{
		ID: b.ID, Name: b.Name, Kind: b.Kind, Tags: b.Tags, Address: b.Address, TaggedAddresses: wire.ServiceAddressesOf(b.TaggedAddresses), Meta: b.Meta,
		Port: b.Port, SocketPath: b.SocketPath, Weights: wire.WeightsOf(b.Weights), EnableTagOverride: b.EnableTagOverride,
		Locality: wire.LocalityOf(b.Locality),
	}
	if s.ID == "" {
		s.ID = s.Name
	}
	if err := b.refuseMesh(); err != nil {
		return s, nil, err
	}
	if err := s.Validate(); err != nil {
		return s, nil, err
	}
	given := slices.DeleteFunc(append([]*checkDefinitionJSON{b.Check}, b.Checks...), func(c *checkDefinitionJSON) bool { return c == nil || c.empty() })
	var checks []cluster.CheckDefinition
	for i, c := range given {
		d, err := c.ofService(&s, i, len(given))
		if err != nil {
			return s, nil, err
		}
		checks = append(checks, d)
	}
	return s, checks, nil
}

// refuseMesh refuses what only a service mesh can do. Empty objects, which some clients always send, ask for nothing.
func (b *agentRegistrationJSON) refuseMesh() error {
	for name, raw := range map[string]json.RawMessage{"Connect": b.Connect, "Proxy": b.Proxy} {
		var fields map[string]any
		if raw == nil || json.Unmarshal(raw, &fields) == nil && len(fields) == 0 {
			continue
		}
		return cluster.Errorf(cluster.Unsupported, "service %q: the field %s is part of the service mesh, which Holdfast leaves out", b.Name, name)
	}
	return nil
}

// ofService is a check of a service, named as Consul does: "service:web", with a number where there are several.
func (c *checkDefinitionJSON) ofService(s *cluster.Service, i, n int) (cluster.CheckDefinition, error) {
	d, err := c.definition()
	d.ServiceID = s.ID
	if d.ID = cmp.Or(c.CheckID, c.ID); d.ID == "" {
		d.ID = "service:" + s.ID
		if n > 1 {
			d.ID += fmt.Sprintf(":%d", i+1)
		}
	}
	if d.Name == "" {
		d.Name = fmt.Sprintf("Service '%s' check", s.Name)
	}
	if err != nil {
		return d, err
	}
	return d, d.Validate()
}

// alone is a check that is registered by itself.
func (c *checkDefinitionJSON) alone() (cluster.CheckDefinition, error) {
	if c.CheckID != "" {
		return cluster.CheckDefinition{}, cluster.Errorf(cluster.Invalid, "Request decode failed: a check has no field CheckID here: give its ID in the field ID")
	}
	d, err := c.definition()
	if err != nil {
		return d, err
	}
	if d.ID = c.ID; d.ID == "" {
		d.ID = d.Name
	}
	if d.Name == "" {
		d.Name = d.ID
	}
	return d, d.Validate()
}

// leastDeregister is the shortest time after which a critical service may be deregistered. It is Consul's.
const leastDeregister = time.Minute

func (c *checkDefinitionJSON) definition() (cluster.CheckDefinition, error) {
	d := cluster.CheckDefinition{
		Name: c.Name, Notes: c.Notes, ServiceID: c.ServiceID, Args: append(c.Args, c.ScriptArgs...), HTTP: c.HTTP, TCP: c.TCP, TTL: time.Duration(c.TTL),
		Process: c.Process, Interval: time.Duration(c.Interval), Timeout: time.Duration(c.Timeout), Method: c.Method, Header: c.Header, Body: c.Body,
		TLSServerName: c.TLSServerName, TLSSkipVerify: c.TLSSkipVerify, DisableRedirects: c.DisableRedirects, InitialStatus: cluster.Status(c.Status),
		SuccessBeforePassing: c.SuccessBeforePassing, FailuresBeforeWarning: c.FailuresBeforeWarning, FailuresBeforeCritical: c.FailuresBeforeCritical,
		DeregisterCriticalServiceAfter: time.Duration(c.DeregisterCriticalServiceAfter), OutputMaxSize: c.OutputMaxSize,
	}
	if d.DeregisterCriticalServiceAfter > 0 {
		d.DeregisterCriticalServiceAfter = max(d.DeregisterCriticalServiceAfter, leastDeregister)
	}
	if kind := c.otherKind(); kind != "" {
		return d, cluster.Errorf(cluster.Invalid, "check %q is of kind %s: this agent runs Args, HTTP, TCP, TTL and Process checks", c.Name, kind)
	}
	return d, nil
}

// otherKind names the kind of a check that this agent does not run.
func (c *checkDefinitionJSON) otherKind() string {
	for _, k := range []struct{ name, value string }{
		{"Script", c.Script},
		{"DockerContainerID", c.DockerContainerID},
		{"GRPC", c.GRPC},
		{"UDP", c.UDP},
		{"H2Ping", c.H2Ping},
		{"AliasNode", c.AliasNode},
		{"AliasService", c.AliasService},
		{"OSService", c.OSService},
	} {
		if k.value != "" {
			return k.name
		}
	}
	if c.TCPUseTLS {
		return "TCPUseTLS"
	}
	return ""
}

// empty reports whether a check of a service defines nothing: some clients always send one.
func (c *checkDefinitionJSON) empty() bool {
	return len(c.Args) == 0 && len(c.ScriptArgs) == 0 && c.HTTP == "" && c.TCP == "" && c.TTL == 0 && c.Process == nil && c.otherKind() == "" && c.Interval == 0
}
