package vip

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	for vip, want := range map[string]string{
		"10.77.0.100/24":       "",
		"10.77.0.100/32":       "",
		"10.77.0.0/31":         "",
		"fd77::100/64":         "",
		"fd77::/64":            "",
		"fe80::1/64":           "",
		"10.77.0.0/24":         "vip 10.77.0.0/24 is the address of the network itself: choose another one in it",
		"10.77.3.255/22":       "vip 10.77.3.255/22 is the broadcast address of its network: choose another one in it",
		"0.0.0.0/0":            "not a unicast address",
		"127.0.0.1/8":          "not a unicast address",
		"224.0.0.5/24":         "not a unicast address",
		"255.255.255.255/32":   "not a unicast address",
		"::1/128":              "not a unicast address",
		"ff02::1/64":           "not a unicast address",
		"::ffff:10.77.0.1/120": "write 10.77.0.1",
		"":                     "vip address is missing or malformed: write it as 10.77.0.100/24",
	} {
		prefix, _ := netip.ParsePrefix(vip)
		err := Address{Prefix: prefix}.Validate()
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: error %v, want none", vip, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v, want one with %q", vip, err, want)
		}
	}
}

func TestPlaced(t *testing.T) {
	a := Address{Prefix: netip.MustParsePrefix("10.77.0.100/24")}
	if got := a.placed().String(); got != "10.77.0.100/32" {
		t.Errorf("%s lies there as %s", a, got)
	}
	a.KeepPrefix, a.Interface = true, "eth0"
	if got := a.placed().String(); got != "10.77.0.100/24" {
		t.Errorf("%s lies there as %s", a, got)
	}
	if got := a.String(); got != "10.77.0.100/24 on eth0" {
		t.Errorf("it reads %q", got)
	}
}

func TestWholeSeconds(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		time.Nanosecond:         1,
		time.Second:             1,
		1001 * time.Millisecond: 2,
		5 * time.Second:         5,
	} {
		if got, err := wholeSeconds(d); err != nil || got != want {
			t.Errorf("%v is %d s, %v, want %d", d, got, err, want)
		}
	}
	for _, d := range []time.Duration{0, -time.Second, (1<<32 - 1) * time.Second} {
		if got, err := wholeSeconds(d); err == nil {
			t.Errorf("%v is %d s, want an error", d, got)
		}
	}
}
