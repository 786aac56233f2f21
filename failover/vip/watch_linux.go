package vip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Watch calls report for each change of addresses and links of the machine,
// until ctx ends. It begins with a Resync event: what came before, compare
// yourself. Renewals are no events. Report should return soon; if the kernel
// has to drop changes meanwhile, another Resync says so.
func (h *Host) Watch(ctx context.Context, report func(Event)) error {
	w := &watcher{host: h, report: report}
	defer h.forget(w)
	for {
		err := w.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, unix.ENOBUFS): // else messages were dropped
			return fmt.Errorf("watch addresses: %w", err)
		}
	}
}

// follow subscribes, takes in everything as it is and then each message,
// until an error ends it. A socket that has overflowed goes on dropping
// messages until it is drained, hence a new one each time.
func (w *watcher) follow(ctx context.Context) error {
	w.enlist()
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, s.Close)()
	_ = s.SetReceiveBufferSize(1<<20, false) // a smaller one only means more resyncs
	if err := w.resync(); err != nil {
		return err
	}
	for {
		messages, from, err := s.Receive()
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if from.Pid != nl.PidKernel {
			continue
		}
		for _, m := range messages {
			w.message(m)
		}
	}
}

// watcher turns the kernel's messages into events.
type watcher struct {
	host   *Host
	report func(Event)
	lies   map[place]bool // the addresses that lie on the machine
	links  map[int]link

	removing map[place]int // removals of the Host's own to come; guarded by host.mu
}

// resync takes in everything as it is.
func (w *watcher) resync() error {
	s, err := w.host.survey()
	if err != nil {
		return err
	}
	w.lies, w.links = map[place]bool{}, map[int]link{}
	for _, e := range s.entries {
		w.lies[e.place()] = true
	}
	for _, l := range s.links {
		w.links[l.Index] = l
	}
	w.report(Event{Kind: Resync})
	return nil
}

// message reports what one message of the kernel says, if it is news.
func (w *watcher) message(m syscall.NetlinkMessage) {
	switch m.Header.Type {
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if e, err := parseEntry(m.Data); err == nil {
			w.address(e, m.Header.Type == unix.RTM_NEWADDR, m.Header.Pid)
		}
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		if l, err := parseLink(m.Data); err == nil && m.Data[0] == unix.AF_UNSPEC { // else of a bridge's port
			w.link(l, m.Header.Type == unix.RTM_NEWLINK)
		}
	}
}

func (w *watcher) address(e entry, added bool, port uint32) {
	if added && w.lies[e.place()] {
		return // a renewal
	}
	event := Event{
		Kind:      AddressAdded,
		Interface: w.links[e.index].Interface,
		Managed:   e.managed(),
		By:        Process(port),
	}
	event.Interface.Index = e.index
	event.Address = Placed{event.Interface, e.prefix, e.remaining()}
	if added {
		w.lies[e.place()] = true
	} else {
		delete(w.lies, e.place()) // may be absent: an IPv6 address is told of a little after it is added
		event.Kind = AddressRemoved
		event.Own = w.expected(e.place())
		event.Expired = e.valid == 0
	}
	w.report(event)
}

func (w *watcher) link(l link, exists bool) {
	old, known := w.links[l.Index]
	event := Event{Interface: l.Interface}
	if !exists {
		delete(w.links, l.Index)
		event.Kind = LinkGone
		w.report(event)
		return
	}
	w.links[l.Index] = l
	if known && !bytes.Equal(old.HardwareAddr, l.HardwareAddr) {
		event.Kind = HardwareAddrChanged
		w.report(event)
	}
	switch {
	case l.up() && !old.up():
		event.Kind = LinkUp
		w.report(event)
	case !l.up() && old.up():
		event.Kind = LinkDown
		w.report(event)
	}
}

// enlist has the Host tell of its own removals from now on.
func (w *watcher) enlist() {
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	w.removing = map[place]int{}
	w.host.watchers[w] = struct{}{}
}

// expected reports whether the Host itself removes the address, once for each
// removal.
func (w *watcher) expected(at place) bool {
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	if w.removing[at] == 0 {
		return false
	}
	if w.removing[at]--; w.removing[at] == 0 {
		delete(w.removing, at)
	}
	return true
}

// expectRemoval tells the watchers that the Host is about to remove an
// address; undo takes it back if there was none to remove.
func (h *Host) expectRemoval(at place) (undo func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.removing[at]++
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for w := range h.watchers {
			if w.removing[at]--; w.removing[at] <= 0 {
				delete(w.removing, at)
			}
		}
	}
}

func (h *Host) forget(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// Process names the process behind a netlink port, "" if the kernel itself
// acted. A program's first socket has its process id as port, libnl's later
// ones have it in the lower 22 bits, other later ones have a negative number.
func Process(port uint32) string {
	const pidBits = 22
	if port == 0 || int32(port) < 0 {
		return ""
	}
	pid := port & (1<<pidBits - 1)
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("pid %d, which has ended", pid)
	}
	return fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(comm)), pid)
}
