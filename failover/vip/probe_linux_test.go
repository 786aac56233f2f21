package vip

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestProbeFindsOwner(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		ms := segment(t, 2)
		check(t, ms[0].host().Put(ms[0].eth0, a, 30*time.Second))
		// A prober that carries the address itself, behind its fence, must
		// not take itself for the owner.
		h := ms[1].host()
		check(t, h.Put(ms[1].eth0, a, 30*time.Second))
		owner, found, err := h.Probe(t.Context(), ms[1].eth0, a.Prefix.Addr(), 10*time.Second)
		if err != nil || !found || owner.String() != ms[0].eth0.HardwareAddr.String() {
			t.Errorf("owner %s, %v, %v, want %s", owner, found, err, ms[0].eth0.HardwareAddr)
		}
	})
}

func TestProbeWithoutOwner(t *testing.T) {
	both(t, func(t *testing.T, a Address) {
		ms := segment(t, 2)
		h := ms[0].host()
		check(t, h.Put(ms[0].eth0, a, 30*time.Second)) // our own address is no foreign owner
		const wait = 100 * time.Millisecond
		began := time.Now()
		owner, found, err := h.Probe(t.Context(), ms[0].eth0, a.Prefix.Addr(), wait)
		took := time.Since(began)
		if err != nil || found {
			t.Errorf("owner %s, %v, %v, want none", owner, found, err)
		}
		if took < wait || took > wait+2*time.Second {
			t.Errorf("it took %v, want %v", took, wait)
		}
	})
}

// TestProbeClaimsNothing looks at the question on the wire: no neighbour may
// learn from it.
func TestProbeClaimsNothing(t *testing.T) {
	ms := segment(t, 2)
	h, hardware := ms[0].host(), hex.EncodeToString(ms[0].eth0.HardwareAddr)
	probe := func(addr netip.Addr, etherType uint16) []string {
		frames := ms[1].frames(etherType)
		_, found, err := h.Probe(t.Context(), ms[0].eth0, addr, 600*time.Millisecond)
		if err != nil || found {
			t.Fatalf("found %v, %v", found, err)
		}
		var seen []string
		for range probes {
			seen = append(seen, hex.EncodeToString(next(t, frames, "a probe", func(f []byte) bool {
				return bytes.Contains(f, addr.AsSlice())
			})))
		}
		return seen
	}
	want4 := "ffffffffffff" + hardware + "0806" + "0001080006040001" + hardware + "00000000" + "000000000000" + "0a4d0064"
	for _, got := range probe(vip4.Prefix.Addr(), unix.ETH_P_ARP) {
		if got != want4 {
			t.Errorf("arp probe\n%s, want\n%s", got, want4)
		}
	}
	want6 := "3333ff000100" + hardware + "86dd" + "6000000000203aff" + "00000000000000000000000000000000" + "ff0200000000000000000001ff000100" + "8700"
	for _, got := range probe(vip6.Prefix.Addr(), unix.ETH_P_IPV6) {
		if got[:len(want6)] != want6 {
			t.Errorf("nd probe\n%s, want\n%s…", got, want6)
		}
		if options := got[len(want6)+4+8+32:]; options[:4] != "0e01" || len(options) != 16 {
			t.Errorf("nd probe has options %s, want a nonce alone", options)
		}
	}
}

func TestProbeEndsWithContext(t *testing.T) {
	m := segment(t, 1)[0]
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, found, err := m.host().Probe(ctx, m.eth0, vip4.Prefix.Addr(), time.Hour)
	if found || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("found %v, %v, want the context's error: silence was not heard out", found, err)
	}
}
