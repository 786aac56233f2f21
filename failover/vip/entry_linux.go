package vip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The marks by which an address is known to be ours.
const (
	protocol    = 0x48 // IFA_PROTO: a number that neither the kernel nor iproute2 has given a name
	labelSuffix = ":hf"
)

const (
	ifaProto   = 11 // IFA_PROTO, which golang.org/x/sys lacks
	forever    = 1<<32 - 1
	ourFlags   = unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE
	leaseFlags = unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_DEPRECATED
)

// entry is an address as the kernel has it on an interface.
type entry struct {
	index  int
	prefix netip.Prefix
	scope  uint8
	flags  uint32
	proto  uint8
	label  string
	valid  uint32 // seconds left; forever if it stays

	preferred uint32 // seconds for which it may be chosen as a source; only in what we send
}

// place is where an address lies: an interface may carry one address with
// several prefix lengths.
type place struct {
	index  int
	prefix netip.Prefix
}

func (e entry) place() place { return place{e.index, e.prefix} }

// managed reports whether e bears our mark. A kernel without IFA_PROTO leaves
// it zero, and so does one where somebody else has rewritten the address.
func (e entry) managed() bool {
	if e.proto != 0 {
		return e.proto == protocol
	}
	return len(e.label) > len(labelSuffix) && e.label[len(e.label)-len(labelSuffix):] == labelSuffix
}

// resembles reports whether e could be ours if it lost its mark: a single
// address that runs out, has no prefix route and is no source address.
func (e entry) resembles() bool {
	return e.prefix.IsSingleIP() && e.valid != forever && e.flags&leaseFlags == leaseFlags
}

// remaining is the lifetime e has left, 0 for no end.
func (e entry) remaining() time.Duration {
	if e.valid == forever {
		return 0
	}
	return time.Duration(e.valid) * time.Second
}

// parseEntry reads the body of an RTM_NEWADDR or RTM_DELADDR message.
func parseEntry(b []byte) (entry, error) {
	if len(b) < unix.SizeofIfAddrmsg {
		return entry{}, fmt.Errorf("parse address message: %d bytes are too few", len(b))
	}
	e := entry{
		index: int(binary.NativeEndian.Uint32(b[4:])),
		scope: b[3],
		flags: uint32(b[2]),
		valid: forever,
	}
	var address, local netip.Addr
	for kind, value := range attributes(b[unix.SizeofIfAddrmsg:]) {
		switch {
		case kind == unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(value)
		case kind == unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(value)
		case kind == unix.IFA_LABEL:
			e.label = unix.ByteSliceToString(value)
		case kind == unix.IFA_FLAGS && len(value) >= 4:
			e.flags = binary.NativeEndian.Uint32(value)
		case kind == unix.IFA_CACHEINFO && len(value) >= 8:
			e.valid = binary.NativeEndian.Uint32(value[4:])
		case kind == ifaProto && len(value) >= 1:
			e.proto = value[0]
		}
	}
	if local.IsValid() { // with a peer, IFA_ADDRESS is the other end's
		address = local
	}
	e.prefix = netip.PrefixFrom(address, int(b[1]))
	if !e.prefix.IsValid() {
		return entry{}, errors.New("parse address message: no valid address in it")
	}
	return e, nil
}

// message forms the request that puts e on its interface, or takes it off.
func (e entry) message(kind, flags int, label string) *nl.NetlinkRequest {
	ip := e.prefix.Addr()
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	head := nl.NewIfAddrmsg(family(ip))
	head.Prefixlen = uint8(e.prefix.Bits())
	head.Scope = e.scope
	head.Index = uint32(e.index)
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, ip.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, ip.AsSlice()))
	if kind == unix.RTM_DELADDR {
		return req
	}
	req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(e.flags)))
	req.AddData(nl.NewRtAttr(ifaProto, nl.Uint8Attr(e.proto)))
	lifetimes := make([]byte, unix.SizeofIfaCacheinfo)
	binary.NativeEndian.PutUint32(lifetimes, e.preferred)
	binary.NativeEndian.PutUint32(lifetimes[4:], e.valid)
	req.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, lifetimes))
	if ip.Is4() && label != "" {
		req.AddData(nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(label)))
	}
	return req
}

// ourLabel is the label of our IPv4 addresses on an interface, "" where the
// name leaves no room for it.
func ourLabel(name string) string {
	if label := name + labelSuffix; len(label) < unix.IFNAMSIZ {
		return label
	}
	return ""
}

func family(ip netip.Addr) int {
	if ip.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
