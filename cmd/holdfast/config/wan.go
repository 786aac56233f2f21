package config

import (
	"errors"
	"fmt"
)

// buildWAN is the pool between datacenters. Only a server whose config says anything of it is in it: many agents on one machine must not
// take a port that nobody has named.
func buildWAN(c *Config, f *File) error {
	p := or(f.Ports, Ports{})
	joins := len(f.StartJoinWAN) + len(f.RetryJoinWAN)
	named := p.SerfWAN != nil || f.SerfWAN != nil || f.AdvertiseAddrWAN != nil || joins > 0
	at, err := port("serf_wan", p.SerfWAN, defaultWANPort)
	if err != nil || !named || !c.Server {
		return err
	}
	if at < 0 {
		if joins > 0 {
			return errors.New("ports.serf_wan is switched off, and start_join_wan or retry_join_wan names servers of other datacenters: remove one of them")
		}
		return nil
	}
	w := &WAN{
		Bind: c.BindAddr, Port: at, Advertise: c.AdvertiseAddr, Join: f.StartJoinWAN, RetryJoin: f.RetryJoinWAN, RetryInterval: or(f.RetryIntervalWAN, defaultRetryInterval),
		RetryMax: or(f.RetryMaxWAN, 0), ReconnectTimeout: or(f.ReconnectTimeoutWAN, defaultReconnectTimeout),
	}
	if s := or(f.SerfWAN, ""); s != "" {
		if w.Bind, err = one("serf_wan", s); err != nil {
			return err
		}
		if !w.Bind.IsUnspecified() {
			w.Advertise = w.Bind
		}
	}
	if s := or(f.AdvertiseAddrWAN, ""); s != "" {
		if w.Advertise, err = one("advertise_addr_wan", s); err != nil {
			return err
		}
	}
	switch {
	case w.RetryInterval <= 0:
		return errors.New("retry_interval_wan must be above 0")
	case w.ReconnectTimeout < minReconnectTimeout:
		return fmt.Errorf("reconnect_timeout_wan %s is too short: want at least %s", w.ReconnectTimeout, minReconnectTimeout)
	case w.Port != 0 && w.Port == c.SerfPort && (w.Bind == c.BindAddr || w.Bind.IsUnspecified() || c.BindAddr.IsUnspecified()):
		return fmt.Errorf("ports.serf_wan and ports.serf_lan are both %d: the pool of the datacenter and that between datacenters need a port each", w.Port)
	}
	c.WAN = w
	return nil
}
