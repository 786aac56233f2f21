package proxy

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Balance is how a backend is chosen.
type Balance string

// The ways to choose. Each heeds the weights.
const (
	Least      Balance = "least"       // the one with the fewest connections
	RoundRobin Balance = "round_robin" // one after the other
	Source     Balance = "source"      // by the client's address: the same one for as long as it is there
)

// Mode is how much of a connection is looked at.
type Mode string

// The modes.
const (
	TCP Mode = "tcp" // nothing: all go to the route ""
	SNI Mode = "sni" // the server name of a TLS client, which is not decrypted

	HTTP Mode = "http" // each request: Options.Handler answers it

	HTTPSNI Mode = "https+tcp+sni" // as SNI where there is a route for the server name, else as HTTP
	Dynamic Mode = "tcp-dynamic"   // nothing: each route is the address and port that its clients come to, and the proxy listens there
)

// Options say how a Proxy behaves. What they leave out is as DefaultOptions has it where 0 makes no sense.
type Options struct {
	Listen         []string       // "10.0.0.5:3306", "[::]:443", ":80"
	Mode           Mode           // "" is TCP
	Balance        Balance        // "" is Least
	Hold           time.Duration  // how long a client waits while no backend takes it; 0: each backend is tried once
	ConnectTimeout time.Duration  // of one attempt at one backend
	Idle           time.Duration  // a connection on which nothing moves is closed after it; 0 for never
	Drain          time.Duration  // how long the connections of a backend that has left stay; 0 for as long as they want
	MaxConnections int            // others wait in the kernel's queue; 0 for no limit
	SendProxy      int            // version of the PROXY protocol header that backends are sent: 0 for none, 1 or 2
	Handler        Web            // of mode HTTP; nil while it is not known
	TLS            *tls.Config    // of mode HTTP, which ends TLS by it; nil for none
	AcceptProxy    []netip.Prefix // clients that send such a header themselves: other proxies
}

// DefaultOptions are those of a proxy that listens on these addresses.
func DefaultOptions(listen ...string) Options {
	return Options{Listen: listen, Mode: TCP, Balance: Least, Hold: 10 * time.Second, ConnectTimeout: time.Second, Drain: 30 * time.Second, MaxConnections: 10000}
}

// Validate says in one sentence what is wrong with the options, or returns nil.
func (o Options) Validate() error {
	switch {
	case len(o.Listen) == 0:
		return errors.New("listen is missing: give an address and a port, as in listen = \"10.0.0.5:3306\"")
	case !slices.Contains([]Mode{"", TCP, SNI, HTTP, HTTPSNI, Dynamic}, o.Mode):
		return fmt.Errorf("mode %q is not known: want tcp, tcp-dynamic, sni, http or https+tcp+sni", o.Mode)
	case o.Mode == HTTPSNI && o.TLS == nil:
		return errors.New("mode \"https+tcp+sni\" ends TLS where a server name has no route: give it a tls block with certificates")
	case o.TLS != nil && o.Mode != HTTP && o.Mode != HTTPSNI:
		return fmt.Errorf("tls does not go with mode %q: TLS is ended for http and https+tcp+sni alone", cmp.Or(o.Mode, TCP))
	case !slices.Contains([]Balance{"", Least, RoundRobin, Source}, o.Balance):
		return fmt.Errorf("balance %q is not known: want least, round_robin or source", o.Balance)
	case o.Hold < 0 || o.ConnectTimeout < 0 || o.Idle < 0 || o.Drain < 0:
		return errors.New("hold, connect_timeout, idle_timeout and drain_timeout cannot be negative")
	case o.Idle > 0 && o.Idle < time.Second:
		return fmt.Errorf("idle_timeout %s is too short: want at least 1s, or 0 for none", o.Idle)
	case o.MaxConnections < 0:
		return errors.New("max_connections cannot be negative")
	case o.SendProxy < 0 || o.SendProxy > 2:
		return fmt.Errorf("send_proxy %d is not known: want 1 or 2, or 0 for none", o.SendProxy)
	}
	for i, l := range o.Listen {
		if _, err := bindAddr(l); err != nil {
			return err
		}
		if slices.Contains(o.Listen[:i], l) {
			return fmt.Errorf("listen names %s twice", l)
		}
	}
	return nil
}
