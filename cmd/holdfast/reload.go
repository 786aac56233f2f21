package main

import (
	"context"
	"fmt"
	"slices"

	"holdfast/cluster"
	"holdfast/cluster/local"
	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/config/transport"
	"holdfast/failover/vip"
)

// reload reads the configuration again and takes what can change while the daemon runs; it names the keys that wait for the next start.
// What runs already and has not changed is left alone. If anything is wrong nothing is taken, and the error says what.
func (d *daemon) reload(read load) error {
	next, warnings, err := read()
	d.log.warn(warnings)
	if err == nil {
		err = d.carriable(next.Groups)
	}
	if err != nil {
		d.log.Error("the configuration is not taken, the old one stays", "error", err)
		return err
	}
	cfg, restart := d.cfg.Reload(next)
	if err = d.upstreams.Configure(cfg.Proxies); err == nil {
		if err = register(d.agent.Registry(), cfg); err != nil {
			_ = d.upstreams.Configure(d.cfg.Proxies) // it was in force until now
		}
	}
	if err != nil {
		d.log.Error("the configuration is not taken, the old one stays", "error", err)
		return err
	}
	gone := slices.DeleteFunc(slices.Clone(d.cfg.Groups), func(g cluster.Group) bool {
		return slices.ContainsFunc(cfg.Groups, func(o cluster.Group) bool { return o.Name == g.Name })
	})
	for _, g := range gone {
		d.log.Warn("a group stands in no config file any more and stays all the same: delete it with \"holdfast group delete\"", "group", g.Name)
	}
	d.log.setLevel(cfg.LogLevel)
	if err := d.log.reopen(); err != nil {
		d.log.Error("the log goes on in the old file", "error", err)
	}
	d.endGroups() // before the config changes that they are read from
	d.cfg = cfg
	d.startGroups()
	d.dns.Configure(d.dnsConfig(cfg))
	d.secure(cfg.TLS)
	d.watches.Set(cfg.Watches)
	if err := d.templates.Set(cfg.Templates); err != nil { // it could be read a moment ago
		d.log.Error("the templates stay as they were", "error", err)
	}
	d.log.Info("the configuration is reloaded", "services", len(cfg.Services), "checks", len(cfg.Checks), "groups", len(cfg.Groups), "watches", len(cfg.Watches), "templates", len(cfg.Templates))
	if len(restart) > 0 {
		d.log.Warn("these keys have changed and take effect at the next start", "keys", restart)
	}
	return nil
}

// secure takes the certificates that the files have now. Connections that there are go on with those that they began with.
func (d *daemon) secure(t *transport.TLS) {
	d.http.Secure(t.HTTPS)
	if d.auto != nil {
		if err := d.auto.follow(t.Files); err != nil {
			d.log.Warn("a change of the certificates goes unnoticed until the next reload", "error", err)
		}
	}
	if err := d.agent.Secure(t.RPC); err != nil {
		d.log.Warn("the other members are not told whether this one takes TLS", "error", err) // it is leaving
	}
}

// askReload has the configuration read again by the goroutine that serves signals, and answers what became of it.
func (d *daemon) askReload(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case d.reloads <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// carriable is an error unless this machine can carry the groups, as at the start.
func (d *daemon) carriable(groups []cluster.Group) error {
	if d.cfg.Witness {
		return nil
	}
	if len(groups) > 0 && d.fail.why != "" {
		return fmt.Errorf("this machine cannot hold the group %q: %s", groups[0].Name, d.fail.why)
	}
	for _, g := range groups {
		for _, v := range g.VIPs {
			if _, err := d.fail.addrs.Resolve(vip.Address{Prefix: v.Prefix, Interface: v.Interface}); err != nil {
				return fmt.Errorf("group %q: %w", g.Name, err)
			}
		}
	}
	return nil
}

// register takes the services and checks of the config files.
func register(r *local.Registry, cfg *config.Config) error {
	var services []local.Registration
	for _, s := range cfg.Services {
		services = append(services, local.Registration{Service: s.Service, Checks: s.Checks})
	}
	return r.Replace(services, cfg.Checks)
}

// startGroups brings the groups of the config files into the state, beside all else: there may be no leader for a while.
func (d *daemon) startGroups() {
	ctx, cancel := context.WithCancel(d.ctx)
	done := make(chan struct{})
	d.endGroups = func() {
		cancel()
		<-done
	}
	d.loops.Go(func() {
		defer close(done)
		d.applyGroups(ctx)
	})
}
