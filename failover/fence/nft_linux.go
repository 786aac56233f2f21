package fence

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// tableName is how later daemons and `nft list table netdev holdfast` find the
// fence.
const tableName = "holdfast"

// tick is the longest the kernel lets a timed element live beyond its time: one
// beat of its slowest timer (HZ=100). It is taken off each timeout.
const tick = 10 * time.Millisecond

// nftDriver fences with a table of the netdev family. Two sets per IP version hold
// the managed addresses and, with a timeout, the open ones; what is in the first
// and not in the second is dropped. Each change is one transaction.
type nftDriver struct {
	table *nftables.Table
	sets  [2]addressSets // IPv4, IPv6

	// The socket is kept: when one is closed, the kernel waits for all that was
	// deleted through any to be freed, about 15 ms.
	mu   sync.Mutex // guards conn: one transaction or listing at a time
	conn *nftables.Conn
}

type addressSets struct{ managed, open *nftables.Set }

func newNFT(table string) (*nftDriver, error) {
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("open a socket to nftables: %w", err)
	}
	n := &nftDriver{conn: conn, table: &nftables.Table{Name: table, Family: nftables.TableFamilyNetdev}}
	for i, t := range []nftables.SetDatatype{nftables.TypeIPAddr, nftables.TypeIP6Addr} {
		version := []string{"4", "6"}[i]
		n.sets[i] = addressSets{
			managed: &nftables.Set{ID: uint32(2*i + 1), Table: n.table, Name: "managed" + version, KeyType: t},
			open:    &nftables.Set{ID: uint32(2*i + 2), Table: n.table, Name: "open" + version, KeyType: t, HasTimeout: true},
		}
	}
	return n, nil
}

// openNFT makes the table, or takes it over: sets keep what they hold, rules are
// exchanged in the same transaction.
func openNFT() (driver, error) {
	n, err := newNFT(tableName)
	if err != nil {
		return nil, err
	}
	if err := n.commit(n.addTable); err != nil {
		return nil, errors.Join(fmt.Errorf("make table netdev %s: %w", tableName, err), n.close())
	}
	return n, nil
}

// probeNFT makes a table and takes it away in the same transaction.
func probeNFT() error {
	n, err := newNFT("holdfast_probe")
	if err != nil {
		return err
	}
	defer func() { _ = n.close() }()
	err = n.commit(func() error {
		if err := n.addTable(); err != nil {
			return err
		}
		n.conn.DelTable(n.table)
		return nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("changing nftables was refused (%w): %s", syscall.EPERM, remedy(missingCapabilities(unix.CAP_NET_ADMIN)))
	}
	return fmt.Errorf("this kernel has no nftables for netdev (CONFIG_NF_TABLES_NETDEV): %w", err)
}

func nftLeft() (bool, error) {
	conn, err := nftables.New()
	if err != nil {
		return false, err
	}
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyNetdev)
	for _, t := range tables {
		if t.Name == tableName {
			return true, nil
		}
	}
	return false, err
}

// commit sends what build asks of the connection as one transaction. After an
// error the socket may hold answers that nobody has read, so another takes its place.
func (n *nftDriver) commit(build func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := build()
	if err == nil {
		err = n.conn.Flush()
	}
	if err == nil {
		return nil
	}
	fresh, errDial := nftables.New(nftables.AsLasting())
	if errDial != nil {
		return errors.Join(err, errDial)
	}
	_ = n.conn.CloseLasting()
	n.conn = fresh
	return err
}

func (n *nftDriver) manage(addr netip.Addr) error {
	sets, key := n.of(addr)
	err := n.commit(func() error { return n.conn.SetAddElements(sets.managed, key) })
	if errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("table netdev %s is gone (was the ruleset flushed?): attach the interfaces again: %w", tableName, err)
	}
	return err
}

func (n *nftDriver) forget(addr netip.Addr) error {
	sets, key := n.of(addr)
	return n.commit(func() error {
		return errors.Join(
			n.conn.SetAddElements(sets.managed, key), // so that it can be deleted
			n.conn.SetDeleteElements(sets.managed, key),
			n.shut(sets, key))
	})
}

// set puts the open element anew, since the kernel may keep the timeout of one
// that is there.
func (n *nftDriver) set(addr netip.Addr, deadline Boottime) error {
	sets, key := n.of(addr)
	err := n.commit(func() error {
		err := errors.Join(
			n.conn.SetDeleteElements(sets.managed, key), // refused unless it is managed
			n.conn.SetAddElements(sets.managed, key),
			n.shut(sets, key))
		if left := deadline.Sub(Now()) - tick; err == nil && left >= time.Millisecond {
			timed := nftables.SetElement{Key: key[0].Key, Timeout: left}
			err = n.conn.SetAddElements(sets.open, []nftables.SetElement{timed})
		}
		return err
	})
	if errors.Is(err, syscall.ENOENT) {
		return ErrNotManaged
	}
	return err
}

// shut adds before it deletes, since the kernel refuses to delete what is not there.
func (n *nftDriver) shut(sets addressSets, key []nftables.SetElement) error {
	return errors.Join(
		n.conn.SetAddElements(sets.open, key),
		n.conn.SetDeleteElements(sets.open, key))
}

func (n *nftDriver) deadline(addr netip.Addr) (Boottime, error) {
	all, err := n.deadlines()
	if err != nil {
		return 0, err
	}
	deadline, ok := all[addr]
	if !ok {
		return 0, ErrNotManaged
	}
	return deadline, nil
}

// deadlines reckons from the time that the kernel says is left.
func (n *nftDriver) deadlines() (map[netip.Addr]Boottime, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make(map[netip.Addr]Boottime)
	for _, sets := range n.sets {
		managed, err := n.conn.GetSetElements(sets.managed)
		if err != nil {
			return nil, fmt.Errorf("read set %s: %w", sets.managed.Name, err)
		}
		for _, e := range managed {
			addr, _ := netip.AddrFromSlice(e.Key)
			all[addr] = 0
		}
		now := Now()
		open, err := n.conn.GetSetElements(sets.open)
		if err != nil {
			return nil, fmt.Errorf("read set %s: %w", sets.open.Name, err)
		}
		for _, e := range open {
			addr, _ := netip.AddrFromSlice(e.Key)
			all[addr] = now.Add(e.Expires)
		}
	}
	return all, nil
}

// of returns the sets for an address and the address as their element.
func (n *nftDriver) of(addr netip.Addr) (addressSets, []nftables.SetElement) {
	key := []nftables.SetElement{{Key: addr.AsSlice()}}
	if addr.Is4() {
		return n.sets[0], key
	}
	return n.sets[1], key
}

func (n *nftDriver) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.conn.CloseLasting()
}

func (n *nftDriver) remove() error {
	err := n.commit(func() error {
		n.conn.DelTable(n.table)
		return nil
	})
	return errors.Join(err, n.close())
}
