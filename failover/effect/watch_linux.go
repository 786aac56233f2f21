package effect

import (
	"bytes"
	"context"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"holdfast/failover/vip"
)

const rtProtocol = 5 // offset of the protocol in struct rtmsg

// Watch calls report whenever a route or a NAT rule of ours may have gone, with the process that did it where the kernel says so. It ends
// with ctx. What it says is a hint: Set finds out.
func (h *Host) Watch(ctx context.Context, report func(by string)) error {
	routes := func(m syscall.NetlinkMessage) bool {
		switch m.Header.Type {
		case unix.RTM_DELROUTE:
			return len(m.Data) > rtProtocol && m.Data[rtProtocol] == protocol
		case unix.RTM_NEWROUTE: // something else may have been put in its place
			return m.Header.Flags&unix.NLM_F_REPLACE != 0 && len(m.Data) > rtProtocol && m.Data[rtProtocol] != protocol
		}
		return false
	}
	rules := func(m syscall.NetlinkMessage) bool { return bytes.Contains(m.Data, []byte(natTable)) }
	errs := make(chan error, 2)
	go func() {
		errs <- follow(ctx, unix.NETLINK_NETFILTER, rules, report, unix.NFNLGRP_NFTABLES)
	}()
	go func() {
		errs <- follow(ctx, unix.NETLINK_ROUTE, routes, report, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE)
	}()
	var err error
	for range 2 {
		if e := <-errs; e != nil && ctx.Err() == nil {
			err = e
		}
	}
	return err
}

// follow reports the messages of the kernel that concern us, until ctx ends.
func follow(ctx context.Context, family int, concerns func(syscall.NetlinkMessage) bool, report func(by string), groups ...uint) error {
	s, err := nl.Subscribe(family, groups...)
	if err != nil {
		return fmt.Errorf("watch routes and rules: %w", err)
	}
	defer s.Close()
	defer context.AfterFunc(ctx, s.Close)()
	_ = s.SetReceiveBufferSize(1<<20, false) // where it is too small, an overflow says so
	for {
		messages, from, err := s.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == unix.EINTR: //nolint:errorlint // the library gives it as it is
			continue
		case err == unix.ENOBUFS: //nolint:errorlint // likewise
			report("")
			continue
		case err != nil:
			return fmt.Errorf("watch routes and rules: %w", err)
		case from.Pid != nl.PidKernel:
			continue
		}
		for _, m := range messages {
			if concerns(m) {
				report(vip.Process(m.Header.Pid))
			}
		}
	}
}
