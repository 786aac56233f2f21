package message

import (
	"errors"
	"fmt"
	"net/netip"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest node name.
const MaxName = 128

// CheckName says why a text cannot be a node name: it is nameless, too long, or would break a line or an address.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the node name is empty")
	case len(name) > MaxName:
		return fmt.Errorf("the node name is %d bytes long, at most %d are allowed", len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("the node name %q is not UTF-8", name)
	}
	for _, r := range name {
		if r == '/' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("the node name %q has the character %q in it; blanks, slashes and control characters are not allowed", name, r)
		}
	}
	return nil
}

// Address is the address another member has given: a unicast one with a port, or an error.
func Address(ip []byte, port uint64) (netip.AddrPort, error) {
	addr, ok := netip.AddrFromSlice(ip)
	addr = addr.Unmap()
	if !ok || addr.IsUnspecified() || addr.IsMulticast() || port == 0 || port > 65535 {
		return netip.AddrPort{}, fmt.Errorf("its address %x port %d is none", ip, port)
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}
