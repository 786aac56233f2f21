package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/local"
	"holdfast/httpapi"
	"holdfast/httpapi/agent"
	"holdfast/httpapi/datacenter"
)

// listenHTTP takes the API's addresses.
func (d *daemon) listenHTTP() (err error) {
	if d.http, err = httpapi.Listen(httpapi.Addresses{Plain: d.cfg.HTTPAddrs, Secure: d.cfg.HTTPSAddrs}, httpapi.Limits{ConnsPerClient: d.cfg.HTTPMaxConns, HeaderBytes: d.cfg.MaxHeaderBytes}, d.log.With("component", "http")); err != nil {
		return err
	}
	d.surfaces = append(d.surfaces, func() { _ = d.http.Close() })
	return d.handOverSockets()
}

// handOverSockets gives the unix sockets to whom unix_sockets names.
func (d *daemon) handOverSockets() error {
	u := d.cfg.Sockets
	for _, a := range d.cfg.HTTPAddrs {
		path, ok := strings.CutPrefix(a, "unix://")
		if !ok {
			continue
		}
		if u.Mode != 0 {
			if err := os.Chmod(path, u.Mode); err != nil {
				return fmt.Errorf("cannot set unix_sockets.mode: %w", err)
			}
		}
		if u.UID >= 0 || u.GID >= 0 {
			if err := os.Chown(path, u.UID, u.GID); err != nil {
				return fmt.Errorf("cannot set unix_sockets.user and group: %w", err)
			}
		}
	}
	return nil
}

// serveHTTP begins to answer.
func (d *daemon) serveHTTP() {
	c := d.cfg
	self := agent.Config{
		Datacenter: c.Datacenter, Domain: c.Domain, NodeName: c.NodeName, NodeID: d.agent.ID(), NodeMeta: c.NodeMeta, Server: c.Server,
		Version: compatVersion, Revision: revision, BuildDate: buildDate(), DataDir: d.dir, SessionTTLMin: c.SessionTTLMin, ScriptChecks: c.ScriptChecks,
		Debug: d.debugConfig(), Reload: d.askReload, Shutdown: d.hasLeft,
	}
	deps := httpapi.Deps{
		Reader: d.agent, Writer: d.agent, Sessions: d.agent, Pool: pool{d}, Raft: d.agent, Registry: registry{d.agent.Registry()},
		Failover: d.newOperator(), Events: d.agent, Queries: d.agent, Archives: d.agent, Keys: d.agent, Watches: d.watches, Templates: d.templates, Proxies: proxies{d}, Log: d.log.tap, Metrics: d.telemetry,
	}
	if w := d.agent.WAN(); w != nil {
		deps.WAN = w
	}
	deps.Abroad = d.others
	d.api = httpapi.New(httpapi.Config{
		Config: self, ResponseHeaders: c.ResponseHeaders, NoConnect: c.NoConnect, NoCache: c.NoCache, KVMaxValueSize: c.KVMaxValueSize, DefaultWait: c.DefaultQueryTime, MaxWait: c.MaxQueryTime,
		Elsewhere: d.others, Registerer: d.telemetry.Registerer(), Profiles: c.EnableDebug,
	}, deps, d.log.With("component", "http"))
	d.http.Secure(c.TLS.HTTPS)
	d.http.Serve(httpapi.Guard(d.api, c.BlockEndpoints, c.AllowWriteFrom))
	d.http.ServeHanded(d.agent.Web(), datacenter.Arrivals(d.api))
}

// debugConfig is the configuration as /v1/agent/self shows it: what programs look for there, under Consul's names, and ours.
func (d *daemon) debugConfig() map[string]any {
	c := d.cfg
	return map[string]any{
		"BindAddr": c.BindAddr.String(), "AdvertiseAddrLAN": c.AdvertiseAddr.String(), "HTTPAddrs": urls(c.HTTPAddrs, "tcp"), "HTTPSAddrs": urls(c.HTTPSAddrs, "tcp"),
		"DNSAddrs": urls(c.DNSAddrs, "tcp", "udp"), "HTTPPort": portOf(c.HTTPAddrs), "HTTPSPort": portOf(c.HTTPSAddrs), "DNSPort": portOf(c.DNSAddrs),
		"GRPCPort": noPort, "GRPCTLSPort": noPort, "ConnectEnabled": false, "EnableDebug": c.EnableDebug,
		"Datacenter": c.Datacenter, "PrimaryDatacenter": c.Datacenter, "NodeName": c.NodeName, "NodeID": d.agent.ID(), "ServerMode": c.Server,
		"BootstrapExpect": c.BootstrapExpect, "DataDir": d.dir, "DNSDomain": c.Domain, "LeaseTTL": c.LeaseTTL.String(), "Fence": c.Fence,
		"ServerPort": c.ServerPort, "SerfPortLAN": c.SerfPort, "RetryJoinLAN": c.RetryJoin, "SessionTTLMin": c.SessionTTLMin.String(),
		"EnableLocalScriptChecks": c.LocalScriptChecks, "EnableRemoteScriptChecks": c.ScriptChecks,
	}
}

// noPort is a port where nothing listens, as Consul writes it.
const noPort = -1

// portOf is the port of the first address that has one.
func portOf(addrs []string) int {
	for _, a := range addrs {
		if ap, err := netip.ParseAddrPort(a); err == nil {
			return int(ap.Port())
		}
	}
	return noPort
}

// urls is the addresses with each of the schemes. Unix sockets have one.
func urls(addrs []string, schemes ...string) []string {
	out := []string{}
	for _, scheme := range schemes {
		for _, a := range addrs {
			if !strings.Contains(a, "://") {
				a = scheme + "://" + a
			}
			out = append(out, a)
		}
	}
	return out
}

// pool is the gossip pool as the API speaks to it: leaving gives the groups away first.
type pool struct{ d *daemon }

func (p pool) Members() []cluster.Member      { return p.d.agent.Members() }
func (p pool) Self() cluster.Member           { return p.d.agent.Self() }
func (p pool) Coordinate() cluster.Coordinate { return p.d.agent.Coordinate() }

func (p pool) Join(ctx context.Context, addrs []string) (int, error) {
	return p.d.agent.Join(ctx, addrs)
}
func (p pool) ForceLeave(name string, prune bool) error { return p.d.agent.ForceLeave(name, prune) }

// Leave goes through to its end, even if the client that wants it goes away meanwhile.
func (p pool) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	p.d.fail.stop(ctx, "the member leaves")
	if err := p.d.agent.Leave(ctx); err != nil { // it holds no addresses any more, so it goes all the same
		p.d.log.Warn("the others were not told that this member leaves", "error", err)
	}
	return nil
}

// registry is the local registrations as the API speaks to them.
type registry struct{ r *local.Registry }

func (x registry) RegisterService(ctx context.Context, s cluster.Service, checks []cluster.CheckDefinition, replace bool, token string) error {
	err := x.r.RegisterService(local.Registration{Service: s, Checks: checks, Token: token, Source: local.FromAPI, ReplaceChecks: replace})
	return x.synced(ctx, err, s.ID)
}

func (x registry) DeregisterService(ctx context.Context, id string) error {
	return x.synced(ctx, x.r.DeregisterService(id), id)
}

func (x registry) RegisterCheck(ctx context.Context, def cluster.CheckDefinition, token string) error {
	return x.synced(ctx, x.r.RegisterCheck(def, token, local.FromAPI), def.ServiceID)
}

func (x registry) DeregisterCheck(ctx context.Context, id string) error {
	service := x.r.ServiceOf(id)
	return x.synced(ctx, x.r.DeregisterCheck(id), service)
}

func (x registry) UpdateTTL(ctx context.Context, id string, status cluster.Status, output string) error {
	return x.synced(ctx, x.r.UpdateTTL(id, status, output), x.r.ServiceOf(id))
}

func (x registry) Maintain(ctx context.Context, serviceID, reason, token string) error {
	return x.synced(ctx, x.r.Maintain(serviceID, reason, token), serviceID)
}

func (x registry) EndMaintenance(ctx context.Context, serviceID string) error {
	return x.synced(ctx, x.r.EndMaintenance(serviceID), serviceID)
}

// synced waits, for a moment, until the catalog has taken the change of a service, "" for the node. If it does not come to that, because there is no
// leader, the registration stands all the same and anti-entropy brings it there.
func (x registry) synced(ctx context.Context, err error, serviceID string) error {
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	_ = x.r.Sync(ctx, serviceID) // see above
	return nil
}

func (x registry) Changed() <-chan struct{} { return x.r.Changed() }

func (x registry) LocalServices() map[string]*cluster.Service {
	out := map[string]*cluster.Service{}
	for id, s := range x.r.Services() {
		out[id] = &s.Service
	}
	return out
}

func (x registry) LocalChecks() map[string]agent.LocalCheck {
	out := map[string]agent.LocalCheck{}
	for id, c := range x.r.Checks() {
		out[id] = agent.LocalCheck{Check: c.Check, Definition: c.Definition}
	}
	return out
}
