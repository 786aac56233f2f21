package vip

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"testing"

	"github.com/mdlayher/ndp"
)

var hardware1 = net.HardwareAddr{2, 0, 0, 0, 0, 1}

// bytesOf reads hex, with spaces where they help.
func bytesOf(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(s), []byte(" "), nil)))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestClaimFromARP(t *testing.T) {
	for _, c := range []struct {
		name, packet, want string // want is "address hardware", or "" for no claim
	}{
		{"request", "0001 0800 06 04 0001 020000000001 0a4d0001 000000000000 0a4d0002", "10.77.0.1 02:00:00:00:00:01"},
		{"reply", "0001 0800 06 04 0002 020000000001 0a4d0064 020000000002 0a4d0002", "10.77.0.100 02:00:00:00:00:01"},
		{"padded", "0001 0800 06 04 0002 020000000001 0a4d0064 020000000002 0a4d0002 0000000000000000", "10.77.0.100 02:00:00:00:00:01"},
		{"probe", "0001 0800 06 04 0001 020000000001 00000000 000000000000 0a4d0064", ""},
		{"reverse", "0001 0800 06 04 0003 020000000001 0a4d0064 000000000000 0a4d0064", ""},
		{"infiniband", "0020 0800 14 04 0001 020000000001 0a4d0064 000000000000 0a4d0064", ""},
		{"ipv6", "0001 86dd 06 04 0001 020000000001 0a4d0064 000000000000 0a4d0064", ""},
		{"short", "0001 0800 06 04 0001 020000000001 0a4d0064 000000000000 0a4d00", ""},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := claimFromARP(bytesOf(t, c.packet))
			compareClaim(t, got, ok, c.want)
		})
	}
}

func TestClaimFromND(t *testing.T) {
	const target = "fd770000000000000000000000000100"
	for _, c := range []struct {
		name, message, source string
		hopLimit              int
		want                  string
	}{
		{"advertisement", "88000000 20000000" + target + "0201 020000000001", "fd77::1", 255, "fd77::100 02:00:00:00:00:01"},
		{"without hardware address", "88000000 60000000" + target, "fd77::1", 255, "fd77::100 "},
		{"solicitation", "87000000 00000000" + target + "0101 020000000001", "fd77::1", 255, "fd77::1 02:00:00:00:00:01"},
		{"scoped solicitation", "87000000 00000000" + target + "0101 020000000001", "fe80::1%eth0", 255, "fe80::1 02:00:00:00:00:01"},
		{"probe", "87000000 00000000" + target + "0e01 010203040506", "::", 255, ""},
		{"routed", "88000000 20000000" + target + "0201 020000000001", "fd77::1", 254, ""},
		{"router advertisement", "86000000 40000000 00000000 00000000", "fe80::1", 255, ""},
		{"short", "88000000 20000000 fd77", "fd77::1", 255, ""},
		{"option without length", "88000000 20000000" + target + "0200 020000000001", "fd77::1", 255, ""},
		{"empty", "", "fd77::1", 255, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := claimFromND(bytesOf(t, c.message), netip.MustParseAddr(c.source), c.hopLimit)
			compareClaim(t, got, ok, c.want)
		})
	}
}

func compareClaim(t *testing.T, got claim, ok bool, want string) {
	t.Helper()
	if !ok {
		if want != "" {
			t.Errorf("no claim, want %q", want)
		}
		return
	}
	if s := got.addr.String() + " " + got.hardware.String(); s != want {
		t.Errorf("claim %q, want %q", s, want)
	}
}

func TestMulticastHardware(t *testing.T) {
	group, err := ndp.SolicitedNodeMulticast(netip.MustParseAddr("fd77::1:2:345"))
	if err != nil {
		t.Fatal(err)
	}
	if got := multicastHardware(group).String(); got != "33:33:ff:02:03:45" {
		t.Errorf("the group's hardware address is %s", got)
	}
}

// FuzzClaimFromARP: no packet panics, and a claim says what the bytes say.
func FuzzClaimFromARP(f *testing.F) {
	f.Add(arpProbe(hardware1, netip.MustParseAddr("10.77.0.100")))
	for _, b := range arpAnnouncements(hardware1, netip.MustParseAddr("10.77.0.100")) {
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parseARP(b)
		if ok && !bytes.Equal(p.marshal(), b[:arpLength]) {
			t.Errorf("%x reads as %+v, which is written %x", b, p, p.marshal())
		}
		c, claims := claimFromARP(b)
		if claims && (!ok || !bytes.Contains(b, append(c.hardware, c.addr.AsSlice()...))) {
			t.Errorf("%x is read as a claim %+v", b, c)
		}
	})
}

// FuzzClaimFromND: no message panics, and a claim says what the bytes say.
func FuzzClaimFromND(f *testing.F) {
	addr := netip.MustParseAddr("fd77::100")
	announcement, err := ndAnnouncement(hardware1, addr, true)
	if err != nil {
		f.Fatal(err)
	}
	probe, _, err := ndProbe(addr)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{announcement, probe} {
		f.Add(b[40:], addr.AsSlice(), maxHopLimit)
		f.Add(b[40:len(b)-3], addr.AsSlice(), maxHopLimit)
	}
	f.Fuzz(func(t *testing.T, b, from []byte, hopLimit int) {
		source, _ := netip.AddrFromSlice(from)
		c, ok := claimFromND(b, source, hopLimit)
		if !ok {
			return
		}
		if hopLimit != maxHopLimit || !c.addr.Is6() {
			t.Errorf("%x from %s with hop limit %d is read as a claim to %s", b, source, hopLimit, c.addr)
		}
		if c.addr != source.WithZone("") && !bytes.Contains(b, c.addr.AsSlice()) || !bytes.Contains(b, c.hardware) {
			t.Errorf("%x from %s is read as a claim %+v", b, source, c)
		}
	})
}
