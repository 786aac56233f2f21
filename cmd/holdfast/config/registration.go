package config

import (
	"fmt"
	"slices"

	"holdfast/cluster"
)

func buildRegistrations(c *Config, f *File) error {
	for _, s := range slices.Concat(f.Service, f.Services) {
		r, err := s.registration(c.NodeName)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(c.Services, func(o Registration) bool { return o.Service.ID == r.Service.ID }) {
			return fmt.Errorf("service ID %q is given twice: give each instance an id of its own", r.Service.ID)
		}
		c.Services = append(c.Services, r)
	}
	for _, ch := range slices.Concat(f.Check, f.Checks) {
		d, err := ch.Definition()
		if err != nil {
			return err
		}
		c.Checks = append(c.Checks, d)
	}
	return scriptsAllowed(c)
}

func scriptsAllowed(c *Config) error {
	if c.LocalScriptChecks {
		return nil
	}
	all := slices.Clone(c.Checks)
	for _, r := range c.Services {
		all = append(all, r.Checks...)
	}
	for _, d := range all {
		if len(d.Args) > 0 {
			return fmt.Errorf("check %q runs a program (args), which is off: set enable_local_script_checks = true", d.Name)
		}
	}
	return nil
}

func (s *Service) registration(node string) (Registration, error) {
	id := s.ID
	if id == "" {
		id = s.Name
	}
	r := Registration{Service: cluster.Service{
		Node: node, ID: id, Name: s.Name, Kind: s.Kind, Tags: s.Tags, Address: s.Address, Meta: s.Meta, Port: s.Port,
		SocketPath: s.SocketPath, EnableTagOverride: s.EnableTagOverride, Weights: cluster.DefaultWeights,
		Locality: cluster.Locality(s.Locality),
	}}
	if s.Weights != nil {
		r.Service.Weights = cluster.Weights{Passing: or(s.Weights.Passing, 1), Warning: or(s.Weights.Warning, 1)}
	}
	for k, a := range s.TaggedAddresses {
		if r.Service.TaggedAddresses == nil {
			r.Service.TaggedAddresses = map[string]cluster.ServiceAddress{}
		}
		r.Service.TaggedAddresses[k] = cluster.ServiceAddress{Address: a.Address, Port: a.Port}
	}
	if err := r.Service.Validate(); err != nil {
		return r, err
	}
	checks := slices.Concat(s.Check, s.Checks)
	for i, ch := range checks {
		ch.defaults(s.Name, id, i, len(checks))
		d, err := ch.Definition()
		if err != nil {
			return r, fmt.Errorf("service %q: %w", s.Name, err)
		}
		r.Checks = append(r.Checks, d)
	}
	return r, nil
}

// defaults names a check of a service as Consul does: "service:web", with a number where there are several.
func (c *Check) defaults(service, serviceID string, i, n int) {
	c.ServiceID = serviceID
	if c.Name == "" {
		c.Name = fmt.Sprintf("Service '%s' check", service)
	}
	if c.ID == "" {
		c.ID = "service:" + serviceID
		if n > 1 {
			c.ID += fmt.Sprintf(":%d", i+1)
		}
	}
}

// Definition is the check as the agent runs it.
func (c *Check) Definition() (cluster.CheckDefinition, error) {
	d := cluster.CheckDefinition{
		ID: c.ID, Name: c.Name, Notes: c.Notes, ServiceID: c.ServiceID, Args: slices.Concat(c.ScriptArg, c.Args), HTTP: c.HTTP, TCP: c.TCP, TTL: c.TTL,
		UDP: c.UDP, GRPC: c.GRPC, H2Ping: c.H2Ping, DockerContainerID: c.Container, Shell: c.Shell,
		TCPUseTLS: c.TCPUseTLS, GRPCUseTLS: c.GRPCUseTLS, H2PingUseTLS: c.H2Ping != "" && or(c.H2PingUseTLS, true),
		Interval: c.Interval, Timeout: c.Timeout, Method: c.Method, Header: c.Header, Body: c.Body,
		TLSServerName: c.TLSServerName, TLSSkipVerify: c.TLSSkipVerify, DisableRedirects: c.DisableRedirects,
		InitialStatus: cluster.Status(c.Status), SuccessBeforePassing: c.SuccessBeforePassing,
		FailuresBeforeWarning: c.FailuresBeforeWarning, FailuresBeforeCritical: c.FailuresBeforeCritical,
		DeregisterCriticalServiceAfter: c.DeregisterCriticalServiceAfter, OutputMaxSize: c.OutputMaxSize,
		Ping: c.Ping, DNS: (*cluster.DNSCheck)(c.DNS), MySQL: (*cluster.DatabaseCheck)(c.MySQL), Postgres: (*cluster.DatabaseCheck)(c.Postgres), OSService: c.OSService,
	}
	if c.Process != nil {
		d.Process = &cluster.ProcessCheck{PIDFile: c.Process.PIDFile, Command: c.Process.Command, Unit: c.Process.Unit}
	}
	if c.AliasNode != "" || c.AliasService != "" {
		d.Alias = &cluster.AliasCheck{Node: c.AliasNode, Service: c.AliasService}
	}
	if d.ID == "" {
		d.ID = d.Name
	}
	if d.Name == "" {
		d.Name = d.ID
	}
	return d, d.Validate()
}
