package agent

import (
	"context"
	"errors"
	"net"
	"time"

	"holdfast/cluster/rpc"
	"holdfast/cluster/wan"
)

// handTimeout bounds how long a member that requests are handed to has to take the connection.
const handTimeout = 3 * time.Second

// newWAN makes the pool between datacenters, nil where the config does not ask for it.
func (a *Agent) newWAN() *wan.Pool {
	if a.cfg.WAN == nil {
		return nil
	}
	return wan.New(wan.Config{
		Settings: *a.cfg.WAN, Node: a.cfg.Name, Datacenter: a.cfg.Datacenter, Tags: a.tags(), Cluster: a.belongs.Known, LAN: a.pool,
	}, a.log.With("component", "wan"))
}

// openWAN opens it, and tells the servers of this datacenter at which port.
func (a *Agent) openWAN() error {
	if a.wan == nil {
		return nil
	}
	if err := a.wan.Open(); err != nil {
		return err
	}
	return a.announce()
}

// announce tells the pools what this member says of itself by now.
func (a *Agent) announce() error {
	return errors.Join(a.pool.SetTags(a.tags()), a.wan.SetTags(a.tags()))
}

// WAN is the pool between datacenters, nil where this member is not in it.
func (a *Agent) WAN() *wan.Pool { return a.wan }

// Web is the requests of the API that other members hand to this one.
func (a *Agent) Web() *rpc.Layer { return a.server.WebLayer() }

// Gateways is the RPC addresses of the members that requests for another datacenter are handed to (see wan.Gateways).
func (a *Agent) Gateways(datacenter string) []string { return wan.Gateways(a.wan, a.pool, datacenter) }

// Hand opens a connection to one of them.
func (a *Agent) Hand(ctx context.Context, addr string) (net.Conn, error) {
	return a.Web().DialContext(ctx, addr, handTimeout)
}
