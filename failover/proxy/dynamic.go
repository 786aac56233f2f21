package proxy

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"
)

// keepListening tries again, once a second, what cannot be listened on at the moment.
func (p *Proxy) keepListening() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			return
		}
		p.mu.Lock()
		p.listenLocked()
		p.mu.Unlock()
	}
}

// listenLocked listens where the routes of a dynamic proxy say, and nowhere else. Clients who are connected stay.
func (p *Proxy) listenLocked() {
	if p.opts.Load().Mode != Dynamic || p.closed {
		return
	}
	pools := p.table.Load().pools
	for route, l := range p.ports {
		if pools[route] == nil {
			_ = l.Close() // accept ends by it
			delete(p.ports, route)
		}
	}
	unheard := map[string]string{}
	for route := range pools {
		if p.ports[route] != nil {
			continue
		}
		l, err := listen(p.ctx, route)
		if err != nil {
			if p.unheard[route] == "" {
				p.log.Warn("the address of a route cannot be listened on: it is tried again", "address", route, "error", err)
			}
			unheard[route] = reason(err)
			continue
		}
		if p.ports == nil {
			p.ports = map[string]*net.TCPListener{}
		}
		p.ports[route] = l
		p.running.Go(func() { p.accept(l, route) })
	}
	p.unheard = unheard
}

// reason is why an address cannot be listened on, in few words.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return err.Error()
}

// whyLocked is the sentence of the table, with the routes that cannot be listened on.
func (p *Proxy) whyLocked() string {
	why := p.table.Load().why
	if len(p.unheard) == 0 {
		return why
	}
	var out []string
	for _, route := range slices.Sorted(maps.Keys(p.unheard)) {
		out = append(out, fmt.Sprintf("%s (%s)", route, p.unheard[route]))
	}
	return why + "; cannot listen on " + strings.Join(out, ", ")
}
