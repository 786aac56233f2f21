package vip

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// body is a request's message without its netlink header, which is what the
// kernel sends back.
func body(e entry, label string) []byte {
	req := e.message(unix.RTM_NEWADDR, 0, label)
	return req.Serialize()[unix.SizeofNlMsghdr:]
}

func TestEntryReadsAsWritten(t *testing.T) {
	for _, e := range []entry{
		{index: 2, prefix: netip.MustParsePrefix("10.77.0.100/32"), scope: unix.RT_SCOPE_HOST, flags: ourFlags, proto: protocol, label: "eth0:hf", valid: 5},
		{index: 70000, prefix: netip.MustParsePrefix("fd77::100/128"), flags: ourFlags, proto: protocol, valid: 5},
	} {
		got, err := parseEntry(body(e, e.label))
		if err != nil || got != e {
			t.Errorf("%+v reads as %+v, %v", e, got, err)
		}
	}
}

// FuzzParseEntry: no address message panics, and what is read is valid.
func FuzzParseEntry(f *testing.F) {
	e := entry{index: 2, prefix: netip.MustParsePrefix("10.77.0.100/32"), flags: ourFlags, proto: protocol, valid: 5}
	whole := body(e, "eth0:hf")
	for n := range len(whole) {
		f.Add(whole[:n])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseEntry(b); err == nil && !e.prefix.IsValid() {
			t.Errorf("%x reads as %+v", b, e)
		}
	})
}

// FuzzParseLink: no link message panics.
func FuzzParseLink(f *testing.F) {
	whole := nl.NewIfInfomsg(unix.AF_UNSPEC).Serialize()
	whole = append(whole, nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("eth0")).Serialize()...)
	whole = append(whole, nl.NewRtAttr(unix.IFLA_ADDRESS, hardware1).Serialize()...)
	f.Add(whole)
	f.Add(whole[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := parseLink(b); err != nil && l.Name != "" {
			t.Errorf("%x reads as %+v with error %v", b, l, err)
		}
	})
}
