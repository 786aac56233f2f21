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
	UDP        string
	GRPC       string
	H2Ping     string
	TTL        exchange.Duration
	Process    *cluster.ProcessCheck
	Ping       string
	DNS        *cluster.DNSCheck
	MySQL      *databaseJSON
	Postgres   *databaseJSON
	OSService  string

	AliasNode, AliasService  string
	DockerContainerID, Shell string

	Interval         exchange.Duration
	Timeout          exchange.Duration
	Method           string
	Header           map[string][]string
	Body             string
	TLSServerName    string
	TLSSkipVerify    bool
	DisableRedirects bool
	TCPUseTLS        bool
	GRPCUseTLS       bool
	H2PingUseTLS     *bool // absent means true

	SuccessBeforePassing           int
	FailuresBeforeWarning          int
	FailuresBeforeCritical         int
	DeregisterCriticalServiceAfter exchange.Duration
	OutputMaxSize                  int

	Script string // the form of before Consul 1.0; refused where it asks for something

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
	switch {
	case s.Name == "":
		return s, nil, cluster.Errorf(cluster.Invalid, "Missing service name: give it in the field Name")
	case b.Weights != nil && b.Weights.Passing < 1:
		return s, nil, cluster.Errorf(cluster.Invalid, "Invalid Weights: Passing must be greater than 0, service %q has %d", s.Name, b.Weights.Passing)
	case b.Weights != nil && b.Weights.Warning < 0:
		return s, nil, cluster.Errorf(cluster.Invalid, "Invalid Weights: Warning must be greater or equal than 0, service %q has %d", s.Name, b.Weights.Warning)
	}
	if meshKinds[s.Kind] {
		return s, nil, cluster.Errorf(cluster.Unsupported, "service %q is of kind %s, a part of the service mesh, which Holdfast leaves out", b.Name, b.Kind)
	}
	if err := b.refuseMesh(); err != nil {
		return s, nil, err
	}
	if err := s.Validate(); err != nil {
		return s, nil, err
	}
	if err := wire.Reachable(&s); err != nil {
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

// meshKinds are the kinds of services that only a mesh has.
var meshKinds = map[string]bool{
	"connect-proxy": true, "mesh-gateway": true, "terminating-gateway": true, "ingress-gateway": true, "api-gateway": true, "destination": true, "connect-enabled": true,
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
	named := *c
	named.Name = cmp.Or(c.Name, fmt.Sprintf("Service '%s' check", s.Name))
	d, err := named.definition()
	d.ServiceID = s.ID
	if d.ID = cmp.Or(c.CheckID, c.ID); d.ID == "" {
		d.ID = "service:" + s.ID
		if n > 1 {
			d.ID += fmt.Sprintf(":%d", i+1)
		}
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

func (c *checkDefinitionJSON) definition() (cluster.CheckDefinition, error) {
	d := cluster.CheckDefinition{
		Name: c.Name, Notes: c.Notes, ServiceID: c.ServiceID, Args: append(c.Args, c.ScriptArgs...), HTTP: c.HTTP, TCP: c.TCP, UDP: c.UDP, GRPC: c.GRPC, H2Ping: c.H2Ping,
		TCPUseTLS: c.TCPUseTLS, GRPCUseTLS: c.GRPCUseTLS, DockerContainerID: c.DockerContainerID, Shell: c.Shell, TTL: time.Duration(c.TTL),
		Process: c.Process, Interval: time.Duration(c.Interval), Timeout: time.Duration(c.Timeout), Method: c.Method, Header: c.Header, Body: c.Body,
		TLSServerName: c.TLSServerName, TLSSkipVerify: c.TLSSkipVerify, DisableRedirects: c.DisableRedirects, InitialStatus: cluster.Status(c.Status),
		SuccessBeforePassing: c.SuccessBeforePassing, FailuresBeforeWarning: c.FailuresBeforeWarning, FailuresBeforeCritical: c.FailuresBeforeCritical,
		DeregisterCriticalServiceAfter: time.Duration(c.DeregisterCriticalServiceAfter), OutputMaxSize: c.OutputMaxSize,
		Ping: c.Ping, DNS: c.DNS, MySQL: c.MySQL.check(), Postgres: c.Postgres.check(), OSService: c.OSService,
	}
	if d.Interval > 0 {
		d.Interval = max(d.Interval, cluster.MinCheckInterval) // Consul's agent takes any, too, and then asks less often
	}
	if d.DeregisterCriticalServiceAfter > 0 {
		d.DeregisterCriticalServiceAfter = max(d.DeregisterCriticalServiceAfter, cluster.MinDeregisterAfter)
	}
	if c.H2Ping != "" {
		d.H2PingUseTLS = c.H2PingUseTLS == nil || *c.H2PingUseTLS
	}
	if c.AliasNode != "" || c.AliasService != "" {
		d.Alias = &cluster.AliasCheck{Node: c.AliasNode, Service: c.AliasService}
	}
	if c.Script != "" {
		return d, cluster.Errorf(cluster.Invalid, "check %q has the field Script, which Consul 1.0 has done away with: give the program and its arguments in Args", c.Name)
	}
	return d, nil
}

// empty reports whether a check of a service defines nothing: some clients always send one.
func (c *checkDefinitionJSON) empty() bool {
	d, err := c.definition()
	return err == nil && d.Kind() == "" && c.Interval == 0 && c.TTL == 0
}
