package conntrack

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"path/filepath"
	"strings"
)

// port is conntrackd's own choice.
const port = 3780

// settings are what differs between machines and clusters.
type settings struct {
	dir     string
	iface   string     // of the network of the machines' own addresses
	addr    netip.Addr // this machine's in it
	cluster string     // whose machines are to hear one another
}

// group is the multicast address of a cluster: one of those that are local to a site (RFC 2365), so that clusters of one network do not meet.
func (s settings) group() netip.Addr {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.cluster)) // it cannot fail
	sum := h.Sum32()
	return netip.AddrFrom4([4]byte{239, 255, byte(sum >> 8), byte(sum)})
}

func (s settings) file(name string) string { return filepath.Join(s.dir, "conntrackd."+name) }

// text is conntrackd's config. What the machine itself says over its own address dies with the machine and is left out.
func (s settings) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Written by Holdfast at each start.
Sync {
	Mode NOTRACK {
		DisableExternalCache On
		StartupResync On
	}
	Multicast {
		IPv4_address %s
		Group %d
		IPv4_interface %s
		Interface %s
		SndSocketBuffer 1249280
		RcvSocketBuffer 1249280
		Checksum On
	}
}
General {
	Systemd Off
	HashSize 32768
	HashLimit 262144
	LogFile Off
	Syslog Off
	LockFile %s
	UNIX {
		Path %s
	}
	NetlinkBufferSize 2097152
	NetlinkBufferSizeMaxGrowth 8388608
	Filter From Kernelspace {
		Protocol Accept {
			TCP
			SCTP
			DCCP
			UDP
			ICMP
		}
		Address Ignore {
			IPv4_address 127.0.0.1
			IPv4_address %s
			IPv6_address ::1
		}
	}
}
`, s.group(), port, s.addr, s.iface, s.file("lock"), s.file("sock"), s.addr)
	return b.String()
}
