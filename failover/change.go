package failover

import (
	"cmp"
	"fmt"
	"time"

	"holdfast/cluster"
	"holdfast/failover/vip"
)

// changed takes a change of the machine's addresses and links. An address that something else removed is put back at once; whatever else
// happened, what this machine cannot carry is found out anew.
func (c *Controller) changed(e vip.Event) {
	if e.Kind == vip.AddressRemoved && e.Managed && !e.Own {
		c.repair(e)
	}
	switch e.Kind {
	case vip.LinkDown:
		c.dark[e.Interface.Index] = e.Interface.Name + " is down, or has no carrier"
	case vip.LinkGone:
		c.dark[e.Interface.Index] = e.Interface.Name + " is gone"
	case vip.LinkUp:
		delete(c.dark, e.Interface.Index)
		c.guard()
	case vip.Resync:
		c.dark = darkInterfaces()
		c.guard()
	}
	if e.Managed && (e.Kind == vip.AddressAdded || e.Kind == vip.AddressRemoved) {
		return // our own addresses say nothing of what this machine can carry, and with many groups there are many of them
	}
	c.surveyed = time.Time{}
	c.assess()
}

// darkness says in a sentence why no neighbour reaches one of the places, "" where all are reached as far as this machine can tell.
func (c *Controller) darkness(places []place) string {
	for _, p := range places {
		if why := c.dark[p.iface.Index]; why != "" {
			return fmt.Sprintf("%s (vip %s)", why, p.address.Prefix)
		}
	}
	return ""
}

// repair puts a carried address back.
func (c *Controller) repair(e vip.Event) {
	for _, g := range c.carried {
		for _, p := range g.places {
			if p.addr() != e.Address.Prefix.Addr() || p.iface.Index != e.Interface.Index {
				continue
			}
			err := c.machine.addrs.Put(p.iface, p.address, validFor)
			if err != nil {
				c.log.Error("cannot put back an address that something else removed", "address", p.String(), "error", err)
				return
			}
			who := cmp.Or(e.By, "something else")
			if e.Expired {
				who = "the kernel, because this daemon stood still and did not renew it,"
			}
			c.recorder.add(cluster.Transition{
				Kind: cluster.TransitionRepair, Group: g.group, Epoch: g.epoch, Why: fmt.Sprintf("%s removed %s; it was put back", who, p),
			})
			return
		}
	}
}
