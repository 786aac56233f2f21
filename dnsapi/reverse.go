package dnsapi

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The zones of reverse names.
const (
	reverse4 = "in-addr.arpa."
	reverse6 = "ip6.arpa."
)

// reverseAddr is the address of a name for PTR questions (RFC 1035 section 3.5, RFC 3596 section 2.5). The kind is reverse for a whole
// address, empty for the beginning of one, unknown for anything else there, and foreign outside of the reverse zones.
func reverseAddr(q string) (netip.Addr, kind) {
	zone, size, base, each := reverse4, 4, 10, 8
	if within(q, reverse6) {
		zone, size, base, each = reverse6, 32, 16, 4
	} else if !within(q, reverse4) {
		return netip.Addr{}, foreign
	}
	if q == zone {
		return netip.Addr{}, empty
	}
	parts := strings.Split(strings.TrimSuffix(q, "."+zone), ".")
	if len(parts) > size {
		return netip.Addr{}, unknown
	}
	slices.Reverse(parts)
	b := make([]byte, size*each/8)
	for i, p := range parts {
		n, err := strconv.ParseUint(p, base, each)
		if err != nil || len(p) > 1 && (p[0] == '0' || base == 16) {
			return netip.Addr{}, unknown
		}
		b[i*each/8] = b[i*each/8]<<each | byte(n)
	}
	if len(parts) < size {
		return netip.Addr{}, empty
	}
	a, _ := netip.AddrFromSlice(b)
	return a, reverse
}
