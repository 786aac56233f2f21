package main

import (
	"holdfast/cluster"
	"holdfast/failover/proxy"
	"holdfast/failover/upstream"
)

// newProxies makes the proxies of this agent; none listens yet.
func (d *daemon) newProxies() {
	d.fleet = proxy.NewFleet(d.log.With("component", "proxy"))
	d.telemetry.Registerer().MustRegister(proxy.NewCollector(d.fleet))
}

// listenProxies listens where the config says. Clients wait until it is known whom to pass them to.
func (d *daemon) listenProxies() error {
	d.surfaces = append(d.surfaces, d.fleet.Close)
	o, err := upstream.Options(d.cfg.Proxies, d.log.With("component", "proxy"))
	if err != nil {
		return err
	}
	return d.fleet.Configure(o)
}

// startProxies begins to pass clients on. The proxies end with the surfaces: whoever is connected has no more of this daemon.
func (d *daemon) startProxies() error {
	d.upstreams = upstream.New(d.agent, d.fleet, d.cfg.LeaseTTL, d.log.Logger)
	d.upstreams.Open(d.ctx)
	if err := d.upstreams.Configure(d.cfg.Proxies); err != nil {
		return err
	}
	d.surfaces = append(d.surfaces, d.upstreams.Close)
	return nil
}

// proxies is the proxies as the API speaks of them.
type proxies struct{ d *daemon }

func (p proxies) Proxies() []cluster.ProxyStatus {
	var out []cluster.ProxyStatus
	for _, s := range p.d.fleet.Status() {
		x := cluster.ProxyStatus{
			Name: s.Name, Listen: s.Listen, Mode: string(s.Mode), Balance: string(s.Balance), Why: s.Why, Connections: s.Connections, Held: s.Held,
			Accepted: s.Accepted, TurnedAway: s.Turned,
		}
		for _, b := range s.Backends {
			x.Backends = append(x.Backends, cluster.ProxyBackend{
				Route: b.Route, ID: b.ID, Address: b.Addr, Epoch: b.Epoch, Weight: b.Weight, State: b.State, Active: b.Active, Opened: b.Opened, Failed: b.Failed,
				Cut: b.Cut, Sent: b.Sent, Received: b.Received, LastError: b.LastError,
			})
		}
		out = append(out, x)
	}
	return out
}
